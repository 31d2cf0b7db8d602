"""The name of a group is never a way into the shell, nor to another file."""

from pathlib import Path

import pytest
from tests.plugin.shells import SHELLS, MakeCommand, run_in

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
