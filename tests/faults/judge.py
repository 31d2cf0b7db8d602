"""The judgement, from the machine's own state: what the promise says must hold after every fault."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.faults.job import BUSYBOX, Job
from tests.faults.verdicts import Verdict, verdict

from package_cache.outside.run import Completed
from package_cache.values.statuses import ExitStatus

MAP = r"""
/busybox find / \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run -o -path /small \
    -o -path /cache -o -path /good -o -path /debs -o -path /own \) -prune -o -print0 |
    /busybox xargs -0 stat -c '%n|%f %u %g %Y|%h %s|%z'
/busybox find /tmp /run
"""
"""Prints of everything the path; mode, owner and time; links and size; time of the last change of any of these."""

FILE, FOLDER = "8", "4"
"""The first digit of a mode: inode(7), S_IFMT."""

_hashes: dict[str, str] = {}
"""By the line of a file, whose time of change is the kernel's own (inode(7), ctime) and new whenever it is written to.
So a root's files are hashed once, and after a fault only those that may be others."""

NO_INSTALLER = "is the volume mounted?"
"""What the generated command itself says: the cause and the next step in one."""
NOT_WHOLLY_UNDONE = "not wholly undone"

LEFT_BEHIND = r"""
ls -d /tmp/package-cache.* /run/package-cache.* /dev/shm/package-cache.* /var/tmp/package-cache.* \
    /var/lib/package-cache /usr/sbin/policy-rc.d.kept-by-package-cache 2>/dev/null
[ ! -f /usr/sbin/policy-rc.d ] || grep -sl package-cache /usr/sbin/policy-rc.d
/busybox find / \( -path /proc -o -path /sys -o -path /small \) -prune -o -name '*.dpkg-[nt][em][wp]' -print
"""


@dataclass(frozen=True)
class State:
    """What a container is like."""

    files: frozenset[str]
    mounts: str


def look(job: Job) -> State:
    """Take the map of a whole root: path, mode, owner, time, links, and the hash of each file; of folders less."""
    lines = job.room.sh(MAP, check=False).splitlines()
    _hash(job, [line for line in lines if _kind(line) == FILE and line not in _hashes])
    return State(frozenset(map(_entry, lines)), job.room.sh("cat /proc/self/mounts"))


def _hash(job: Job, lines: Sequence[str]) -> None:
    paths = "\0".join(line.partition("|")[0] for line in lines)
    said = job.room.container.run([BUSYBOX, "xargs", "-0", "-r", "sha256sum"], stdin=paths, timeout=120, check=False)
    hashes = {path: digest for digest, _, path in (line.partition("  ") for line in said.stdout.splitlines())}
    _hashes.update((line, hashes.get(line.partition("|")[0], "unreadable")) for line in lines)


def _kind(line: str) -> str:
    _, bar, rest = line.partition("|")
    return rest[: len(rest.partition(" ")[0]) - 3] if bar else ""


def _entry(line: str) -> str:
    if _kind(line) == FILE:
        return f"{line.rpartition('|')[0]} {_hashes[line]}"
    return line.rsplit("|", 2)[0] if _kind(line) == FOLDER else line


def judge(
    job: Job,
    done: Completed,
    before: State | None = None,
    *,
    allowed: Iterable[ExitStatus] = (ExitStatus.INSTALLED,),
    says: str = "",
) -> ExitStatus:
    """Judge one run: truth, a clean miss where the status says so, the right reason, nothing left behind.

    Gives its status. Raises `BrokenError` with the verdict.
    """
    text = f"status {done.returncode}\n{done.stdout}{done.stderr}"
    status = {status.code: status for status in ExitStatus}.get(done.returncode, ExitStatus.INTERNAL)
    with verdict(Verdict.UNTRUE):
        assert is_true(job) is (status is ExitStatus.INSTALLED), text
    if status.value.clean_miss and before is not None:
        with verdict(Verdict.TOUCHED):
            after = look(job)
            assert sorted(after.files ^ before.files) == [], text
            assert after.mounts == before.mounts, text
    with verdict(Verdict.WRONG_REASON):
        assert status in allowed, text
        assert says in text, text
        if status is not ExitStatus.INSTALLED and NO_INSTALLER not in text:
            assert "package-cache: cannot " in text, text
            assert "next step: " in text or status in (ExitStatus.USAGE, ExitStatus.INTERRUPTED), text
    if NOT_WHOLLY_UNDONE not in text:  # else the notes of what is to be taken back stay for the next run
        assert_nothing_left(job)
        if status in (ExitStatus.INSTALL_FAILED, ExitStatus.INTERRUPTED):
            assert_sane(job, text)
    return status


def conclude(job: Job, status: ExitStatus, heal: str = "", *, sane: bool = True) -> None:
    """After what lay outside the container is mended by `heal`: see that all is in order, and that the fallback works.

    Only after an installation that could not be wholly undone may it be the next run that puts dpkg in order.
    `sane=False`: others had left dpkg broken before.
    """
    job.room.sh(heal)
    if sane and status is not ExitStatus.INSTALL_FAILED:
        assert_sane(job)
    if status is not ExitStatus.INSTALLED:
        assert_fallback_works(job)


def is_true(job: Job) -> bool:
    """Is every package of the group installed and configured, by dpkg's own word, and all that it provides there?"""
    states = job.room.state(*job.requests)
    return all(states.get(name, "").startswith(("ii ", "hi ")) for name in job.requests) and all(
        job.room.sh(f"[ ! -e '{path}' ] || echo there") for path in job.provides
    )


def assert_sane(job: Job, text: str = "") -> None:
    """See that dpkg and apt find nothing to complain of."""
    with verdict(Verdict.NOT_SANE):
        assert job.room.audit() == "", job.room.audit() + text
        checked = job.room.container.run(["apt-get", "check"], timeout=60, check=False)
        assert checked.returncode == 0, text + checked.stdout + checked.stderr


def assert_nothing_left(job: Job) -> None:
    """See that no file, no process of an installer, and no lock is left."""
    with verdict(Verdict.LEFT_BEHIND):
        left = job.room.sh(LEFT_BEHIND, check=False).splitlines() + processes(job)
        assert left == [], left


def assert_fallback_works(job: Job) -> None:
    """See that the fallback commands now install what was asked for."""
    with verdict(Verdict.NO_FALLBACK):
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
    with verdict(Verdict.LEFT_BEHIND):
        while processes(job):
            assert time.monotonic() < deadline, processes(job)
            time.sleep(0.1)
