"""The scripts' exit statuses are those of the one table."""

import re
from pathlib import Path

import pytest

from package_cache.installer import INSTALLER, ONLINE_FALLBACK
from package_cache.values.statuses import ExitStatus

each_script = pytest.mark.parametrize("script", [INSTALLER, ONLINE_FALLBACK], ids=lambda script: script.name)


@each_script
def test_the_script_has_the_codes_of_the_table(script: Path) -> None:
    rows = re.findall(r"^ +([a-z-]+)\) status=(\d+) ;;$", script.read_text(), re.M)
    table = {status.reason: status.code for status in ExitStatus}
    assert {reason: int(code) for reason, code in rows} == {reason: table[reason] for reason, _ in rows}


@each_script
def test_every_reason_that_the_script_ends_with_is_in_its_table(script: Path) -> None:
    text = script.read_text()
    rows = set(re.findall(r"^ +([a-z-]+)\) status=", text, re.M))
    used = set(re.findall(r"\b(?:miss|finish|give_up) ([a-z][a-z-]+)", text))
    assert rows
    assert used == rows - {"internal"}


def test_the_help_names_every_code() -> None:
    text = INSTALLER.read_text()
    rows = dict(re.findall(r"^ +([a-z-]+)\) status=(\d+) ;;$", text, re.M))
    shown = text.partition("Exit statuses:")[2].partition("\nEND\n")[0]
    assert set(re.findall(r"\b\d+\b", shown)) == set(rows.values()) - {"1"}
