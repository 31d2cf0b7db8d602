"""The programs' exit statuses are those of the one table."""

import re
from pathlib import Path

import pytest

from package_cache.exit_codes import ExitStatus
from package_cache.image.init_variant import STAGE_GROUPS
from package_cache.installer import install_group, joined, online_fallback
from package_cache.process import run

each_program = pytest.mark.parametrize(
    "text", [install_group(), online_fallback(), joined(STAGE_GROUPS)], ids=["installer", "fallback", "stage_groups"]
)
SHELL_TABLE = re.search(r"^STATUSES='([^']*)'", install_group(), re.M)


def shell_table() -> dict[str, int]:
    assert SHELL_TABLE
    return {reason: int(code) for reason, _, code in (row.partition("=") for row in SHELL_TABLE[1].split())}


def test_the_shell_has_the_codes_of_the_table() -> None:
    table = {status.reason: status.code for status in ExitStatus}
    assert shell_table() == {reason: table[reason] for reason in shell_table()}


@each_program
def test_every_reason_that_a_program_ends_with_is_in_the_table(text: str) -> None:
    used = set(re.findall(r"\b(?:miss|finish|give_up|leave|stop) ([a-z][a-z-]+)", re.sub(r"# .*", "", text)))
    assert len(used) > 5
    assert used <= set(shell_table())


def test_the_help_names_every_code(tmp_path: Path) -> None:
    (program := tmp_path / "install_group.sh").write_text(install_group())
    shown = run(["sh", str(program), "--help"]).stdout.partition("Exit statuses:")[2]
    assert set(map(int, re.findall(r"\b\d+\b", shown))) == set(shell_table().values()) - {1}
