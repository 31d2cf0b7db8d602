"""SIGKILL at every phase of a replay; then our installer again, or plain apt-get from a file: repository."""

import itertools
import signal
from dataclasses import replace

import pytest
from tests.faults.conftest import REQUESTS, RealJob
from tests.faults.job import LIMIT, Job, Whom, send
from tests.faults.judge import assert_nothing_left, assert_sane, conclude, is_true, judge, wait_until_quiet
from tests.faults.replay import (
    ACTS,
    EARLY,
    FAILING,
    FINISH,
    GO,
    GROUP,
    SYSTEM,
    THERE,
    Point,
    assert_equal,
    by_dpkg,
    differing,
    go_on,
    in_finish,
    in_undo,
    run_to,
    stop_again,
)
from tests.faults.spread import spread
from tests.faults.state import State, look
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import ended

pytestmark = pytest.mark.injection
APT_GET = """
echo 'deb [trusted=yes] file:/cache groups/{group}-{system}/' >/etc/apt/sources.list
apt-get update && apt-get install -y --no-install-recommends {requests}
"""

SCRIPTS_CAME_TWICE = (
    *("/var/cache/debconf/config.dat", "/var/lib/ucf/hashfile.*", "/var/lib/ucf/registry.*"),
    *("/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-"),
)
"""What packages' scripts write otherwise where some of what they write is there already."""


def again(job: Job, before: State, reference: State) -> None:
    """The command, once more: it completes or undoes what was left, then all is as by dpkg."""
    done = job.run()
    conclude(job, judge(job, done, before))
    assert_equal(job, reference, done.stdout + done.stderr)


def apt_get(job: Job, before: State, reference: State) -> None:
    """A plain apt-get, which knows nothing of us; then the command, which finds all there.

    What was not killed has dpkg locked until it ends, as a dpkg would have: this apt-get does not wait for locks.
    """
    wait_until_quiet(job)
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


def kill(job: Job, point: Point) -> None:
    """Kill all that runs when it has come to the point."""
    process = run_to(job, point)
    send(process, signal.SIGKILL, Whom.ALL)
    go_on(job)
    ended(process, LIMIT)
    stop_again(job)
    with verdict(Verdict.UNTRUE):
        assert job.room.audit() == ""


UNDOS = [(point, in_undo(number)) for point in EARLY[-8::3] for number in (1, 20, 150, 290, 296)]
REDOS = [(in_finish(part), in_finish(part + more)) for part in (0, 25, 50, 75, 98) for more in (0, 1, 2)]
TIDIED = [(FINISH[-4], FINISH[-2])]


SECOND_KILLS = [(*pair, then) for pair, then in itertools.product([*UNDOS, *REDOS, *TIDIED], NEXT)]


@pytest.mark.parametrize(("first", "second", "then"), spread(SECOND_KILLS, 1), ids=str)
def test_a_kill_of_what_repairs_the_first_one(first: Point, second: Point, then: str, replay_job: RealJob) -> None:
    def change(installer: str) -> str:
        if first.line == second.line:
            return first.stop(installer).replace(ACTS, second.stop(ACTS))
        return first.stop(second.stop(installer))

    reference = by_dpkg(replay_job)
    job = replay_job(SYSTEM, GROUP, change=change)
    before = look(job)
    kill(job, first)
    kill(job, second)
    job.room.sh(f"touch {THERE} {GO}")
    NEXT[then](job, before, reference)


@pytest.mark.parametrize(("number", "then"), spread(list(itertools.product([20, 1, 150, 290, 296], NEXT)), 1))
def test_a_kill_of_the_undo_of_a_replay_that_fails(number: int, then: str, replay_job: RealJob) -> None:
    reference = by_dpkg(replay_job)
    point = in_undo(number)
    job = replay_job(SYSTEM, GROUP, change=lambda text: FAILING.stop(point.stop(text)))
    before = look(job)
    kill(job, point)
    job.room.sh(f"touch {THERE} {GO}")
    NEXT[then](job, before, reference)


@pytest.mark.parametrize("point", spread([*EARLY, *FINISH[::4]], 1), ids=str)
def test_a_kill_in_the_second_group_of_a_chain(point: Point, replay_job: RealJob) -> None:
    states = []
    for change in (str, point.stop):
        job = replay_job(SYSTEM, "ssh", change=change)
        job.options = "--no-replay" if change is str else ""
        job.room.sh(f"touch {THERE} {GO}")
        assert job.run().returncode == 0
        job = replace(job, group="nfs", requests=REQUESTS["nfs"])
        before = look(job)
        if change is not str:
            stop_again(job)
            kill(job, point)
            job.room.sh(f"touch {THERE} {GO}")
        conclude(job, judge(job, job.run(), before))
        states.append(look(job))
    with verdict(Verdict.STRAY):
        assert differing(states[0], states[1]) == []
