"""How many inputs are tried: PACKAGE_CACHE_FUZZ; and which: PACKAGE_CACHE_FUZZ_SEED. The same seed, the same inputs."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings

INPUTS = int(os.environ.get("PACKAGE_CACHE_FUZZ", "2500"))
"""Over all formats together. A full run has 100,000."""

SEED = int(os.environ.get("PACKAGE_CACHE_FUZZ_SEED", "1"))

SHARES = {
    "columns": 0.17,
    "toml": 0.18,
    "lock": 0.18,
    "description": 0.12,
    "package list": 0.05,
    "proofs": 0.05,
    "control files": 0.1,
    "images": 0.04,
    "unpacked": 0.01,
    "verbs": 0.06,
    "gc": 0.01,
    "processes": 0.002,
    "index": 0.018,
    "stacks": 0.002,
    "bills": 0.008,
}
"""What part of the inputs each format gets: those that cost most the fewest."""

Test = TypeVar("Test", bound=Callable[..., Any])


def inputs_of(format_name: str) -> int:
    """Return the number of inputs for a format."""
    return max(4, round(INPUTS * SHARES[format_name]))


def fuzzed(format_name: str) -> Callable[[Test], Test]:
    """Return a test of hypothesis the inputs of its format. What fails is printed with a line that replays it."""
    rules = settings(
        max_examples=inputs_of(format_name),
        deadline=None,  # law.bounded() measures what is ours, in CPU time
        database=None,
        print_blob=True,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seed(SEED)(rules(test))
