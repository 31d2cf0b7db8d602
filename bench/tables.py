"""Results as Markdown tables, and the project's targets, of which a table shows which are met."""

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from bench.markdown import table
from bench.methods import METHODS, OURS, PRESENT, REPLAY
from bench.results import Results, Row

TARGETS = {
    "online-slow": 8,
    "online": 3,
    "seed": 2,
    "file-repository": 1.6,
    "dpkg": 1.25,
    "dpkg-recompressed": 1 / 1.12,
}
"""The lowest ratio of a method's seconds to those of Package Cache."""

EXCEPTIONS = {("seed", "ubuntu16.04"): 1.7}

PRESENT_BELOW = 0.030
"""Seconds, for each group."""


def report(results: Results, plots: Mapping[str, str] = MappingProxyType({}), targets: str = "") -> str:
    """Return all tables of one profile, with their headings, and with the plots of systems at these places.

    `targets` are tables of further targets.
    """
    return "\n".join(_parts(results, plots, targets))


def _parts(results: Results, plots: Mapping[str, str], targets: str) -> Iterator[str]:
    yield f"## Profile `{results.profile}`\n"
    yield _machine(results)
    yield _targets(results)
    if targets:
        yield targets
    for system in results.systems:
        yield f"### {system}, profile `{results.profile}`\n"
        if system in plots:
            yield f"![Seconds by method and group in {system}]({plots[system]})\n"
        counts = {row.group: row.packages for row in results.rows if row.system == system}
        yield "Seconds: median [least–most], and the ratio to Package Cache by dpkg.\n"
        heads = [f"{group} ({counts[group]} files)" for group in results.groups(system)]
        yield _by_method(results, system, heads, lambda row: _seconds(results, row))
        yield from _phases(results, system)
        yield "CPU seconds inside the root: median of user + system.\n"
        yield _by_method(results, system, results.groups(system), _processor)
        for row in results.rows:
            if row.system == system and row.failure:
                yield f"Failed: `{row.method}` of {row.group}: {row.failure.splitlines()[0]}\n"
    yield "### All packages installed already\n"
    yield "Milliseconds of the installer if every package of the group is installed.\n"
    present = {name: [results.median(name, group, PRESENT) for group in results.groups()] for name in results.systems}
    rows = [
        [system, *("–" if value is None else f"{value * 1000:.1f}" for value in medians)]
        for system, medians in present.items()
    ]
    yield table(["system", *results.groups()], rows)
    if results.crowds:
        yield "### Many at once\n"
        rows = [
            [crowd.what, *(f"{percentile(crowd.seconds, part):.2f}" for part in (50, 95)), f"{crowd.total:.2f}"]
            for crowd in results.crowds
        ]
        yield table(["what", "p50 (s)", "p95 (s)", "all finished (s)"], rows)


def _machine(results: Results) -> str:
    facts = ", ".join(f"{name}: {value}" for name, value in results.machine.items())
    links = "; ".join(
        f"{system} {link['megabits_per_second']} Mbit/s, {link['round_trip_ms']} ms"
        for system, link in results.links.items()
    )
    return f"Machine: {facts}.\n" + (f"The slow link, measured by a download: {links}.\n" if links else "")


def _targets(results: Results) -> str:
    """Return the table that says, by system and over all, which targets are reached."""
    columns = [*([system] for system in results.systems), results.systems]
    rows = []
    for method, least in TARGETS.items():
        bounds = [EXCEPTIONS.get((method, system), least) for system in (*results.systems, "all")]
        means = [mean_ratio(results, method, systems) for systems in columns]
        cells = [
            "–" if value is None else f"{value:.2f} {reached(value >= bound)}"
            for value, bound in zip(means, bounds, strict=True)
        ]
        others = "".join(f", {system} ≥ {bound:.2f}" for (name, system), bound in EXCEPTIONS.items() if name == method)
        rows.append([f"{method} ÷ ours", f"≥ {least:.2f}{others}", *cells])
    slowest = [slowest_presence(results, systems) for systems in columns]
    cells = ["–" if value is None else f"{value * 1000:.0f} ms {reached(value < PRESENT_BELOW)}" for value in slowest]
    rows.append(["all there already (slowest group)", f"< {PRESENT_BELOW * 1000:.0f} ms", *cells])
    shown = table(["what", "target", *results.systems, "all"], rows)
    words = "Targets: the geometric mean, over the groups, of the ratio of a method's seconds to those of Package Cache"
    return f"{words} by dpkg; failed runs are left out.\n\n{shown}"


def mean(values: Iterable[float | None]) -> float | None:
    """Return the geometric mean of those that are not None; None if there are none."""
    found = [value for value in values if value is not None]
    return statistics.geometric_mean(found) if found else None


def measured(results: Results, systems: Sequence[str]) -> list[tuple[str, str]]:
    """Return the systems and groups that were measured."""
    return [(system, group) for system in systems for group in results.groups(system)]


def reached(is_reached: bool) -> str:
    """Return the word for a target that is reached, or not."""
    return "yes" if is_reached else "**no**"


def mean_ratio(results: Results, method: str, systems: Sequence[str], to: str = OURS) -> float | None:
    """Return the geometric mean of a method's ratios over all groups of these systems; None if there are none."""
    return mean(results.ratio(*one, method, to) for one in measured(results, systems))


def slowest_presence(results: Results, systems: Sequence[str]) -> float | None:
    """Return the greatest median of finding all packages there."""
    medians = [results.median(system, group, PRESENT) for system in systems for group in results.groups(system)]
    return max((value for value in medians if value is not None), default=None)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least so many percent do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _by_method(results: Results, system: str, heads: Sequence[str], cell: Callable[[Row], str]) -> str:
    """Return the table of all methods of a system that were measured or tried, a column for each group."""
    rows = []
    for method in (method for method in METHODS if method.name != PRESENT):
        found = [results.row(system, group, method.name) for group in results.groups(system)]
        cells = [cell(row) if row else "–" for row in found]
        if set(cells) != {"–"}:
            rows.append([method.title, *cells])
    return table(["method", *heads], rows)


def _seconds(results: Results, row: Row) -> str:
    middle = results.median(*row.key)
    if middle is None:
        return "–" if row.failure is None else "**failed**"
    seconds = [sample.seconds for sample in row.samples]
    times = results.ratio(*row.key)
    factor = "" if times is None or row.method == OURS else f" ×{times:.2f}"
    return f"{middle:.2f} [{min(seconds):.2f}–{max(seconds):.2f}]{factor}"


def _processor(row: Row) -> str:
    if not row.samples:
        return "–"
    user, system = (statistics.median(getattr(one, name) for one in row.samples) for name in ("user", "system"))
    return f"{user:.2f} + {system:.2f}"


def _phases(results: Results, system: str) -> Iterator[str]:
    for method, words in ((OURS, "by dpkg"), (REPLAY, "by a recording")):
        found = [row for row in results.rows if row.system == system and row.method == method and row.samples]
        names = list(dict.fromkeys(name for row in found for sample in row.samples for name in sample.phases))
        if names:
            rows = [[row.group, *(_phase(row, name) for name in names)] for row in found]
            yield f"Median seconds of the installer's phases {words}, from its result file.\n"
            yield table(["group", *names], rows)


def _phase(row: Row, name: str) -> str:
    return f"{statistics.median(sample.phases.get(name, 0.0) for sample in row.samples):.2f}"
