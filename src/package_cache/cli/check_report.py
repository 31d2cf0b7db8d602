"""The results of `check`, as text and as JSON."""

from collections.abc import Iterator, Mapping

from package_cache.check.verdict import CheckResult, Prediction, Verdict
from package_cache.cli.formatting import in_bytes, table
from package_cache.errors import PackageCacheError

Matrix = Mapping[str, CheckResult | PackageCacheError]
"""By the names of the images."""


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


def matrix_value(results: Matrix) -> dict[str, object]:
    """Return the JSON value of all images of a manifest."""
    images = []
    for name, result in results.items():
        value: dict[str, object] = {"name": name, "status": result.status.code, "error": None}
        if isinstance(result, PackageCacheError):
            value["error"] = {"message": result.message, "details": result.details, "hint": result.hint}
        else:
            value |= value_of(result)
        images.append(value)
    return {"images": images}


def matrix_text(results: Matrix) -> str:
    """Return a table of images and groups, and below it what prevents each miss."""
    checked = [result for result in results.values() if isinstance(result, CheckResult)]
    groups = tuple(dict.fromkeys(item.group for result in checked for item in result.verdicts))
    rows: list[tuple[str, ...]] = []
    lines = []
    for name, result in results.items():
        if isinstance(result, PackageCacheError):
            rows.append((name, f"error ({result.status.code})", *("" for _ in groups)))
            lines += ["", f"{name}: {result}"]
            continue
        outcomes = {item.group: _outcome(item) for item in result.verdicts}
        system = f"{result.system or 'unknown'} {result.architecture}".rstrip()
        rows.append((name, system, *(outcomes.get(group, "") for group in groups)))
        details = [*(_digests(result) if result.asked else ()), *_details(result)]
        lines += [f"{name}, {line}" if line and line[0] != " " else line for line in details]
    return "\n".join([table(("image", "system", *groups), rows), *lines])


def _outcome(item: Verdict) -> str:
    return f"{item.status.reason} ({item.status.code})" if item.prediction is Prediction.MISS else item.prediction.value
