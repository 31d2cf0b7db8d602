"""Markdown."""

from collections.abc import Sequence
from pathlib import Path

from package_cache.errors import UsageError
from package_cache.filesystem.paths import write_atomically


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_between(document: Path, begin: str, end: str, content: str) -> None:
    """Write a document's part between two marks. Raise `UsageError` if it lacks them."""
    before, found, rest = document.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise UsageError(f"cannot write the tables into {document}: it lacks the marks {begin} and {end}")
    write_atomically(document, "".join([before, begin, "\n", content, end, after]).encode())
