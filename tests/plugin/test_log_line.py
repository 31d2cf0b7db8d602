"""Exactly one line on standard error says who served, and why."""

import shutil
from pathlib import Path

import pytest
from tests.plugin.shells import SHELLS, MakeCommand, run_in


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("status", "fallback", "line"),
    [
        (0, ["true"], "package-cache: ssh: served by the cache\n"),
        (10, ["true"], "package-cache: ssh: not by the cache (status 10, no-such-group): running the fallback\n"),
        (13, ["exit 3"], "package-cache: ssh: not by the cache (status 13, no-plan): running the fallback\n"),
        (50, [], "package-cache: ssh: not by the cache (status 50, install-failed), and there is no fallback\n"),
        (137, ["true"], "package-cache: ssh: not by the cache (status 137, killed): running the fallback\n"),
        (99, [], "package-cache: ssh: not by the cache (status 99, unknown), and there is no fallback\n"),
    ],
)
def test_each_outcome(
    status: int, fallback: list[str], line: str, shell: str, make_command: MakeCommand, tmp_path: Path
) -> None:
    assert run_in(shell, make_command(fallback, status=status), tmp_path).stderr == line


@pytest.mark.parametrize("shell", SHELLS)
def test_a_volume_that_is_not_mounted(shell: str, make_command: MakeCommand, tmp_path: Path) -> None:
    command = make_command(["echo fallback"])
    shutil.rmtree(tmp_path / "it's work")
    result = run_in(shell, command, tmp_path)
    assert (result.returncode, result.stdout) == (0, "fallback\n")
    assert result.stderr == (
        f"package-cache: ssh: not by the cache (status 30, no installer at {tmp_path}/it's work/runtime.d/"
        "install_group.sh: is the volume mounted?): running the fallback\n"
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_a_closed_standard_error_changes_nothing(shell: str, make_command: MakeCommand, tmp_path: Path) -> None:
    command = make_command(["echo a"])
    assert run_in(shell, f"exec 2>&-\n{command}\necho status $?", tmp_path).stdout == "a\nstatus 0\n"
