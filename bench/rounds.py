"""The rounds: in each, every method once, in an order of its own; so what disturbs the machine disturbs all alike."""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.material import Material
from bench.measure import Sample, measure
from bench.methods import Method
from bench.results import Row
from package_cache.errors import PackageCacheError

Item = TypeVar("Item")
Tell = Callable[[str], None]
"""Hears, before each run, what it is."""


def orders(methods: Sequence[Item], rounds: int, seed: str) -> list[list[Item]]:
    """Return the order of the methods for each round; the same seed gives the same orders."""
    shuffled = random.Random(seed)  # noqa: S311  (nothing is kept secret)
    return [shuffled.sample(list(methods), len(methods)) for _ in range(rounds)]


def run_rounds(
    group: str, methods: Sequence[Method], rounds: int, material: Material, tell: Tell, *, warm_up: bool = True
) -> list[Row]:
    """Measure the methods of a group, after a round that does not count. A method that failed is not tried again."""
    system = material.release.system.name
    samples: dict[str, list[Sample]] = {method.name: [] for method in methods}
    failures: dict[str, str] = {}
    first = 0 if warm_up else 1
    for number, order in enumerate(orders(methods, rounds + 1 - first, f"{system} {group}"), first):
        for method in order:
            tell(f"{system} {group}: {'warm-up' if number == 0 else f'round {number}'}: {method.name}")
            if method.name not in failures:
                try:
                    sample = measure(method, group, material)
                except PackageCacheError as error:
                    failures[method.name] = f"{error.message}\n{error.details}".strip()
                else:
                    samples[method.name] += [sample] if number > 0 else []
    packages = len(material.plan(group))
    return [
        Row(system, group, method.name, packages, tuple(samples[method.name]), failures.get(method.name))
        for method in methods
    ]
