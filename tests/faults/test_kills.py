"""Signals at moments spread over a run; the same command then brings everything to its end."""

import itertools
import signal
import time

import pytest
from tests.faults.conftest import RealJob
from tests.faults.fault import REAL_JOBS
from tests.faults.job import LIMIT, Job, Whom, send
from tests.faults.judge import assert_sane, conclude, judge, judge_interrupted, wait_until_quiet
from tests.faults.spread import spread
from tests.faults.state import State, look
from tests.faults.writers import ended

from package_cache.process import Completed

MOMENTS = 12
pytestmark = pytest.mark.injection
WAYS = {
    "SIGKILL to all that runs": (signal.SIGKILL, Whom.ALL),
    "SIGKILL to the process group": (signal.SIGKILL, Whom.GROUP),
    "SIGKILL to the installer alone": (signal.SIGKILL, Whom.INSTALLER),
    "SIGTERM to the process group": (signal.SIGTERM, Whom.GROUP),
    "Ctrl-C": (signal.SIGINT, Whom.GROUP),
}
ROWS = spread(list(itertools.product(range(MOMENTS), WAYS, REAL_JOBS)), 15)
assert len(set(ROWS)) == len(ROWS)

_seconds: dict[tuple[str, str], float] = {}


def seconds_of(job: tuple[str, str], real_job: RealJob) -> float:
    """Measure once how long an undisturbed run takes, in seconds."""
    if job not in _seconds:
        trial = real_job(*job)
        began = time.monotonic()
        assert trial.run().returncode == 0
        _seconds[job] = time.monotonic() - began
    return _seconds[job]


def strike(moment: int, way: str, job: tuple[str, str], real_job: RealJob) -> tuple[Job, State, Completed]:
    """Send the signal at that moment of a run. A run that was faster than the one that was measured is not one."""
    seconds = seconds_of(job, real_job)
    while True:
        trial = real_job(*job)
        before = look(trial)
        process = trial.start()
        time.sleep(seconds * (moment + 0.5) / MOMENTS)
        if process.poll() is None and send(process, *WAYS[way]):
            return trial, before, ended(process, LIMIT)
        seconds *= 0.9


@pytest.mark.parametrize(("moment", "way", "job"), ROWS)
def test_a_signal_and_the_same_command_again(moment: int, way: str, job: tuple[str, str], real_job: RealJob) -> None:
    trial, before, done = strike(moment, way, job, real_job)
    sign, whom = WAYS[way]
    if whom is Whom.INSTALLER:  # the command runs it once more
        judge(trial, done, before)
        assert_sane(trial)
    elif sign is not signal.SIGKILL:  # the installer heard it: it puts things in order by itself
        wait_until_quiet(trial)
        judge_interrupted(trial, before, done.stdout + done.stderr)
    conclude(trial, judge(trial, trial.run(), before))
