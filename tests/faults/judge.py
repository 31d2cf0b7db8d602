"""The judgement, from the machine's own state: what the promise says must hold after every fault."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.exceptions import INSTALLED, REAL, UNDONE, is_exempt
from tests.faults.job import Job
from tests.faults.state import FOLDER, MARKS, USERS, State, changes, files_of, look, started
from tests.faults.verdicts import Verdict, verdict

from package_cache.exit_codes import ExitStatus
from package_cache.process import Completed

NO_INSTALLER = "is the volume mounted?"
"""What the generated command itself says: the cause and the next step in one."""
NOTHING = "nothing was changed"
NOTHING_ELSE = "nothing was changed but what an earlier run had left"
BY_OTHERS = "another process changed the packages here"
NOT_COMPLETELY_UNDONE = "not completely undone"

NO_CACHE = ("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")
"""Options by which apt keeps nothing of what it has read: the judgement itself changes nothing."""

LEFT_BEHIND = r"""
/busybox find / \( -path /proc -o -path /sys -o -path /small -o -path /cache -o -path '/own*' \) -prune \
    -o -name '*package-cache*' ! -name package-cache.json -print -o -name '*.dpkg-[nt][em][wp]' -print
[ ! -f /usr/sbin/policy-rc.d ] || grep -sl package-cache /usr/sbin/policy-rc.d
"""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a fault does to the promise, each with its reason; without one the promise holds as it stands."""

    cannot_be_undone: str = ""
    """Why an installation that failed cannot be undone."""
    writes: Sequence[str] = ()
    """Patterns of what the packages' own scripts write, and nothing takes away again."""
    starts: str = ""
    """Why a process runs on afterwards."""
    completed: Sequence[str] = ()
    """Packages of an earlier run that was killed: recovery completes them, and they stay."""
    meanwhile: Sequence[str] = ()
    """Packages that another process installs meanwhile."""
    no_marks: str = ""
    """Why apt's marks cannot be written."""
    already_there: bool = False
    """True where the group was installed before, so that no status can undo that."""
    sane: bool = True
    """False where dpkg was not sane before."""


STRICT = Terms()


def judge(
    job: Job,
    done: Completed,
    before: State | None,
    *,
    allowed: Iterable[ExitStatus] = (ExitStatus.INSTALLED,),
    says: str = "",
    terms: Terms = STRICT,
) -> ExitStatus:
    """Judge one run by the state of the container `before` and after it; return its status.

    `before` is None only where others change the container meanwhile.

    Raises `BrokenError` with the verdict.
    """
    text = f"status {done.returncode}\n{done.stdout}{done.stderr}"
    status = {status.code: status for status in ExitStatus}.get(done.returncode, ExitStatus.INTERNAL)
    with verdict(Verdict.UNTRUE):
        assert is_true(job) in ((True,) if status is ExitStatus.INSTALLED else (False, terms.already_there)), text
    if before is not None:
        judge_state(job, status, before, text, terms)
    with verdict(Verdict.WRONG_REASON):
        assert status in allowed, text
        assert says in text, text
        if status is not ExitStatus.INSTALLED and NO_INSTALLER not in text:
            assert "package-cache: cannot " in text, text
            assert f" ({status.reason}): " in text or status in (ExitStatus.USAGE, ExitStatus.INTERRUPTED), text
            assert "next step: " in text or status in (ExitStatus.USAGE, ExitStatus.INTERRUPTED), text
    if NOT_COMPLETELY_UNDONE not in text:  # else the notes of what is to be taken back stay for the next run
        assert_nothing_left(job)
        if status in (ExitStatus.INSTALL_FAILED, ExitStatus.INTERRUPTED) and terms.sane:
            assert_sane(job, text)
    return status


def judge_state(job: Job, status: ExitStatus, before: State, text: str, terms: Terms) -> None:
    """Judge what has become of the container."""
    after = look(job)
    if status is ExitStatus.INSTALLED:
        judge_installed(job, before, after, text, terms)
    elif status in (ExitStatus.INSTALL_FAILED, ExitStatus.INTERRUPTED):
        judge_undone(job, before, after, text, terms)
    elif NOTHING_ELSE not in text:
        with verdict(Verdict.TOUCHED):
            assert_none(sorted(after.lines ^ before.lines), text)
            assert after.mounts == before.mounts, text
    with verdict(Verdict.WRONG_REASON):
        assert BY_OTHERS not in text or changes(before, after) != {}, text
    with verdict(Verdict.STARTED):
        assert_none([] if terms.starts else started(before, after), text)


def assert_none(found: Iterable[str], text: str) -> None:
    """Raise `AssertionError` with what was found, and with what the command printed."""
    assert not found, f"{found}\n{text}"


def judge_undone(job: Job, before: State, after: State, text: str, terms: Terms) -> None:
    """Judge what is there after an installation that failed or was interrupted."""
    if NOTHING in text and NOTHING_ELSE not in text:
        with verdict(Verdict.TOUCHED):
            assert_none(changes(before, after), text)
    with verdict(Verdict.NOT_UNDONE):
        left = not_undone(job, before, after, terms)
        assert left == {} or (terms.cannot_be_undone and NOT_COMPLETELY_UNDONE in text), f"{left}\n{text}"
        assert NOT_COMPLETELY_UNDONE not in text or terms.cannot_be_undone, text


def not_undone(job: Job, before: State, after: State, terms: Terms) -> dict[str, str]:
    """Return what differs though it should be as before: all but what is exempt, and of packages that were upgraded."""
    stay = [
        package
        for key, package in after.installed.items()
        if package.name in terms.completed
        or (key in before.installed and before.installed[key].version != package.version)
    ]
    theirs = files_of(job, stay) | {f"{MARKS} {after.mark_key(package)}" for package in stay}
    changed = changes(before, after)
    kept = {path for path in changed if path in theirs or is_exempt(path, (UNDONE,), terms.writes)}
    kept |= {
        path
        for path in new_folders(changed)
        if any(each.endswith(".pyc") and each.startswith(f"{path}/") for each in kept)
    }
    return {path: change for path, change in changed.items() if path not in kept or is_loss(path, change)}


def new_folders(changed: Mapping[str, str]) -> list[str]:
    """Return the paths of the folders that were not there before."""
    return [path for path, change in changed.items() if change.startswith(f"missing -> {FOLDER}")]


def judge_interrupted(job: Job, before: State, text: str) -> None:
    """Judge a run whose command a signal ended as well, so that its status tells nothing: all or nothing is there."""
    after = look(job)
    if is_true(job):
        judge_installed(job, before, after, text, STRICT)
    else:
        judge_undone(job, before, after, text, STRICT)
    assert_sane(job, text)
    assert_nothing_left(job)


def is_loss(path: str, change: str) -> bool:
    """Return whether a line of a file of users is gone."""
    return path.startswith(tuple(f"{file} " for file in USERS)) and change.endswith("-> missing")


def judge_installed(job: Job, before: State, after: State, text: str, terms: Terms) -> None:
    """Judge what is there after an installation: apt's marks, and that nothing else was written."""
    was = {before.mark_key(package) for package in before.installed.values()}
    new = [package for key, package in after.installed.items() if before.packages.get(key) != package]
    came = {after.mark_key(package) for package in new if package.name not in terms.meanwhile} - was
    automatic = set() if terms.no_marks else came - asked_for(job, after)
    with verdict(Verdict.WRONG_MARK):
        assert_none((after.marks - before.marks) ^ automatic, text)
        assert_none(before.marks - after.marks, text)
    theirs = files_of(job, new)
    stray = {
        path: change
        for path, change in changes(before, after).items()
        if is_loss(path, change)
        or not (path in theirs or is_exempt(path, (INSTALLED, REAL) if job.is_real else (INSTALLED,), terms.writes))
    }
    with verdict(Verdict.STRAY):
        assert_none(stray, text)


def asked_for(job: Job, after: State) -> set[str]:
    """Return what the group asks for, as apt marks packages: those that provide a virtual package, too."""
    names = {request.partition("=")[0] for request in job.requests}
    asked = {name if ":" in name else f"{name}:{after.architecture}" for name in names}
    asked.update(after.mark_key(package) for package in after.installed.values() if names & package.provides)
    return asked


def conclude(job: Job, status: ExitStatus, heal: str = "", *, sane: bool = True) -> None:
    """After what lay outside the container is mended by `heal`: see that all is in order, and that the fallback works.

    Only after an installation that could not be wholly undone may it be the next run that puts dpkg in order.
    `sane=False`: others had left dpkg broken before.
    """
    job.room.sh(heal)
    if sane and status is not ExitStatus.INSTALL_FAILED:
        assert_sane(job)
    if status is not ExitStatus.INSTALLED:
        assert_fallback_works(job, sane=sane)


def is_true(job: Job) -> bool:
    """Return whether dpkg has every package of the group installed, and every file that it provides exists."""
    known = job.room.sh("dpkg-query -W -f '${Package}:${Architecture} ${db:Status-Abbrev}\\n'", check=False)
    installed = {name for name, _, status in (line.partition(" ") for line in known.splitlines()) if status[1:2] == "i"}
    return all(
        {name, f"{name}:{job.architecture}", f"{name}:all", f"{name.partition(':')[0]}:all"} & installed
        for name in (request.partition("=")[0] for request in job.requests)
    ) and all(job.room.sh(f"[ ! -e '{path}' ] || echo there") for path in job.provides)


def assert_sane(job: Job, text: str = "") -> None:
    """Check that dpkg and apt find nothing to complain of."""
    with verdict(Verdict.NOT_SANE):
        assert job.room.audit() == "", job.room.audit() + text
        checked = job.room.container.run(["apt-get", *NO_CACHE, "check"], timeout=60, check=False)
        assert checked.returncode == 0, text + checked.stdout + checked.stderr


def assert_nothing_left(job: Job) -> None:
    """Raise `BrokenError` where a file, a process of an installer, or a lock is left."""
    with verdict(Verdict.LEFT_BEHIND):
        files = job.room.sh(LEFT_BEHIND, check=False).splitlines()
        left = files + processes(job)
        assert left == [], left


def assert_fallback_works(job: Job, *, sane: bool = True) -> None:
    """Check that the fallback commands now install what was asked for."""
    with verdict(Verdict.NO_FALLBACK):
        done = job.fall_back()
        assert done.returncode == 0, done.stdout + done.stderr
        assert is_true(job), done.stdout + done.stderr
    if sane:
        assert_sane(job, done.stdout + done.stderr)


OURS = ("for f in /proc", "/root/hold.pl")
"""What stands in the command lines of the judgement itself and of a test's own processes."""


def processes(job: Job) -> list[str]:
    """Return the command lines of what runs in the container, but for its holder, its web server and this look."""
    lines = job.room.sh("for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done 2>/dev/null", check=False)
    signs = ("/bin/sh -s ", "dpkg", "apt-get", "timeout ")
    return [
        line
        for line in lines.splitlines()
        if any(sign in line for sign in signs) and not any(each in line for each in OURS)
    ]


def wait_until_quiet(job: Job, limit: float = 90.0) -> None:
    """Wait until nothing that was started is at work any more."""
    deadline = time.monotonic() + limit
    with verdict(Verdict.LEFT_BEHIND):
        while processes(job):
            assert time.monotonic() < deadline, processes(job)
            time.sleep(0.1)
