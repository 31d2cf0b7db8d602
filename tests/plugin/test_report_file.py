"""A program around the command can learn from a file who served each group."""

from pathlib import Path

import pytest
from tests.plugin.shells import SHELLS, MakeCommand, run_in


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("status", "line"), [(0, "ssh by the cache\n"), (13, "ssh not by the cache: status 13\n")], ids=["hit", "miss"]
)
def test_one_line_for_each_group(status: int, line: str, shell: str, make_command: MakeCommand, tmp_path: Path) -> None:
    report = tmp_path / "the report"
    command = make_command(["true"], status=status)
    run_in(shell, f"set -eu\nPACKAGE_CACHE_REPORT='{report}'\n{command}\n{command}\n", tmp_path)
    assert report.read_text() == line * 2


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
    plain = run_in(shell, command, tmp_path)
    assert run_in(shell, f"set -eu\nPACKAGE_CACHE_REPORT=/nowhere/report\n{command}", tmp_path) == plain
