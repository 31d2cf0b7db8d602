"""Installers that were killed: the next run takes away what they left, wherever that was."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.conftest import SyntheticJob
from tests.faults.fault import SYSTEMS, careful
from tests.faults.judge import conclude, judge
from tests.faults.spread import spread
from tests.faults.state import look
from tests.faults.test_points import points_of, with_points

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
PLACES = ("/run", "/big", "/tmp", "/var/tmp", "/dev/shm")
"""In the order in which they are tried; /big is TMPDIR."""
TINY = "mount -t tmpfs -o size=64k tmpfs {0}"
PARTS = 12
"""A run is killed at the end of each of as many parts."""


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("place", spread(PLACES, 2))
def test_what_a_killed_installer_left(
    place: str, system: str, synthetic_job: SyntheticJob, tmp_path: Path, injections: Callable[[int], None]
) -> None:
    job = synthetic_job(**careful(tmp_path), system=system)
    job.room.sh("mkdir /big; cp -p /var/lib/apt/extended_states /root/marks")
    job.change_installer(with_points)
    tiny = PLACES[: PLACES.index(place)]
    job.room.sh(";".join(TINY.format(path) for path in tiny))
    points = points_of(job, TMPDIR="/big")
    purge = "dpkg --purge wanted needed >/dev/null; cp -p /root/marks /var/lib/apt/extended_states"
    for count, part in enumerate(spread(range(1, PARTS), 3), 1):
        injections(count)
        job.room.sh(purge)
        before = look(job)
        point = len(points) * part // PARTS
        job.run(env={"PACKAGE_CACHE_POINT": str(point), "PACKAGE_CACHE_SIGNAL": "KILL", "TMPDIR": "/big"})
        judge(job, job.run(env={"TMPDIR": "/big"}), before)
    conclude(job, ExitStatus.INSTALLED)
