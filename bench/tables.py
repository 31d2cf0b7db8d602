"""Results as Markdown tables."""

import statistics
from collections.abc import Iterator

from bench.figures import groups_of, median, percentile, ratio, systems_of
from bench.markdown import table
from bench.methods import METHODS, OURS, PRESENT
from bench.results import Results, Row
from bench.targets import targets_table


def report(results: Results) -> str:
    """Return all tables of one profile, with their headings."""
    return "\n".join(_parts(results))


def _parts(results: Results) -> Iterator[str]:
    yield f"## Profile `{results.profile}`\n"
    yield _machine(results)
    yield targets_table(results)
    for system in systems_of(results):
        yield f"### {system}, profile `{results.profile}`\n"
        yield from _seconds(results, system)
        yield from _phases(results, system)
        yield from _processor(results, system)
        yield from _failures(results, system)
    yield from _presence(results)
    yield from _crowds(results)


def _machine(results: Results) -> str:
    facts = ", ".join(f"{name}: {value}" for name, value in results.machine.items())
    links = "; ".join(
        f"{system} {link['megabits_per_second']} Mbit/s, {link['round_trip_ms']} ms"
        for system, link in results.links.items()
    )
    return f"Machine: {facts}.\n" + (f"The slow link, measured by a download: {links}.\n" if links else "")


def _seconds(results: Results, system: str) -> Iterator[str]:
    groups = groups_of(results, system)
    rows = []
    for method in (method for method in METHODS if method.name != PRESENT):
        found = [results.row(system, group, method.name) for group in groups]
        if any(found):
            rows.append([method.title, *(_cell(results, row) for row in found)])
    counts = {row.group: row.packages for row in results.rows if row.system == system}
    yield "Seconds: median [least–most], and the ratio to Package Cache.\n"
    yield table(["method", *(f"{group} ({counts[group]} files)" for group in groups)], rows)


def _cell(results: Results, row: Row | None) -> str:
    middle = median(row)
    if row is None or middle is None:
        return "–" if row is None or row.failure is None else "**failed**"
    seconds = [sample.seconds for sample in row.samples]
    times = ratio(results, *row.key)
    factor = "" if times is None or row.method == OURS else f" ×{times:.2f}"
    return f"{middle:.2f} [{min(seconds):.2f}–{max(seconds):.2f}]{factor}"


def _phases(results: Results, system: str) -> Iterator[str]:
    found = [row for row in results.rows if row.system == system and row.method == OURS and row.samples]
    names = list(dict.fromkeys(name for row in found for sample in row.samples for name in sample.phases))
    if names:
        rows = [[row.group, *(_phase(row, name) for name in names)] for row in found]
        yield "Median seconds of the installer's phases, from its result file.\n"
        yield table(["group", *names], rows)


def _phase(row: Row, name: str) -> str:
    return f"{statistics.median(sample.phases.get(name, 0.0) for sample in row.samples):.2f}"


def _processor(results: Results, system: str) -> Iterator[str]:
    groups = groups_of(results, system)
    rows = []
    for method in (method for method in METHODS if method.name != PRESENT):
        found = [results.row(system, group, method.name) for group in groups]
        if any(row and row.samples for row in found):
            rows.append([method.title, *(_processor_cell(row) for row in found)])
    yield "CPU seconds inside the root: median of user + system.\n"
    yield table(["method", *groups], rows)


def _processor_cell(row: Row | None) -> str:
    if row is None or not row.samples:
        return "–"
    parts = (statistics.median(values) for values in zip(*((item.user, item.system) for item in row.samples)))  # noqa: B905
    return " + ".join(f"{part:.2f}" for part in parts)


def _failures(results: Results, system: str) -> Iterator[str]:
    for row in results.rows:
        if row.system == system and row.failure:
            yield f"Failed: `{row.method}` of {row.group}: {row.failure.splitlines()[0]}\n"


def _presence(results: Results) -> Iterator[str]:
    groups = groups_of(results)
    rows = []
    for system in systems_of(results):
        medians = [median(results.row(system, group, PRESENT)) for group in groups]
        rows.append([system, *("–" if value is None else f"{value * 1000:.1f}" for value in medians)])
    yield "### All packages installed already\n"
    yield "Milliseconds of the installer if every package of the group is installed.\n"
    yield table(["system", *groups], rows)


def _crowds(results: Results) -> Iterator[str]:
    if results.crowds:
        yield "### Many at once\n"
        rows = [
            [crowd.what, *(f"{percentile(crowd.seconds, part):.2f}" for part in (50, 95)), f"{crowd.total:.2f}"]
            for crowd in results.crowds
        ]
        yield table(["what", "p50 (s)", "p95 (s)", "all finished (s)"], rows)
