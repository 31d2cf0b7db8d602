"""The two tiers: what `./run tests` leaves to `./run tests --all`, and why.

A test whose file, folder or name the user gives runs in any case.
"""

import re
from collections.abc import Iterable
from typing import Any

import pytest

ALL_ONLY = {
    "tests/pods": "podman, a registry, and images of real roots",
}
"""Tests of the second tier, by folder, file or function, each with the reason."""

FIRST_ROW = {
    "tests/attacks": "rows differ in the kind of file, variable or document, and the same code refuses them",
}
"""Tests of which the first tier runs one row of each function."""

ROOT = "ubuntu18.04"
"""The release whose root the first tier has, beside this host's own in tests/system/test_systems.py."""

_RELEASE = re.compile(r"\b(?:ubuntu\d\d\.\d\d|debian\d+)\b")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses the second tier."""
    parser.addoption("--all", action="store_true", help="run all tests, not only the first tier (tests/tiers.py)")


@pytest.hookimpl(specname="pytest_configure")
def pytest_configure_tier(config: pytest.Config) -> None:
    """Choose the second tier where the user names tests."""
    option = config.option
    named = config.args_source is pytest.Config.ArgsSource.ARGS and not hasattr(config, "workerinput")
    option.all = option.all or named or bool(option.keyword or option.markexpr or getattr(option, "lf", False))


def is_quick(config: pytest.Config) -> bool:
    """Return whether only the first tier runs."""
    return not config.option.all


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what the first tier leaves out."""
    if not is_quick(config):
        return
    quick = list(_quick(items))
    chosen = set(quick)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    if hasattr(config, "workeroutput"):
        config.workeroutput[_LEFT] = len(items) - len(quick)
    config.stash[_STASH] = len(items) - len(quick)
    items[:] = quick


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over from a worker how many tests it left out."""
    if _LEFT in getattr(node, "workeroutput", {}):
        node.config.stash[_STASH] = node.workeroutput[_LEFT]


@pytest.hookimpl(specname="pytest_terminal_summary")
def pytest_terminal_summary_tier(terminalreporter: Any, config: pytest.Config) -> None:
    """Print which tier ran, and what the other one has."""
    if is_quick(config):
        left = config.stash.get(_STASH, 0)
        terminalreporter.write_line(f"This was the first tier. {left} more tests run with: ./run tests --all")
    elif config.args_source is not pytest.Config.ArgsSource.ARGS:
        terminalreporter.write_line("These were all tests. The first tier alone: ./run tests")


def covers(entry: str, nodeid: str) -> bool:
    """Return whether an entry names a test, its file, or a folder of it."""
    return nodeid.startswith((f"{entry}/", f"{entry}::", f"{entry}[")) or nodeid == entry


def _quick(items: Iterable[pytest.Item]) -> Iterable[pytest.Item]:
    """Yield the tests of the first tier."""
    seen = set()
    for item in items:
        function, _, row = item.nodeid.partition("[")
        if any(covers(entry, item.nodeid) for entry in ALL_ONLY):
            continue
        if "state" in getattr(item, "fixturenames", ()) and set(_RELEASE.findall(row)) - {ROOT}:
            continue
        if function in seen and any(covers(entry, item.nodeid) for entry in FIRST_ROW):
            continue
        seen.add(function)
        yield item


_LEFT = "package-cache tests left out"
_STASH = pytest.StashKey[int]()
