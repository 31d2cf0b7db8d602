"""How many inputs are tried: PACKAGE_CACHE_FUZZ; and which: PACKAGE_CACHE_FUZZ_SEED. The same seed, the same inputs."""

import functools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st

INPUTS = int(os.environ.get("PACKAGE_CACHE_FUZZ", "2500"))
"""Over all formats together. A full run has 100,000."""

SEED = int(os.environ.get("PACKAGE_CACHE_FUZZ_SEED", "1"))

SHARES = {
    "columns": 0.16,
    "toml": 0.17,
    "lock": 0.18,
    "description": 0.1,
    "package list": 0.05,
    "proofs": 0.04,
    "recordings": 0.03,
    "answers": 0.01,
    "control files": 0.1,
    "images": 0.04,
    "unpacked": 0.01,
    "verbs": 0.06,
    "gc": 0.01,
    "processes": 0.002,
    "index": 0.018,
    "stacks": 0.002,
    "bills": 0.008,
    "vulnerability data": 0.01,
}
"""What part of the inputs each format gets: those that cost most the fewest."""

KEY = "package-cache inputs"
"""Of the property of a test's report with a format and how many inputs of it were tried."""

tried: Counter[str] = Counter()
"""The inputs that the running test has really tried, by format."""

randoms = st.randoms(use_true_random=False)


def inputs_of(format_name: str) -> int:
    """Return the number of inputs for a format."""
    return max(4, round(INPUTS * SHARES[format_name]))


def fuzzed(format_name: str, *examples: Any, **inputs: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Call a test with the inputs of its format, the `examples` first, and count them; `inputs`: its one argument.

    What fails is printed with a line that replays it.
    """
    (name,) = inputs
    rules = settings(
        max_examples=inputs_of(format_name),
        deadline=None,  # law.bounded() measures what is ours, in CPU time
        database=None,
        print_blob=True,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )

    def made(test: Callable[..., None]) -> Any:
        @functools.wraps(test)
        def counting(*words: Any, **more: Any) -> None:
            test(*words, **more)
            tried[format_name] += 1

        whole = given(**inputs)(counting)
        for value in examples:
            whole = example(**{name: value})(whole)
        return seed(SEED)(rules(whole))

    return made


@pytest.hookimpl(specname="pytest_terminal_summary")
def pytest_terminal_summary_fuzz(terminalreporter: Any) -> None:
    """Print how many inputs were tried: the reports, unlike the tests, cross processes."""
    reports = [report for some in terminalreporter.stats.values() for report in some]
    found: Counter[str] = Counter()
    for report in reports:
        if getattr(report, "when", "") == "teardown":
            found.update({value[0]: value[1] for key, value in report.user_properties if key == KEY})
    if found:
        terminalreporter.section(f"{found.total()} inputs, by format; PACKAGE_CACHE_FUZZ_SEED={SEED}")
        rows = [f"| {name} | {number} |" for name, number in sorted(found.items())]
        for line in ("| format | inputs |", "|---|---:|", *rows, f"| all | {found.total()} |"):
            terminalreporter.write_line(line)
