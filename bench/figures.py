"""From samples to figures: medians, and ratios to our own method."""

import math
import statistics
from collections.abc import Iterable, Sequence

from bench.methods import OURS, PRESENT
from bench.results import Results, Row


def median(row: Row | None) -> float | None:
    """Return the median seconds of what was measured, None if it failed or was not."""
    if row is None or row.failure is not None or not row.samples:
        return None
    return statistics.median(sample.seconds for sample in row.samples)


def ratio(results: Results, system: str, group: str, method: str) -> float | None:
    """Return the ratio of a method's seconds to those of Package Cache."""
    theirs, ours = (median(results.row(system, group, name)) for name in (method, OURS))
    return None if theirs is None or ours is None else theirs / ours


def geometric_mean(values: Sequence[float]) -> float | None:
    """Return the geometric mean; None if there are no values."""
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least so many percent do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def systems_of(results: Results) -> list[str]:
    """Return the systems in the order in which they were first measured."""
    return list(dict.fromkeys(row.system for row in results.rows))


def groups_of(results: Results, system: str | None = None) -> list[str]:
    """Return the groups of a system, or of all, in the same order."""
    return list(dict.fromkeys(row.group for row in results.rows if system in (None, row.system)))


def mean_ratio(results: Results, method: str, systems: Iterable[str]) -> float | None:
    """Return the geometric mean of a method's ratios over all groups of these systems."""
    ratios = (ratio(results, system, group, method) for system in systems for group in groups_of(results, system))
    return geometric_mean([value for value in ratios if value is not None])


def slowest_presence(results: Results, systems: Sequence[str]) -> float | None:
    """Return the greatest median of finding all packages there."""
    rows = (row for row in results.rows if row.method == PRESENT and row.system in systems)
    return max((value for value in map(median, rows) if value is not None), default=None)
