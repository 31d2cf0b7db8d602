"""A mistake in an init script is told to its author; no name is a way into the shell, nor to another file."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.plugin.shells import SHELLS, MakeCommand, run_in

from package_cache import online_fallback, try_to_install_by_cache
from package_cache.process import run


@pytest.mark.parametrize(
    ("group", "fallback", "message"),
    [
        ("ssh", "apt-get update", r"write fallback_cmds=\['apt-get update'\]"),
        ("ssh", b"apt-get update", "must be a list"),
        ("ssh", None, "must be a list"),
        ("ssh", ["true", 1], r"fallback_cmds\[1\] must be a str with a shell command, not 1"),
        ("ssh", [["true"]], r"fallback_cmds\[0\]"),
        (None, [], "group_name must be a str such as 'ssh', not None"),
    ],
)
def test_wrong_types_of_a_group_and_its_fallback(group: Any, fallback: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        try_to_install_by_cache(group, fallback_cmds=fallback)


def test_a_nul_character_fits_in_no_shell() -> None:
    with pytest.raises(ValueError, match=r"fallback_cmds\[0\] holds a NUL"):
        try_to_install_by_cache("ssh", ["echo \0"])


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


NAMES = [
    "", " ", "$(touch x)", "`touch x`", "'; touch x; '", '"; touch x; "', "ssh\ntouch x", "ssh\n", "../..", "a/b", "-h",
    "--help", "SSH", "ß", "s" * 65, "$IFS", "%s%n", "\x1b[2J", "\udcff", "ssh\0",
]  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", NAMES)
def test_a_bad_name_is_a_miss(
    name: str, shell: str, make_command: MakeCommand, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = run_in(shell, make_command(["echo fallback"], group=name), tmp_path)
    assert (result.returncode, result.stdout) == (0, "fallback\n")
    assert result.stderr == (
        f"package-cache: cannot install {name!a} (usage): this is not a valid group name\n"
        f"package-cache: {name!a}: not by the cache (status 2): running the fallback\n"
    )
    assert not (tmp_path / "arguments").exists(), "the installer was called"
    assert not list(tmp_path.glob("**/x"))
    assert f"{name!a} is not a valid group name" in caplog.text


def test_without_fallback_it_fails(make_command: MakeCommand, tmp_path: Path) -> None:
    assert run_in("dash", make_command(group="../.."), tmp_path).returncode == 2


@pytest.mark.parametrize("shell", SHELLS)
def test_a_good_name_reaches_the_installer_as_one_word(shell: str, make_command: MakeCommand, tmp_path: Path) -> None:
    run_in(shell, make_command(group="0.g++_x-y", status=0), tmp_path)
    staged = f"{tmp_path}/it's work/package_cache"
    assert (tmp_path / "arguments").read_text() == f"--cache\n{staged}\n--\n0.g++_x-y\n"
