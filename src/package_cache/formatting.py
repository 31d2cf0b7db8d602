"""Sizes, counts, progress and tables as text. Tables have their full width: a pipe would lose truncated cells."""

from collections.abc import Sequence

from package_cache.escaping import visible_line
from package_cache.events import Progress


def in_bytes(size: int) -> str:
    """Return a size in decimal units, like apt."""
    amount = float(size)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.2f} GB"


def count(number: int, noun: str) -> str:
    """Return a number and its noun: `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def how_far(progress: Progress) -> str:
    """Return the progress of a step: `1.2 MB of 5.0 MB`, `3 of 7 files`."""
    if progress.unit == "bytes":
        return f"{in_bytes(progress.done)} of {in_bytes(progress.total)}"
    return f"{progress.done} of {progress.total} {progress.unit}"


RIGHT = ("size", "packages", "files", "recordings")
"""Titles of right-aligned columns."""


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a header."""
    lines = aligned([titles, *rows], [title in RIGHT for title in titles])
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool] = ()) -> list[str]:
    """Return the rows with aligned columns; `right` marks right-aligned columns."""
    rows = [[visible_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [*right, *[False] * (len(widths) - len(right))]

    def line(cells: Sequence[str]) -> str:
        fitted = zip(cells, widths, sides, strict=True)
        padded = (cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in fitted)
        return "   ".join(padded).rstrip()

    return [line(cells) for cells in rows]
