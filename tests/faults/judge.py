"""The judgement, from the machine's own state: what the promise says must hold after every fault."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.job import Job

from package_cache.outside.run import Completed
from package_cache.values.statuses import ExitStatus

MAP = r"""
find_all() {
    /busybox find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run \) -prune -o "$@"
}
find_all -print0 | xargs -0 stat -c '%n %f %u %g %h %Y %s' | sed 's/^\(.* 4...\) .* \([0-9]*\) [0-9]*$/\1 \2/'
find_all -type f -print0 | xargs -0 sha256sum
/busybox find /tmp /run
"""
"""Prints path, mode, owner, links, time and size of everything, and the hash of each file. Of folders no size."""

LEFT_BEHIND = """
ls -d /tmp/package-cache.* /run/package-cache.* /var/lib/package-cache /usr/sbin/policy-rc.d* 2>/dev/null
/busybox find / -xdev -name '*.dpkg-new' -o -xdev -name '*.dpkg-tmp' | grep -v '^/proc'
"""


@dataclass(frozen=True)
class State:
    """What a container is like."""

    files: frozenset[str]
    mounts: str


def look(job: Job) -> State:
    """Take the map of a whole root."""
    return State(frozenset(job.room.sh(MAP).splitlines()), job.room.sh("cat /proc/self/mounts"))


def judge(
    job: Job,
    done: Completed,
    before: State | None = None,
    *,
    allowed: Iterable[ExitStatus] = (ExitStatus.INSTALLED,),
    says: str = "",
    sane: bool = True,
) -> None:
    """Judge one run: the right reason, truth, a clean miss where the status says so, sanity, nothing left behind."""
    text = done.stdout + done.stderr
    statuses = {status.code: status for status in ExitStatus}
    status = statuses.get(done.returncode, ExitStatus.INTERNAL)
    assert status in allowed, f"status {done.returncode}\n{text}"
    assert is_true(job) is (status is ExitStatus.INSTALLED), f"status {done.returncode} is not the truth\n{text}"
    assert says in text
    if status is not ExitStatus.INSTALLED:
        assert "package-cache: cannot " in text, text
        assert "next step: " in text or status is ExitStatus.USAGE, text
    if status.value.clean_miss and before is not None:
        after = look(job)
        assert sorted(after.files ^ before.files) == [], text
        assert after.mounts == before.mounts
    if sane:
        assert_sane(job, text)
    assert_nothing_left(job)


def is_true(job: Job) -> bool:
    """Is every package of the group installed and configured, by dpkg's own word?"""
    states = job.room.state(*job.requests)
    return all(states.get(name, "").startswith(("ii ", "hi ")) for name in job.requests)


def assert_sane(job: Job, text: str = "") -> None:
    """See that dpkg and apt find nothing to complain of."""
    assert job.room.audit() == "", job.room.audit() + text
    checked = job.room.container.run(["apt-get", "check"], timeout=60, check=False)
    assert checked.returncode == 0, text + checked.stdout + checked.stderr


def assert_nothing_left(job: Job) -> None:
    """See that no file, no process of an installer, and no lock is left."""
    left = job.room.sh(LEFT_BEHIND, check=False).splitlines() + processes(job)
    assert left == [], left


def assert_fallback_works(job: Job) -> None:
    """See that the fallback commands now install what was asked for."""
    done = job.fall_back()
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_true(job), done.stdout + done.stderr
    assert_sane(job, done.stdout + done.stderr)


def processes(job: Job) -> list[str]:
    """Give the command lines of what runs in the container, but for its holder, its web server and this look."""
    lines = job.room.sh("for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done 2>/dev/null", check=False)
    signs = ("install_group.sh", "dpkg", "apt-get", "timeout ")
    return [line for line in lines.splitlines() if any(sign in line for sign in signs) and "for f in /proc" not in line]


def wait_until_quiet(job: Job, limit: float = 90.0) -> None:
    """Wait until nothing that was started is at work any more."""
    deadline = time.monotonic() + limit
    while processes(job):
        assert time.monotonic() < deadline, processes(job)
        time.sleep(0.1)
