"""The rounds: in each, every way once, in an order of its own; so what disturbs the machine disturbs all alike."""

import random
from collections.abc import Callable, Sequence

from bench.measure import Place, Sample, measure
from bench.results import Row
from bench.ways import Way
from package_cache.errors import PackageCacheError

Tell = Callable[[str], None]
"""Hears, before each run, what it is."""


def orders(ways: Sequence[Way], rounds: int, seed: str) -> list[list[Way]]:
    """Give the order of the ways for each round; the same seed gives the same orders."""
    shuffled = random.Random(seed)  # noqa: S311  (nothing is kept secret)
    return [shuffled.sample(list(ways), len(ways)) for _ in range(rounds)]


def run_rounds(
    group: str, ways: Sequence[Way], rounds: int, place: Place, tell: Tell, *, warm_up: bool = True
) -> list[Row]:
    """Measure the ways of a group, after a round that does not count. A way that failed is not tried again."""
    system = place.material.release.system.name
    samples: dict[str, list[Sample]] = {way.name: [] for way in ways}
    failures: dict[str, str] = {}
    first = 0 if warm_up else 1
    for number, order in enumerate(orders(ways, rounds + 1 - first, f"{system} {group}"), first):
        for way in order:
            tell(f"{system} {group}: {'warm-up' if number == 0 else f'round {number}'}: {way.name}")
            if way.name not in failures:
                try:
                    sample = measure(way, group, place)
                except PackageCacheError as error:
                    failures[way.name] = f"{error.message}\n{error.details}".strip()
                else:
                    samples[way.name] += [sample] if number > 0 else []
    packages = len(place.material.plan(group))
    return [Row(system, group, way.name, packages, tuple(samples[way.name]), failures.get(way.name)) for way in ways]
