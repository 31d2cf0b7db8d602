"""What can be wrong after a fault, and the table of a full run: injections by kind, and what was found broken."""

import contextlib
from collections import Counter
from collections.abc import Generator, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

KEY = "package-cache verdict"
"""Of the property of a test's report that names what it found."""

INJECTIONS = pytest.StashKey[int]()
"""How many faults a test has injected, where that is not one."""


class Verdict(Enum):
    """What the promise rules out; `value` is the heading of its column."""

    UNTRUE = "untrue"
    TOUCHED = "touched"
    NOT_UNDONE = "not undone"
    STARTED = "service started"
    WRONG_MARK = "wrong mark"
    STRAY = "stray write"
    WRONG_REASON = "wrong reason"
    NOT_SANE = "not sane"
    NO_FALLBACK = "no fallback"
    LEFT_BEHIND = "left behind"
    OTHER = "other"


class BrokenError(AssertionError):
    """The promise was not kept: `verdict` says in what."""

    def __init__(self, found: Verdict, text: str) -> None:
        super().__init__(f"{found.value}: {text}")
        self.verdict = found


@contextlib.contextmanager
def verdict(found: Verdict) -> Iterator[None]:
    """Return what is asserted in the block that verdict."""
    try:
        yield
    except BrokenError:
        raise
    except AssertionError as error:
        raise BrokenError(found, str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note in the report of an injection the result: the report, unlike the exception, crosses processes."""
    report = yield
    if item.get_closest_marker("injection") and (report.when == "call" or report.outcome != "passed"):
        found = "passed" if report.passed else "skipped"
        if report.failed:
            error = call.excinfo.value if call.excinfo else None
            found = (error.verdict if isinstance(error, BrokenError) else Verdict.OTHER).value
        report.user_properties += [(KEY, found)]
        report.user_properties += [(KEY, "passed")] * (item.stash.get(INJECTIONS, 1) - 1)
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, as Markdown, where faults were injected; the kind of a fault is what its file is named for."""
    found: dict[str, Counter[str]] = {}
    for report in (report for some in terminalreporter.stats.values() for report in some):
        for key, value in getattr(report, "user_properties", ()):
            if key == KEY:
                kind = Path(report.nodeid.partition("::")[0]).stem.removeprefix("test_").replace("_", " ")
                found.setdefault(kind, Counter())[value] += 1
    if not found:
        return
    columns = [each.value for each in Verdict]
    terminalreporter.section("faults injected")
    terminalreporter.write_line("| kind | injections | " + " | ".join(columns) + " | skipped |")
    terminalreporter.write_line("|---" + "|---:" * (len(columns) + 2) + "|")
    for kind, counts in [*sorted(found.items()), ("all", sum(found.values(), Counter()))]:
        injected = counts.total() - counts["skipped"]
        cells = [injected, *(counts[column] for column in columns), counts["skipped"]]
        terminalreporter.write_line(f"| {kind} | " + " | ".join(map(str, cells)) + " |")
