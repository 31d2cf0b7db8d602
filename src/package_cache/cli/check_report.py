"""The results of `check`, as text and as JSON."""

from collections.abc import Iterator, Sequence

from package_cache.check.matrix import MatrixRow
from package_cache.check.verdict import CheckResult, Prediction, Verdict
from package_cache.cli.formatting import in_bytes, table
from package_cache.errors import PackageCacheError


def value_of(result: CheckResult) -> dict[str, object]:
    """Return the JSON value of one system."""
    runs = {run.group: run for run in result.runs}
    groups = [
        {
            "name": item.group,
            "prediction": item.prediction,
            "status": item.status.code,
            "reason": "ok" if item.status.code == 0 else item.status.reason,
            "packages": item.packages,
            "bytes": item.size,
            "message": item.message,
            "next_step": item.next_step,
            "reasons": item.reasons,
            "apt": item.words,
            "run": runs.get(item.group),
        }
        for item in result.verdicts
    ]
    head = {"checked": result.name, "system": result.system, "architecture": result.architecture}
    return {**head, "digest": result.digest, "asked_digest": result.asked, "groups": groups}


def text_of(result: CheckResult) -> str:
    """Return a table of the groups, and below it what prevents each miss."""
    head = f"{result.name}: {result.system or 'unknown system'} {result.architecture}".rstrip()
    shown = table(("group", "result", "packages", "size"), [_row(item) for item in result.verdicts])
    return "\n".join([head, *_digests(result), shown, *_details(result)])


def _digests(result: CheckResult) -> Iterator[str]:
    """Yield the requested digest and the digest that was read: a digest of an index differs from its manifest's."""
    if result.asked:
        yield f"asked for {result.asked}"
    if result.digest:
        yield f"read      {result.digest}"


def _details(result: CheckResult) -> Iterator[str]:
    """Yield lines on each miss and on each trial installation."""
    for item in result.misses:
        yield from ("", f"{item.group}: {item.message}")
        yield from (f"    {reason.text}" for reason in item.reasons)
        yield f"    next step: {item.next_step}"
    if result.runs:
        yield ""
    for run in result.runs:
        how = "as predicted" if run.agreed else "NOT as predicted"
        yield f"{run.group}: trial installation: status {run.status}, {how}: {run.message}"


def _row(item: Verdict) -> tuple[str, str, str, str]:
    if item.prediction is Prediction.MISS:
        return item.group, f"miss: {_outcome(item)}", "", ""
    return item.group, item.prediction.value, str(len(item.packages)), in_bytes(item.size)


def matrix_value(rows: Sequence[MatrixRow]) -> dict[str, object]:
    """Return the JSON value of all images of a manifest."""
    return {"images": [{"name": row.image, "status": row.status.code, **_image_value(row)} for row in rows]}


def _image_value(row: MatrixRow) -> dict[str, object]:
    match row.result:
        case PackageCacheError(message=message, details=details, hint=hint):
            return {"error": {"message": message, "details": details, "hint": hint}}
        case result:
            return {"error": None, **value_of(result)}


def matrix_text(rows: Sequence[MatrixRow]) -> str:
    """Return a table of images and groups, and below it what prevents each miss."""
    results = [row.result for row in rows if isinstance(row.result, CheckResult)]
    groups = tuple(dict.fromkeys(item.group for result in results for item in result.verdicts))
    lines = [table(("image", "system", *groups), [_matrix_row(row, groups) for row in rows])]
    for row in rows:
        if isinstance(row.result, PackageCacheError):
            lines += ["", f"{row.image}: {row.result}"]
            continue
        details = [*(_digests(row.result) if row.result.asked else ()), *_details(row.result)]
        lines += [f"{row.image}, {line}" if line and line[0] != " " else line for line in details]
    return "\n".join(lines)


def _matrix_row(row: MatrixRow, groups: Sequence[str]) -> tuple[str, ...]:
    if isinstance(row.result, PackageCacheError):
        return (row.image, f"error ({row.status.code})", *("" for _ in groups))
    outcomes = {item.group: _outcome(item) for item in row.result.verdicts}
    system = f"{row.result.system or 'unknown'} {row.result.architecture}".rstrip()
    return (row.image, system, *(outcomes.get(group, "") for group in groups))


def _outcome(item: Verdict) -> str:
    return f"{item.status.reason} ({item.status.code})" if item.prediction is Prediction.MISS else item.prediction.value
