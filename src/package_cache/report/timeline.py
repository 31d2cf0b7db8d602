"""The picture of the ends of support: a row for each OS release, a part for each kind of support, on one scale."""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from package_cache.releases.distributions import Support
from package_cache.report.facts import Report

MOST_YEARS = 6
"""How many years have a line and a label."""


@dataclass(frozen=True)
class Part:
    """One kind of support. Places are percents of the width."""

    start: float
    end: float
    kind: str
    until: str
    """The last day, as ISO 8601."""


@dataclass(frozen=True)
class Timeline:
    """The picture."""

    day: float
    """Where the report's day is."""
    years: tuple[tuple[int, float], ...]
    rows: tuple[tuple[str, tuple[Part, ...]], ...]
    """By the names of the OS releases."""


def timeline(report: Report) -> Timeline | None:
    """Return the picture; None where no end of support is known."""
    known = {system.name: system.support for system in report.systems if system.support and system.support.ends}
    if not known:
        return None
    days = [report.day, *(day for support in known.values() for day in support.ends.values())]
    first, last = int(min(days)[:4]) - 1, int(max(days)[:4]) + 1
    begin = datetime.date(first, 1, 1)
    width = (datetime.date(last, 1, 1) - begin).days

    def place(day: str) -> float:
        return 100 * (datetime.date.fromisoformat(day) - begin).days / width

    years = tuple((year, place(f"{year}-01-01")) for year in range(first + 1, last, -(-(last - first) // MOST_YEARS)))
    rows = tuple((name, tuple(_parts(support, place))) for name, support in known.items())
    return Timeline(place(report.day), years, rows)


def _parts(support: Support, place: Callable[[str], float]) -> Iterator[Part]:
    """Yield the kinds of support, one behind the other; of two that end on one day the first."""
    start = 0.0
    for kind, until in support.ends.items():
        if place(until) > start:
            yield Part(start, place(until), kind, until)
            start = place(until)
