"""Counts the inputs that were really tried, and prints them by format at the end of a run."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fuzz.effort import SEED

KEY = "package-cache inputs"


class Tried:
    """Counts the inputs of one test."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, format_name: str, number: int = 1) -> None:
        """Count inputs of a format."""
        self.counts[format_name] += number


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Iterator[Tried]:
    """A test says with it which input it tries: `tried("lock")`."""
    made = Tried()
    yield made
    request.node.user_properties += [(KEY, [name, number]) for name, number in made.counts.items()]


class Summary:
    """A plugin that prints the table: the reports, unlike the tests, cross processes."""

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the table, where inputs were tried."""
        reports = [report for some in terminalreporter.stats.values() for report in some]
        found: Counter[str] = Counter()
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                found.update({value[0]: value[1] for key, value in report.user_properties if key == KEY})
        if found:
            terminalreporter.section(f"{found.total()} inputs, by format; PACKAGE_CACHE_FUZZ_SEED={SEED}")
            for line in table(found):
                terminalreporter.write_line(line)


def table(found: Counter[str]) -> list[str]:
    """Return the lines of the table, as Markdown."""
    rows = [f"| {name} | {number} |" for name, number in sorted(found.items())]
    return ["| format | inputs |", "|---|---:|", *rows, f"| all | {found.total()} |"]


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin."""
    config.pluginmanager.register(Summary(), "package-cache fuzz summary")
