"""What may differ after an installation, or after one that was undone: the table of docs/reliability.md."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs/reliability.md"
UNDONE, INSTALLED, REAL = "undone", "installed", "a real group installed"
"""After what a row holds: the statuses 50 and 130, 0, or of the latter a real group only."""

_TABLE = DOCUMENT.read_text().partition("\n## What may differ\n")[2].partition("\n## ")[0]
EXEMPT = {
    tuple(re.findall(r"`([^`]+)`", paths)): after.split(" and ")
    for paths, after in re.findall(r"^\| (`.+?`) \| ([^`|]+) \| .+ \|$", _TABLE, re.MULTILINE)
}
"""Patterns of paths in which `*` matches a `/` as well, and after what these may differ.

Not in it: the times of files and folders, and what belongs to a package that was upgraded; see `not_undone`."""


def is_exempt(path: str, after: Sequence[str], more: Iterable[str] = ()) -> bool:
    """Return whether a path may differ `after` an installation; `more`: patterns of what a test's own scripts write."""
    patterns = [pattern for paths, when in EXEMPT.items() if {*after} & {*when} for pattern in paths]
    return any(fnmatchcase(path, pattern) for pattern in (*patterns, *more))
