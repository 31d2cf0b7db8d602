"""Tables of full width: a pipe would lose truncated cells."""

from collections.abc import Sequence

from package_cache.escaping import visible_line

RIGHT = ("size", "packages")
"""Titles of right-aligned columns."""


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a header."""
    lines = aligned([titles, *rows], [title in RIGHT for title in titles])
    head = lines[0].rstrip()
    return "\n".join([head, "─" * max(map(len, lines)), *(line.rstrip() for line in lines[1:])])


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool] = ()) -> list[str]:
    """Return the rows with aligned columns; `right` marks right-aligned columns."""
    rows = [[visible_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [*right, *[False] * (len(widths) - len(right))]

    def line(cells: Sequence[str]) -> str:
        fitted = zip(cells, widths, sides, strict=True)
        return "   ".join(cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in fitted)

    return [line(cells) for cells in rows]
