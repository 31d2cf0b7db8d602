"""SIGKILL at every phase of a replay; then our installer again, or plain apt-get from a file: repository."""

import itertools
import signal

import pytest
from tests.faults.conftest import RealJob
from tests.faults.job import LIMIT, Job, Whom, send
from tests.faults.judge import assert_nothing_left, assert_sane, conclude, is_true, judge
from tests.faults.replay import EARLY, FINISH, GROUP, SYSTEM, Point, assert_equal, by_dpkg, go_on, run_to
from tests.faults.spread import spread
from tests.faults.state import State, look
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import ended

pytestmark = pytest.mark.injection
APT_GET = """
echo 'deb [trusted=yes] file:/cache groups/{group}-{system}/' >/etc/apt/sources.list
apt-get update && apt-get install -y --no-install-recommends {requests}
"""

SCRIPTS_CAME_TWICE = ("/var/cache/debconf/config.dat", "/var/lib/ucf/hashfile.*", "/var/lib/ucf/registry.*")
"""What packages' scripts write otherwise where some of what they write is there already."""


def again(job: Job, before: State, reference: State) -> None:
    """The command, once more: it completes or undoes what was left, then all is as by dpkg."""
    done = job.run()
    conclude(job, judge(job, done, before))
    assert_equal(job, reference, done.stdout + done.stderr)


def apt_get(job: Job, before: State, reference: State) -> None:
    """A plain apt-get, which knows nothing of us; then the command, which finds all there."""
    script = APT_GET.format(group=GROUP, system=SYSTEM, requests=" ".join(job.requests))
    with verdict(Verdict.NO_FALLBACK):
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        done = job.room.container.run(["sh", "-c", script], env=env, timeout=LIMIT, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert is_true(job), done.stdout + done.stderr
    assert_sane(job, done.stdout + done.stderr)
    done = job.run()
    with verdict(Verdict.UNTRUE):
        assert done.returncode == 0, done
    assert_nothing_left(job)
    assert_sane(job)
    assert_equal(job, reference, done.stdout + done.stderr, SCRIPTS_CAME_TWICE)


NEXT = {"the same again": again, "apt-get": apt_get}
ALL_AT_ONCE = {"all that runs": Whom.ALL, "the process group": Whom.GROUP}
ROWS = [
    *itertools.product(EARLY, ALL_AT_ONCE, NEXT),
    *itertools.product(FINISH, ["all that runs"], NEXT),
]


@pytest.mark.parametrize(("point", "whom", "then"), spread(ROWS, 6), ids=str)
def test_a_kill(point: Point, whom: str, then: str, replay_job: RealJob) -> None:
    reference = by_dpkg(replay_job)
    job = replay_job(SYSTEM, GROUP, change=point.stop)
    before = look(job)
    process = run_to(job, point)
    send(process, signal.SIGKILL, ALL_AT_ONCE[whom])
    go_on(job)
    ended(process, LIMIT)
    with verdict(Verdict.UNTRUE):
        assert job.room.audit() == ""
    NEXT[then](job, before, reference)


@pytest.mark.parametrize("point", spread([*EARLY, *FINISH[::10]], 2), ids=str)
def test_a_kill_of_the_installer_alone(point: Point, replay_job: RealJob) -> None:
    """What it has started works on; the command runs it once more."""
    reference = by_dpkg(replay_job)
    job = replay_job(SYSTEM, GROUP, change=point.stop)
    before = look(job)
    process = run_to(job, point)
    assert send(process, signal.SIGKILL, Whom.INSTALLER)
    go_on(job)
    done = ended(process, LIMIT)
    conclude(job, judge(job, done, before))
    assert_equal(job, reference, done.stdout + done.stderr)
