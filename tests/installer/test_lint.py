"""Each script is valid in every shell it may meet, and shellcheck has nothing to say with everything enabled."""

from pathlib import Path

import pytest

from package_cache.images.init_form import STAGE_GROUPS
from package_cache.installer import INSTALLER, ONLINE_FALLBACK
from package_cache.outside.run import run

each_script = pytest.mark.parametrize(
    "script", [INSTALLER, ONLINE_FALLBACK, STAGE_GROUPS], ids=lambda script: script.name
)


@each_script
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
def test_nothing_to_say(linter: tuple[str, ...], script: Path) -> None:
    done = run([*linter, str(script)], timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@each_script
def test_every_disabled_rule_has_its_reason(script: Path) -> None:
    lines = [line for line in script.read_text().splitlines() if "shellcheck disable=" in line]
    assert lines
    assert [line for line in lines if "  # " not in line] == []
