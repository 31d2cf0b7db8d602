"""Every system of docs/systems.md from lock to install, in a real root of it without network."""

from collections import defaultdict
from pathlib import Path

import pytest
from bench.systems import GROUPS, SYSTEMS, rows_of
from tests.conftest import unavailable
from tests.faults.spread import spread

from package_cache.errors import ArchiveError
from package_cache.exit_codes import ExitStatus
from package_cache.releases.os_release import read_os_release
from package_cache.sandbox.isolation import Isolation
from package_cache.system import System

pytestmark = pytest.mark.system


NEWEST = ("debian13", "ubuntu26.04")
ALL = [NEWEST[0], *(name for name in SYSTEMS if name not in NEWEST), NEWEST[1]]


OWN = "{ID}{VERSION_ID}".format_map(defaultdict(str, read_os_release()))
THIS_HOST = [pytest.param(OWN, id="of this host")] if OWN in ALL else []


@pytest.mark.parametrize("system", [*THIS_HOST, *(name for name in spread(ALL, 2) if name != OWN)])
def test_ssh_installs(system: str, state: Path, containment: Isolation) -> None:
    folder = state / "tests" / "systems" / system
    (row,) = rows_of(System.parse(system), {"ssh": GROUPS["ssh"]}, folder, containment)
    if row["status"] == ExitStatus.ARCHIVE_UNREACHABLE.code:
        unavailable(f"the archive of {system}", ArchiveError(row["reason"]))
    assert (row["status"], row["reason"]) == (0, "installed")
    assert row["installed"] > 3
