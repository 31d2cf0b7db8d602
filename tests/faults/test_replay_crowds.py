"""Several that work with dpkg while a recording is replayed: installers, apt-get, and what has dpkg locked."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.faults.conftest import RealJob, SyntheticJob
from tests.faults.job import LIMIT
from tests.faults.judge import assert_nothing_left, assert_sane, conclude, judge
from tests.faults.replay import EARLY, FINISH, GROUP, REPLAYED, SYSTEM, Point, assert_equal, by_dpkg, go_on, run_to
from tests.faults.spread import spread
from tests.faults.state import look
from tests.faults.test_crowds import Stage, apt_is_at_work, one_is_killed, two_at_once
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import ended
from tests.support.locks import FREE, held

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
PAIRS = [(SYSTEM, groups) for groups in [("ssh", "ssh"), ("ssh", "nfs"), ("nfs", "ssh")]]
CROWDS = [
    *((two_at_once, *pair, seconds) for pair, seconds in itertools.product(PAIRS, [0.0, 0.1, 0.2, 0.4])),
    *((one_is_killed, *pair, seconds, which)
      for pair, seconds, which in itertools.product(PAIRS, [0.1, 0.2, 0.4, 0.7], [0, 1])),
    *((apt_is_at_work, *pair, seconds)
      for pair, seconds in itertools.product(PAIRS[1:], [-0.4, -0.2, -0.1, 0.0, 0.2, 0.6, 1.0])),
]  # fmt: skip


@pytest.mark.parametrize(
    "crowd", spread(CROWDS, 3), ids=lambda crowd: "-".join(getattr(v, "__name__", str(v)) for v in crowd)
)
def test_a_crowd(
    crowd: Sequence[object],
    replay_job: RealJob,
    synthetic_job: SyntheticJob,
    tmp_path: Path,
    injections: Callable[[int], None],
) -> None:
    play, *details = crowd
    assert callable(play)
    play(Stage(replay_job, synthetic_job, tmp_path, injections), *details)


APT_GET = """
until apt-get -qq update && apt-get -qq -y --no-install-recommends install openssh-server; do sleep 0.2; done
"""


@pytest.mark.parametrize("point", spread([*EARLY, *FINISH[::10]], 2), ids=str)
def test_apt_get_of_the_same_packages_meanwhile(point: Point, replay_job: RealJob) -> None:
    """It waits, or is quicker."""
    job = replay_job(SYSTEM, GROUP, change=point.stop)
    before = look(job)
    process = run_to(job, point)
    apt = job.room.start(["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", APT_GET])
    job.room.sh("sleep 1")
    go_on(job)
    done, theirs = ended(process, LIMIT), ended(apt, LIMIT)
    with verdict(Verdict.NO_FALLBACK):
        assert theirs.returncode == 0, theirs
    assert before is not None
    conclude(job, judge(job, done, None))
    assert_nothing_left(job)
    assert_sane(job)


@pytest.mark.parametrize("kind", spread(["fcntl", "read", "flock"], 1))
@pytest.mark.parametrize("file", spread(["lock-frontend", "lock"], 1))
def test_a_lock_of_another_process(file: str, kind: str, replay_job: RealJob) -> None:
    reference = by_dpkg(replay_job)
    job = replay_job(SYSTEM, GROUP)
    job.room.sh(held(file, kind=kind))
    before = look(job)
    job.options = "--lock-timeout 1"
    done = job.run()
    if kind != "flock":  # which dpkg does not heed
        judge(job, done, before, allowed=[ExitStatus.DPKG_LOCKED])
    job.room.sh(FREE)
    done = job.run()
    judge(job, done, None, says=REPLAYED if kind != "flock" else "")
    job.room.sh("rm -f /root/go /root/busy /root/hold.pl")
    assert_equal(job, reference, done.stdout + done.stderr)
