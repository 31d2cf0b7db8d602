"""Several that work with dpkg at once: installers, apt-get, and ten containers on one cache."""

import itertools
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.faults.conftest import REQUESTS, RealJob, SyntheticJob
from tests.faults.fault import careful
from tests.faults.job import LIMIT, Job, Whom, send
from tests.faults.judge import conclude, is_true, judge, wait_until_quiet
from tests.faults.spread import spread
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import ended
from tests.support.debs import make_deb

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
Process = subprocess.Popen[str]
OLD, MIDDLE, NEW = "ubuntu16.04", "ubuntu18.04", "debian12"


@dataclass(frozen=True)
class Stage:
    """Where a crowd meets."""

    real: RealJob
    synthetic: SyntheticJob
    folder: Path
    count: Callable[[int], None]

    def jobs(self, system: str, groups: Sequence[str]) -> list[Job]:
        """Open one container whose cache has all these groups, `tools` being small packages; give a job for each."""
        if "tools" in groups:
            return [self.synthetic(**careful(self.folder / "debs"), system=system)] * len(groups)
        first = self.real(system, groups[0])
        return [replace(first, group=group, requests=REQUESTS[group]) for group in groups]


def judge_all(
    jobs: Sequence[Job], processes: Sequence[Process], *, allowed: Sequence[ExitStatus] = (ExitStatus.INSTALLED,)
) -> None:
    """Judge each by what its own job asked for, when all have ended."""
    results = [ended(process, LIMIT) for process in processes]
    statuses = [judge(job, done, None, allowed=allowed) for job, done in zip(jobs, results, strict=True)]
    for job, status in zip(jobs, statuses, strict=True):
        conclude(job, status)


def two_at_once(stage: Stage, system: str, groups: Sequence[str], seconds: float) -> None:
    """The second begins some time after the first."""
    jobs = stage.jobs(system, groups)
    first = jobs[0].start()
    time.sleep(seconds)
    stage.count(2)
    judge_all(jobs, [first, jobs[1].start()])


def one_is_killed(stage: Stage, system: str, groups: Sequence[str], seconds: float, which: int) -> None:
    """The other puts dpkg in order, if need be, and goes on; so does the next run of the killed one."""
    jobs = stage.jobs(system, groups)
    processes = [job.start() for job in jobs]
    time.sleep(seconds)
    send(processes[which], signal.SIGKILL, Whom.ALL)
    ended(processes[which], LIMIT)
    other = ended(processes[1 - which], LIMIT)
    stage.count(3)
    with verdict(Verdict.UNTRUE):
        assert other.returncode == 0, other
        assert is_true(jobs[1 - which]), other
    conclude(jobs[which], judge(jobs[which], jobs[which].run(), None))


def both_fail(stage: Stage, system: str, seconds: float) -> None:
    """A package of their group does not let itself be configured, after a while."""
    bad = {"postinst": f"sleep {seconds}; exit 1"}
    debs = [make_deb(stage.folder / "bad", "wanted", depends="more", files={"/usr/bin/wanted": "x"}, scripts=bad),
            make_deb(stage.folder / "bad", "more", files={"/usr/share/more": "x"})]  # fmt: skip
    mended = [make_deb(stage.folder / "mended", "wanted", "1.1", files={"/usr/bin/wanted": "x"})]
    job = stage.synthetic(["wanted"], debs, mended=mended, system=system)
    stage.count(2)
    judge_all([job] * 2, [job.start(), job.start()], allowed=(ExitStatus.INSTALL_FAILED,))


APT = """for try in $(seq 300); do
    apt-get -qq update && apt-get -qq -y --no-install-recommends install {what} && exit 0
    sleep 0.2
done; exit 1"""


def apt_is_at_work(stage: Stage, system: str, groups: Sequence[str], seconds: float) -> None:
    """Somebody installs another group by apt-get, and the command comes some time later, or, below 0, before."""
    first, second = stage.jobs(system, groups)
    source = f"deb [trusted=yes] http://127.0.0.1:{second.port}/ groups/{second.group}-{system}/"
    first.room.sh(f"echo '{source}' >/etc/apt/sources.list.d/second.list")
    script = APT.format(what=" ".join(second.requests))
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", script]
    stage.count(1)
    if seconds < 0:
        running = first.start()
        time.sleep(-seconds)
        apt = first.room.start(command)
    else:
        apt = first.room.start(command)
        time.sleep(seconds)
        running = first.start()
    theirs, done = ended(apt, LIMIT), ended(running, LIMIT)
    assert theirs.returncode == 0, theirs
    wait_until_quiet(first)
    conclude(first, judge(first, done, None))


def many_containers(stage: Stage, system: str, group: str, number: int) -> None:
    """All have the same read-only cache."""
    jobs = [stage.jobs(system, [group])[0] for _ in range(number)]
    stage.count(number)
    judge_all(jobs, [job.start() for job in jobs])


PAIRS = [
    *itertools.product([OLD, MIDDLE], [("ssh", "ssh"), ("ssh", "nfs"), ("nfs", "ssh"), ("tools", "tools")]),
    *itertools.product([NEW], [("nfs", "nfs"), ("nfs", "build"), ("tools", "tools")]),
]
OTHERS = [(system, groups) for system, groups in PAIRS if groups[0] != groups[1]]
CROWDS = [
    *((two_at_once, *pair, seconds) for pair, seconds in itertools.product(PAIRS, [0.0, 0.1, 0.4, 1.0])),
    *((one_is_killed, *pair, seconds, which)
      for pair, seconds, which in itertools.product(PAIRS, [0.1, 0.3, 0.6, 1.0, 1.5], [0, 1])),
    *((apt_is_at_work, *pair, seconds)
      for pair, seconds in itertools.product(OTHERS, [-1.0, -0.5, -0.2, 0.0, 0.3, 0.6, 1.0, 1.5])),
    *((both_fail, system, seconds) for system, seconds in itertools.product([OLD, MIDDLE, NEW], [0.0, 0.5])),
    *((many_containers, system, group, 10) for system, group in [(NEW, "nfs"), (OLD, "ssh"), (MIDDLE, "ssh")]),
]  # fmt: skip


def name_of(value: object) -> str:
    return str(getattr(value, "__name__", value)).replace("_", "-")


@pytest.mark.parametrize("crowd", spread(CROWDS, 3), ids=lambda crowd: "-".join(map(name_of, crowd)))
def test_a_crowd(
    crowd: Sequence[object],
    real_job: RealJob,
    synthetic_job: SyntheticJob,
    tmp_path: Path,
    injections: Callable[[int], None],
) -> None:
    play, *details = crowd
    assert callable(play)
    play(Stage(real_job, synthetic_job, tmp_path, injections), *details)


SLOW_DPKG = """mv /usr/bin/dpkg /usr/bin/dpkg.real
cat >/usr/bin/dpkg <<'END'
#!/bin/sh
case " $* " in
    *" --install "*) if mkdir /root/first; then sleep 2; else until [ -e /root/begun ]; do sleep 0.1; done; fi ;;
esac
exec dpkg.real "$@"
END
chmod 755 /usr/bin/dpkg"""
"""The first takes its lock late, and any other one when the first has it."""


@pytest.mark.parametrize("system", spread([MIDDLE, OLD, NEW], 1))
def test_what_a_killed_installer_left_takes_its_lock_late_and_is_killed_as_well(
    system: str, synthetic_job: SyntheticJob, tmp_path: Path, injections: Callable[[int], None]
) -> None:
    scripts = {"postinst": "echo $PPID >/root/begun; sleep 3"}
    job = synthetic_job(["wanted"], [make_deb(tmp_path / "debs", "wanted", scripts=scripts)], system=system)
    job.room.sh(SLOW_DPKG)
    first = job.start()
    injections(2)
    job.room.sh("until [ -e /root/first ]; do sleep 0.1; done")
    second = job.start()
    time.sleep(0.5)
    assert send(first, signal.SIGKILL, Whom.INSTALLER)
    job.room.sh("until [ -s /root/begun ]; do sleep 0.1; done; sleep 1.5; kill -9 $(cat /root/begun)")
    ended(first, LIMIT)
    judge_all([job], [second])
