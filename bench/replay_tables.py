"""What replays of recordings must reach, and a table that shows by system and over all which targets are reached."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from bench.markdown import table
from bench.methods import OTHER_IMAGE, OURS, REPLAY, REPLAY_ED25519, UNTAR_HASHED
from bench.results import INSTALLED, MANY, Results, containers_at_once
from bench.tables import mean, mean_ratio, measured, reached

TARGETS = {"ours": 4.5, "seed": 8.0, "file-repository": 7.0, "online-slow": 35.0}
"""The lowest ratio of a method's seconds to those of a replay."""

PROCESSOR = 4.0
"""The lowest ratio of the CPU seconds by dpkg to those of a replay."""

SHORT_KEYS = ("ubuntu16.04", "ubuntu18.04")
"""Where ssh-keygen makes RSA keys of 2048 bits; elsewhere they have 3072."""

ALL_KEYS = {"2048": 3.0, "3072": 1.8}
"""The lowest ratio for ssh with all host keys, by the bits of the RSA key."""

ED25519_KEY = 7.0
"""The same with an Ed25519 host key only, to an installation by dpkg, which makes all."""

LARGE = 20_000
"""KiB that a large group takes once it is installed."""

UNPACKING = {True: 1.5, False: 2.0}
"""The highest ratio of a replay's seconds to those of hashing and unpacking alone, for large groups and for others."""

CROWD = 4.0
"""The lowest ratio of the seconds until many containers have installed by dpkg to those by replay."""

ANOTHER_IMAGE = 0.010
"""Seconds that the installer may take longer where the recordings are of another image."""


def replay_targets(results: Results) -> str:
    """Return the table; nothing where no replay was measured."""
    if not any(row.method == REPLAY for row in results.rows):
        return ""
    shown = table(["what", "target", *results.systems, "all"], list(_rows(results)))
    words = "Targets of replays: geometric means, over the groups, of ratios of seconds, if no others are named"
    return f"{words}. `ours` is Package Cache by dpkg, with all host keys; failed runs are left out.\n\n{shown}"


def _rows(results: Results) -> Iterator[list[str]]:
    columns = [*([system] for system in results.systems), results.systems]
    for method, least in TARGETS.items():
        yield _row(f"{method} ÷ replay", least, [mean_ratio(results, method, systems, REPLAY) for systems in columns])
    processor = [
        mean(results.processor_ratio(*one, OURS, REPLAY) for one in measured(results, systems)) for systems in columns
    ]
    yield _row("ours ÷ replay, CPU seconds", PROCESSOR, processor)
    for bits, least in ALL_KEYS.items():
        of_bits = [[one for one in systems if (one in SHORT_KEYS) is (bits == "2048")] for systems in columns]
        ratios = [_ssh_ratio(results, REPLAY, systems) for systems in of_bits]
        yield _row(f"ssh with all host keys, RSA of {bits} bits: ours ÷ replay", least, ratios)
    ratios = [_ssh_ratio(results, REPLAY_ED25519, systems) for systems in columns]
    yield _row("ssh with an Ed25519 host key only: ours ÷ replay", ED25519_KEY, ratios)
    for is_large, most in UNPACKING.items():
        cells = [_greatest(_to_unpacking(results, systems, is_large=is_large), most) for systems in columns]
        size = f"those {'over' if is_large else 'up to'} {LARGE // 1000} MB"
        yield [f"replay ÷ {UNTAR_HASHED}, the greatest of {size}", f"≤ {most:.2f}", *cells]
    for group in INSTALLED:
        totals = [mean(_crowd_ratio(results, group, system) for system in systems) for systems in columns]
        yield _row(f"{MANY} containers at once, until all have {group}: ours ÷ replay", CROWD, totals)
    costs = [slower_in_another_image(results, systems) for systems in columns]
    cells = ["–" if cost is None else f"{cost * 1000:.0f} ms {reached(cost <= ANOTHER_IMAGE)}" for cost in costs]
    yield [f"{OTHER_IMAGE} − ours, median over the groups", f"≤ {ANOTHER_IMAGE * 1000:.0f} ms", *cells]


def _row(what: str, least: float, values: Sequence[float | None]) -> list[str]:
    cells = ["–" if value is None else f"{value:.2f} {reached(value >= least)}" for value in values]
    return [what, f"≥ {least:.2f}", *cells]


def _ssh_ratio(results: Results, to: str, systems: Sequence[str]) -> float | None:
    return mean(results.ratio(system, "ssh", OURS, to) for system in systems)


def _to_unpacking(results: Results, systems: Sequence[str], *, is_large: bool) -> dict[str, float]:
    """Return a replay's ratios to hashing and unpacking, by group, for groups of one size; of systems the greatest."""
    found: dict[str, float] = {}
    for system, group in measured(results, systems):
        row, ratio = results.row(system, group, REPLAY), results.ratio(system, group, REPLAY, UNTAR_HASHED)
        if row and ratio and (row.installed_kib > LARGE) is is_large:
            found[group] = max(ratio, found.get(group, 0.0))
    return found


def _greatest(values: Mapping[str, float], most: float) -> str:
    """Return the cell of the greatest of these values, with its group."""
    group = max(values, key=lambda one: values[one], default="")
    return f"{values[group]:.2f} ({group}) {reached(values[group] <= most)}" if group else "–"


def slower_in_another_image(results: Results, systems: Sequence[str]) -> float | None:
    """Return the median, over the groups, of the seconds that recordings of another image cost; None for no group."""
    pairs = [[results.median(*one, method) for method in (OTHER_IMAGE, OURS)] for one in measured(results, systems)]
    found = [other - ours for other, ours in pairs if other is not None and ours is not None]
    return statistics.median(found) if found else None


def _crowd_ratio(results: Results, group: str, system: str) -> float | None:
    totals = {crowd.what: crowd.total for crowd in results.crowds}
    ours, replay = (totals.get(containers_at_once(MANY, group, how, system)) for how in ("install", "replay"))
    return ours / replay if ours and replay else None
