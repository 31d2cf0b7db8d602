"""Each program is valid in every shell it may meet, shellcheck has nothing to say, and its statuses are the table's."""

import re
from collections import Counter
from pathlib import Path

import pytest
from tests.runtime.phase import REPOSITORY

from package_cache.exit_codes import ExitStatus
from package_cache.image.init_variant import STAGE_GROUPS
from package_cache.installer import HERE, install_group, joined, online_fallback
from package_cache.process import run

PROGRAMS = {
    "install_group": install_group(),
    "online_fallback": online_fallback(),
    "stage_groups": joined(STAGE_GROUPS),
    "job": joined(REPOSITORY / "runtime" / "job.sh"),
    "feature": (REPOSITORY / "deploy/devcontainer/package-cache/install.sh").read_text(),
    "action_request": joined(REPOSITORY / "ci/github/request.sh"),
    "action_install": joined(REPOSITORY / "ci/github/install.sh"),
}
EACH_HAS_ITS_OWN = {"main", "set_state"}
"""The functions with which every program starts; they are its own by their meaning."""

each_program = pytest.mark.parametrize("program", PROGRAMS)


@each_program
@pytest.mark.parametrize(
    "linter", ["shellcheck --shell=sh --enable=all", "dash -n", "busybox ash -n", "bash --posix -n"]
)
def test_nothing_to_say(linter: str, program: str, tmp_path: Path) -> None:
    (script := tmp_path / program).write_text(PROGRAMS[program])
    done = run([*linter.split(), str(script)], timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@each_program
def test_only_what_bash_alone_reads_is_a_bashism(program: str, tmp_path: Path) -> None:
    (script := tmp_path / program).write_text(PROGRAMS[program])
    done = run(["checkbashisms", str(script)], timeout=60, check=False)
    told = [line for line in done.stderr.splitlines() if not line.startswith("possible bashism in ")]
    assert [line for line in told if "BASH_VERSION" not in line] == []
    assert done.returncode == (1 if told else 0)


def test_no_function_is_defined_twice() -> None:
    scripts = [path for folder in ("src", "runtime", "ci") for path in (REPOSITORY / folder).rglob("*.sh")]
    names = Counter(name for path in scripts for name in re.findall(r"^\s*(\w+) ?\(\)", path.read_text(), re.MULTILINE))
    assert {"main", "set_state", "say", "for_lines"} <= set(names)
    assert {name for name, times in names.items() if times > 1} == EACH_HAS_ITS_OWN


@each_program
def test_every_disabled_rule_has_its_reason(program: str) -> None:
    lines = [line for line in PROGRAMS[program].splitlines() if "shellcheck disable=" in line]
    assert lines
    assert [line for line in lines if "  # " not in line] == []


def test_the_installer_is_short_and_so_is_each_part() -> None:
    assert len(install_group().splitlines()) <= 2300
    assert [path.name for path in HERE.rglob("*.sh") if len(path.read_text().splitlines()) >= 250] == []


SHELL_TABLE = re.search(r"^STATUSES='([^']*)'", install_group(), re.M)


def shell_table() -> dict[str, int]:
    assert SHELL_TABLE
    return {reason: int(code) for reason, _, code in (row.partition("=") for row in SHELL_TABLE[1].split())}


def test_the_shell_has_the_codes_of_the_table() -> None:
    table = {status.reason: status.code for status in ExitStatus}
    assert shell_table() == {reason: table[reason] for reason in shell_table()}


@pytest.mark.parametrize("program", [name for name in PROGRAMS if name not in ("feature", "job")])
def test_every_reason_that_a_program_ends_with_is_in_the_table(program: str) -> None:
    text = re.sub(r"# .*", "", PROGRAMS[program])
    used = set(re.findall(r"\b(?:miss|finish|give_up|leave|stop|end_step) ([a-z][a-z-]+)", text))
    assert len(used) > {"action_request": 4, "action_install": 0}.get(program, 5)
    assert used <= set(shell_table())


def test_the_help_names_every_code(tmp_path: Path) -> None:
    (program := tmp_path / "install_group.sh").write_text(install_group())
    shown = run(["sh", str(program), "--help"]).stdout.partition("Exit statuses:")[2]
    assert set(map(int, re.findall(r"\b\d+\b", shown))) == set(shell_table().values()) - {1}
