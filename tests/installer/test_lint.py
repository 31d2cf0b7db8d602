"""The script is valid in every shell it may meet, and shellcheck has nothing to say with everything enabled."""

import pytest

from package_cache.installer import INSTALLER
from package_cache.outside.run import run


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
def test_nothing_to_say(linter: tuple[str, ...]) -> None:
    done = run([*linter, str(INSTALLER)], timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_disabled_rule_has_its_reason() -> None:
    lines = [line for line in INSTALLER.read_text().splitlines() if "shellcheck disable=" in line]
    assert lines
    assert [line for line in lines if "  # " not in line] == []
