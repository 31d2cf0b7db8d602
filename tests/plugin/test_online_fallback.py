"""A mistake in what `online_fallback` is asked for is told, with what to write; names reach no shell."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.plugin.shells import SHELLS

from package_cache import online_fallback
from package_cache.process import run


@pytest.mark.parametrize(
    ("packages", "message"),
    [
        ("openssh-server", r"packages must be a list: write online_fallback\(\['openssh-server'\]\)"),
        (None, "packages must be a list"),
        (["a-b", 1], r"packages\[1\] must be a str such as 'openssh-server', not 1"),
    ],
)
def test_wrong_types(packages: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        online_fallback(packages)


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("$(touch x)", r"packages\[0\]: '\$\(touch x\)' is not a package name: write"),
        ("-o", "is not a package name"),
        ("tool;reboot", "is not a package name"),
        ("tool-", "would have apt remove a package: write tool"),
        ("tool=1 2", "is not a version: write one like tool="),
        ("tool:$x", "is not an architecture: write one like tool:amd64"),
        ("tool/stable", "is not a package name"),
        ("", "is not a package name"),
    ],
)
def test_wrong_names(package: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        online_fallback([package])


def test_nothing_asked_for() -> None:
    with pytest.raises(ValueError, match="packages is empty: name at least one"):
        online_fallback([])


@pytest.mark.parametrize(("limit", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_wrong_limits(limit: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="limit must be"):
        online_fallback(["tool"], limit=limit)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_commands_are_valid(shell: str) -> None:
    for command in online_fallback(["g++", "tool:i386", "tool=1:2.3~4+5-6"], recommends=True, limit=60):
        run([*SHELLS[shell], "-n", "-c", command])
        assert shlex.split(command)[3:] == ["online_fallback", "true", "60", "g++", "tool:i386", "tool=1:2.3~4+5-6"]


def test_the_plugins_of_a_runtime_get_the_same_function() -> None:
    runtime = Path(__file__).parents[2] / "runtime"
    code = "import package_cache, plugins.plugin_utils as p; assert p.online_fallback is package_cache.online_fallback"
    run([sys.executable, "-c", code], cwd=runtime)
