"""Tables in plain text."""

from collections.abc import Sequence


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a table as wide as it needs to be: what is cut off in a pipe is lost. Its cells are ASCII."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    right = [title in ("size", "packages") for title in titles]

    def line(cells: Sequence[str]) -> str:
        fitted = zip(cells, widths, right, strict=True)
        return "   ".join(cell.rjust(width) if is_right else cell.ljust(width) for cell, width, is_right in fitted)

    head = line(titles)
    return "\n".join(text.rstrip() for text in (head, "─" * len(head), *map(line, rows)))
