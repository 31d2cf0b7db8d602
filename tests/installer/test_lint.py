"""Each program is valid in every shell it may meet, and shellcheck has nothing to say with everything enabled."""

from pathlib import Path

import pytest

from package_cache.images.init_form import STAGE_GROUPS
from package_cache.installer import HERE, install_group, joined, online_fallback
from package_cache.outside.run import run

PROGRAMS = {
    "install_group": install_group(),
    "online_fallback": online_fallback(),
    "stage_groups": joined(STAGE_GROUPS),
}
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
def test_every_disabled_rule_has_its_reason(program: str) -> None:
    lines = [line for line in PROGRAMS[program].splitlines() if "shellcheck disable=" in line]
    assert lines
    assert [line for line in lines if "  # " not in line] == []


def test_the_installer_is_short_and_so_is_each_part() -> None:
    assert len(install_group().splitlines()) <= 1500
    assert [path.name for path in HERE.rglob("*.sh") if len(path.read_text().splitlines()) >= 250] == []
