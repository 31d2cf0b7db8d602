"""From samples to figures: medians, and ratios to our own way."""

import math
import statistics
from collections.abc import Iterable, Sequence

from bench.results import Results, Row
from bench.ways import OURS, PRESENT


def median(row: Row | None) -> float | None:
    """Give the median seconds of what was measured, None where it failed or was not."""
    if row is None or row.failure is not None or not row.samples:
        return None
    return statistics.median(sample.seconds for sample in row.samples)


def ratio(results: Results, system: str, group: str, way: str) -> float | None:
    """Give how many times as long as ours a way takes."""
    theirs, ours = (median(results.row(system, group, name)) for name in (way, OURS))
    return None if theirs is None or ours is None else theirs / ours


def geometric_mean(values: Sequence[float]) -> float | None:
    """Give the mean that ratios have; None of nothing."""
    return math.exp(statistics.fmean(map(math.log, values))) if values else None


def percentile(values: Sequence[float], percent: float) -> float:
    """Give the smallest value that at least so many percent do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def systems_of(results: Results) -> list[str]:
    """Give the systems in the order in which they were first measured."""
    return list(dict.fromkeys(row.system for row in results.rows))


def groups_of(results: Results, system: str | None = None) -> list[str]:
    """Give the groups of a system, or of all, in the same order."""
    return list(dict.fromkeys(row.group for row in results.rows if system in (None, row.system)))


def mean_ratio(results: Results, way: str, systems: Iterable[str]) -> float | None:
    """Give the geometric mean of a way's ratios over all groups of these systems."""
    ratios = (ratio(results, system, group, way) for system in systems for group in groups_of(results, system))
    return geometric_mean([value for value in ratios if value is not None])


def slowest_presence(results: Results, systems: Sequence[str]) -> float | None:
    """Give the greatest median of finding all packages there."""
    rows = (row for row in results.rows if row.way == PRESENT and row.system in systems)
    return max((value for value in map(median, rows) if value is not None), default=None)
