"""Each program is valid in every shell it may meet, and shellcheck has nothing to say with everything enabled."""

import re
from collections import Counter
from pathlib import Path

import pytest
from tests.runtime.phase import REPOSITORY

from package_cache.image.init_variant import STAGE_GROUPS
from package_cache.installer import HERE, install_group, joined, online_fallback
from package_cache.process import run

PROGRAMS = {
    "install_group": install_group(),
    "online_fallback": online_fallback(),
    "stage_groups": joined(STAGE_GROUPS),
    "job": joined(REPOSITORY / "runtime" / "job.sh"),
}
EACH_HAS_ITS_OWN = {"main", "set_state"}
"""The functions with which every program starts; they are its own by their meaning."""

each_program = pytest.mark.parametrize("program", PROGRAMS)


@each_program
@pytest.mark.parametrize(
    "linter",
    [
        ("shellcheck", "--shell=sh", "--enable=all"),
        ("dash", "-n"),
        ("busybox", "ash", "-n"),
        ("bash", "--posix", "-n"),
    ],
    ids=lambda linter: linter[0],
)
def test_nothing_to_say(linter: tuple[str, ...], program: str, tmp_path: Path) -> None:
    script = tmp_path / program
    script.write_text(PROGRAMS[program])
    done = run([*linter, str(script)], timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@each_program
def test_only_what_bash_alone_reads_is_a_bashism(program: str, tmp_path: Path) -> None:
    script = tmp_path / program
    script.write_text(PROGRAMS[program])
    done = run(["checkbashisms", str(script)], timeout=60, check=False)
    told = [line for line in done.stderr.splitlines() if not line.startswith("possible bashism in ")]
    assert [line for line in told if "BASH_VERSION" not in line] == []
    assert done.returncode == (1 if told else 0)


def test_no_function_is_defined_twice() -> None:
    scripts = [*(REPOSITORY / "src").rglob("*.sh"), *(REPOSITORY / "runtime").rglob("*.sh")]
    names = Counter(name for path in scripts for name in re.findall(r"^\s*(\w+) ?\(\)", path.read_text(), re.MULTILINE))
    assert {"main", "set_state", "say", "for_lines"} <= set(names)
    assert {name for name, times in names.items() if times > 1} == EACH_HAS_ITS_OWN


@each_program
def test_every_disabled_rule_has_its_reason(program: str) -> None:
    lines = [line for line in PROGRAMS[program].splitlines() if "shellcheck disable=" in line]
    assert lines
    assert [line for line in lines if "  # " not in line] == []


def test_the_installer_is_short_and_so_is_each_part() -> None:
    assert len(install_group().splitlines()) <= 1500
    assert [path.name for path in HERE.rglob("*.sh") if len(path.read_text().splitlines()) >= 250] == []
