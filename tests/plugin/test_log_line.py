"""A line on standard error, and in a report file, says who served; before it the installer has said why it did not."""

import shutil
from pathlib import Path

import pytest
from tests.plugin.shells import SHELLS, MakeCommand, run_in


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("status", "fallback", "line"),
    [
        (0, ["true"], "served by the cache"),
        (10, ["true"], "not by the cache (status 10): running the fallback"),
        (13, ["exit 3"], "not by the cache (status 13): running the fallback"),
        (50, [], "not by the cache (status 50), and there is no fallback"),
        (137, ["true"], "not by the cache (status 137): running the fallback"),
        (99, [], "not by the cache (status 99), and there is no fallback"),
    ],
)
def test_each_outcome(
    status: int, fallback: list[str], line: str, shell: str, make_command: MakeCommand, tmp_path: Path
) -> None:
    command = make_command(fallback, status=status)
    done = run_in(shell, f"set -u\nPACKAGE_CACHE_REPORT='{tmp_path}/the report'\n{command}\n{command}\n", tmp_path)
    assert done.stderr == f"package-cache: ssh: {line}\n" * 2
    reported = f"not by the cache: status {status}" if status else "by the cache"
    assert (tmp_path / "the report").read_text() == f"ssh {reported}\n" * 2


@pytest.mark.parametrize("shell", SHELLS)
def test_a_volume_that_is_not_mounted(shell: str, make_command: MakeCommand, tmp_path: Path) -> None:
    command = make_command(["echo fallback"])
    shutil.rmtree(tmp_path / "it's work")
    result = run_in(shell, command, tmp_path)
    assert (result.returncode, result.stdout) == (0, "fallback\n")
    assert result.stderr == (
        f"package-cache: cannot install ssh (cache-missing): no installer at {tmp_path}/it's work/runtime.d/"
        "install_group.sh: is the volume mounted?\n"
        "package-cache: ssh: not by the cache (status 30): running the fallback\n"
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_a_closed_standard_error_changes_nothing(shell: str, make_command: MakeCommand, tmp_path: Path) -> None:
    command = make_command(["echo a"])
    assert run_in(shell, f"exec 2>&-\n{command}\necho status $?", tmp_path).stdout == "a\nstatus 0\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("again", [0, 13, 137])
def test_an_installer_that_was_killed_runs_once_more(
    again: int, shell: str, make_command: MakeCommand, tmp_path: Path
) -> None:
    text = f"echo run\n[ -e {tmp_path}/again ] && exit {again}\n: >{tmp_path}/again\nkill -9 $$\n"
    command = make_command(["echo fallback"], text=text)
    result = run_in(shell, f"set -eu\n{command}", tmp_path)
    assert (result.returncode, result.stdout) == (0, "run\nrun\n" + ("fallback\n" if again else ""))
    told = f"not by the cache (status {again}): running the fallback" if again else "served by the cache"
    assert result.stderr.splitlines()[-1] == f"package-cache: ssh: {told}"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("status", [0, 13])
def test_a_reader_that_has_gone_changes_nothing(
    status: int, shell: str, make_command: MakeCommand, tmp_path: Path
) -> None:
    command = make_command(["exit 6"], status=status)
    script = f"{{ sleep 0.2\n{command}\necho status $? >&3; }} 3>seen 2>&1 >/dev/null | exec true\ncat seen"
    assert run_in(shell, script, tmp_path).stdout == f"status {6 if status else 0}\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_an_invalid_group_name(shell: str, make_command: MakeCommand, tmp_path: Path) -> None:
    run_in(shell, f"PACKAGE_CACHE_REPORT=report\n{make_command(['true'], group='a b')}", tmp_path)
    assert (tmp_path / "report").read_text() == "'a b' not by the cache: status 2\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("status", [0, 13])
def test_a_file_that_cannot_be_written_changes_nothing(
    status: int, shell: str, make_command: MakeCommand, tmp_path: Path
) -> None:
    command = make_command(["echo fallback"], status=status)
    commands = command, f"set -eu\nPACKAGE_CACHE_REPORT=/nowhere/report\n{command}"
    plain, reporting = (run_in(shell, each, tmp_path) for each in commands)
    assert (reporting.returncode, reporting.stdout, reporting.stderr) == (plain.returncode, plain.stdout, plain.stderr)
