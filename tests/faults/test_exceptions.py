"""The exceptions from the promise are those that docs/reliability.md lists, and as narrow as they say."""

from importlib import import_module
from pathlib import Path

import pytest
from tests.faults.exceptions import DOCUMENT, EXEMPT, INSTALLED, REAL, UNDONE, is_exempt
from tests.faults.judge import Terms

MODULES = [import_module(f"tests.faults.{path.stem}") for path in sorted(Path(__file__).parent.glob("test_*.py"))]


def test_every_row_of_the_table_is_read() -> None:
    table = DOCUMENT.read_text().partition("\n## What may differ\n")[2].partition("\n## ")[0]
    assert len(EXEMPT) == len([line for line in table.splitlines() if line.startswith("|")]) - 2 > 0


def test_the_faults_that_cannot_be_undone_are_documented() -> None:
    faults = [fault for module in MODULES for fault in getattr(module, "FAULTS", ())]
    reasons = [f"- *{fault.name}*: {fault.cannot_be_undone}." for fault in faults if fault.cannot_be_undone]
    assert [reason for reason in reasons if reason not in DOCUMENT.read_text()] == []
    assert DOCUMENT.read_text().count("\n- *") - DOCUMENT.read_text().count("\n- **") == len(reasons)


@pytest.mark.parametrize(
    ("path", "after", "exempt"),
    [
        ("/var/log/dpkg.log", UNDONE, True),
        ("/var/lib/dpkg/status-old", INSTALLED, True),
        ("/var/lib/dpkg/status", INSTALLED, False),
        ("/var/lib/dpkg/status wanted:all", UNDONE, False),
        ("/var/lib/apt/extended_states", UNDONE, False),
        ("/var/lib/apt/extended_states needed:amd64", UNDONE, False),
        ("/etc/ssh/sshd_config", INSTALLED, False),
        ("/etc/ssh/sshd_config", REAL, True),
        ("/etc/ssh/sshd_config", UNDONE, False),
        ("/usr/sbin/policy-rc.d", REAL, False),
        ("/usr/lib/python3/x/__pycache__/y.cpython-36.pyc", UNDONE, True),
        ("/usr/lib/python3/x/y.py", UNDONE, False),
    ],
)
def test_an_exception_is_as_narrow_as_it_says(path: str, after: str, exempt: bool) -> None:
    assert is_exempt(path, (after,)) is exempt


def test_a_pattern_of_a_row_is_its_own() -> None:
    assert is_exempt("/var/one", (INSTALLED,), Terms(writes=["/var/*"]).writes)
