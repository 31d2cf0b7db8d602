"""What `check` found, for people and for programs."""

from collections.abc import Iterator, Sequence

from package_cache.check.matrix import MatrixRow
from package_cache.check.prediction import CheckResult
from package_cache.check.trial_install import Run
from package_cache.check.verdict import Prediction, Verdict
from package_cache.cli.formatting import in_bytes
from package_cache.cli.tables import table


def value_of(result: CheckResult, runs: Sequence[Run]) -> dict[str, object]:
    """Give what is known of one system."""
    came = {run.group: run for run in runs}
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
            "run": came.get(item.group),
        }
        for item in result.verdicts
    ]
    head = {"checked": result.name, "system": result.system, "architecture": result.architecture}
    return {**head, "digest": result.digest, "asked_digest": result.asked, "groups": groups}


def text_of(result: CheckResult, runs: Sequence[Run]) -> str:
    """Draw the table of groups, and tell below it what is in the way."""
    head = f"{result.name}: {result.system or 'no known system'} {result.architecture}".rstrip()
    rows = [_row(item) for item in result.verdicts]
    misses = (line for item in result.verdicts if item.prediction is Prediction.MISS for line in _miss(item))
    lines = [head, *_digests(result), table(("group", "result", "packages", "size"), rows), *misses, *_came(runs)]
    return "\n".join(lines)


def _digests(result: CheckResult) -> Iterator[str]:
    """Yield which digest was asked for, and which manifest was read: that of an index is another one."""
    if result.asked:
        yield f"asked for {result.asked}"
    if result.digest:
        yield f"read      {result.digest}"


def _came(runs: Sequence[Run]) -> Iterator[str]:
    """Tell what came of installing, a line each."""
    if runs:
        yield ""
    for run in runs:
        how = "as predicted" if run.agreed else "NOT as predicted"
        yield f"{run.group}: installed for real: status {run.status}, {how}: {run.message}"


def _row(item: Verdict) -> tuple[str, str, str, str]:
    if item.prediction is Prediction.MISS:
        return item.group, f"miss: {_word(item)}", "", ""
    if item.prediction is Prediction.THERE:
        return item.group, item.prediction.value, "0", in_bytes(0)
    return item.group, item.prediction.value, str(len(item.packages)), in_bytes(item.size)


def _miss(item: Verdict) -> Iterator[str]:
    yield ""
    yield f"{item.group}: {item.message}"
    yield from (f"    {reason.text}" for reason in item.reasons)
    yield f"    next step: {item.next_step}"


def matrix_value(rows: Sequence[MatrixRow]) -> dict[str, object]:
    """Give what is known of all images of a manifest."""
    images = []
    for row in rows:
        error = row.error
        told = None if error is None else {"message": error.message, "details": error.details, "hint": error.hint}
        found = {} if row.cell is None else value_of(row.cell.result, row.cell.runs)
        images.append({"name": row.image.name, "status": row.status.code, "error": told, **found})
    return {"images": images}


def matrix_text(rows: Sequence[MatrixRow]) -> str:
    """Draw the table of images and groups, and tell below it what is in the way."""
    cells = [row.cell for row in rows if row.cell is not None]
    groups = tuple(dict.fromkeys(item.group for cell in cells for item in cell.result.verdicts))
    lines = [table(("image", "system", *groups), [_matrix_row(row, groups) for row in rows])]
    for row in rows:
        if row.error is not None:
            lines += ["", f"{row.image.name}: {row.error}"]
        if row.cell is not None:
            misses = [item for item in row.cell.result.verdicts if item.prediction is Prediction.MISS]
            told = [line for item in misses for line in _miss(item)] + list(_came(row.cell.runs))
            told = [*_digests(row.cell.result), *told] if row.cell.result.asked else told
            lines += [f"{row.image.name}, {line}" if line and line[0] != " " else line for line in told]
    return "\n".join(lines)


def _matrix_row(row: MatrixRow, groups: Sequence[str]) -> tuple[str, ...]:
    if row.cell is None:
        return (row.image.name, f"error ({row.status.code})", *("" for _ in groups))
    result = row.cell.result
    words = {item.group: _word(item) for item in result.verdicts}
    system = f"{result.system or 'unknown'} {result.architecture}".rstrip()
    return (row.image.name, system, *(words.get(group, "") for group in groups))


def _word(item: Verdict) -> str:
    return f"{item.status.reason} ({item.status.code})" if item.prediction is Prediction.MISS else item.prediction.value
