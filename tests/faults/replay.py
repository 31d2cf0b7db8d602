"""Replays that are stopped at a point, so that something happens to them there, and what they must come to."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from subprocess import Popen

from tests.faults.conftest import RealJob
from tests.faults.job import Job
from tests.faults.state import State, look
from tests.faults.verdicts import Verdict, verdict

from package_cache.exit_codes import ExitStatus
from package_cache.manifest.model import RuleKind
from package_cache.recording.rules import Rules, own_rules

SYSTEM, GROUP = "ubuntu18.04", "ssh"
"""Of the jobs, unless a row says otherwise."""
REPLAYED = "by a recording of "
NOT_USED = "the recording of a root of {} is not used: "

THERE, GO = "/dev/shm/there", "/dev/shm/go"
"""A replay stops at its point once, tells by the one file that it did, and goes on when the other one is there."""
STOP = f"[ -e {THERE} ] || {{ : >{THERE}; until [ -e {GO} ]; do sleep 0.05; done; }}"
STOP_PERL = (
    f'unless (-e "{THERE}") {{ open(my $there, ">", "{THERE}"); select(undef, undef, undef, 0.05) until -e "{GO}" }}'
)


@dataclass(frozen=True)
class Point:
    """A point of a replay."""

    name: str
    line: str
    """Of the installer."""
    stopping: str = ""
    """What stands there instead; by default the line with a stop before it."""
    is_final: bool = False
    """True where it has begun to rename: from there on there is only forward."""

    def __str__(self) -> str:
        return self.name.replace(" ", "-")

    def stop(self, installer: str) -> str:
        """Return the text of an installer that stops there."""
        assert installer.count(self.line) == 1, self.line
        return installer.replace(self.line, self.stopping or f"{STOP}\n{self.line}")


def after_bytes(name: str, line: str, size: int) -> Point:
    """Return the point at which a pipe has handed on as many bytes."""
    first, _, second = line.partition(" | ")
    return Point(f"{name} after {size} bytes", line, f"{first} | {{ head -c {size}; {STOP}; cat; }} | {second}")


ACTS = "    $act{$do}->($p, @fields) unless $rest;\n"


def in_finish(part: int) -> Point:
    """Return the point before one of the actions at the end: at so many hundredths of them."""
    perl = f"    if ($. == 1 + int({part} * (qx(wc -l <$run/finish) - 1) / 100)) {{ {STOP_PERL} }}\n"
    return Point(f"at {part} percent of the actions of the end", ACTS, perl + ACTS, is_final=True)


UNDOES = "    next if !lstat($p);\n"


def in_undo(number: int) -> Point:
    """Return the point before one of the paths that an undo removes."""
    perl = f"    our $count; if (++$count == {number}) {{ {STOP_PERL} }}\n"
    return Point(f"at path {number} of the undo", UNDOES, perl + UNDOES)


FAILING = Point("after the payload, which fails", 'for job in $jobs; do wait "$job" || ', "for job in none; do ")
"""No point: what makes each replay fail when nearly all is unpacked."""

RESIDUE, PAYLOAD = 'give "$recording" | take ', "give_all $first | take_all;"
EARLY = [
    Point("before the lock", "    lock_dpkg\n    case $? in 0) ;; 1) return 1 ;; *) refuse"),
    Point("under the lock", "    check_state || { unlock_dpkg && return 2; }"),
    Point("in the checks", '    hashers=\n    [ -n "${bad}" ] || return 0'),
    Point("after the checks", '    check_space\n    hash_pool "${hashed_by}"\n    phase replay_check'),
    Point("before the journal", "    begin_replay\n    if ! unpack_recording"),
    Point("in the journal", ' && : >"${run}/replay")', f' && {{ {STOP}; }} && : >"${{run}}/replay")'),
    Point("after the journal", "    replaying=unpack\n"),
    *(after_bytes("in the residue", RESIDUE, size) for size in (1, 100_000, 700_000, 1_500_000, 2_100_000)),
    Point("after the residue", 'check "the recording" 2\n'),
    *(after_bytes("in the payload", PAYLOAD, size) for size in (1, 300_000, 2_000_000, 5_000_000, 7_000_000)),
    Point("before the regenerated files", 'while IFS="$tab" read -r path command; do\n    mkdir -p'),
    Point("in the regenerated files", 'if [ -n "$over" ]; then'),
    Point("after the regenerated files", 'while IFS="$tab" read -r path command; do [ -s'),
    Point("before it is ready", '    refusal="there is no space in ${run}"'),
]
FINISH = [
    Point("when it is ready", "    phase replay_unpack\n", is_final=True),
    *map(in_finish, range(101)),
    Point("after all renames", "    end_replay\n    hear_signals\n", is_final=True),
    Point("before the journal goes", '    [ -n "${recordings}" ] || end_run\n    unlock_dpkg\n}', is_final=True),
    Point("before the folder of journals goes", '    rmdir "${RUNS}" 2>/dev/null\n}', is_final=True),
    Point("when all is away", "    phase replay_finish\n", is_final=True),
]
POINTS = [*EARLY, *FINISH]


def run_to(job: Job, point: Point) -> "Popen[str]":
    """Start the command and return it when it has come to the point."""
    process = job.start()
    deadline = time.monotonic() + 60
    while not job.room.container.path(THERE).exists():
        assert process.poll() is None, f"it ended before it came to the point {point}: {process.communicate()}"
        assert time.monotonic() < deadline, f"it did not come to the point {point}"
        time.sleep(0.02)
    return process


def go_on(job: Job) -> None:
    """Continue what stopped at its point."""
    job.room.container.path(GO).touch()


def stop_again(job: Job) -> None:
    """Make the next run stop at its point as well."""
    job.room.sh(f"rm -f {THERE} {GO}")


_references: dict[tuple[str, str, str], State] = {}


def by_dpkg(replay_job: RealJob, system: str = SYSTEM, group: str = GROUP, cause: str = "") -> State:
    """Return the state of a container in which dpkg has installed a group: what every replay must come to."""
    key = (system, group, cause)
    if key not in _references:
        job = replay_job(system, group)
        job.options = "--no-replay"
        job.room.sh(cause)
        assert job.run().returncode == ExitStatus.INSTALLED.code
        _references[key] = look(job)
    return _references[key]


RULES = Rules(own_rules())
OURS = "/etc/apt/sources.list"
"""The container's source: it has the port of its own server."""


def differing(reference: State, state: State, more: Sequence[str] = ()) -> list[str]:
    """Return what differs from an installation by dpkg, but for what a rule or a pattern of `more` allows."""
    found = []
    for path in sorted({*reference.entries, *state.entries}):
        ours, theirs = state.entries.get(path), reference.entries.get(path)
        rule = RULES.find(path)
        if ours == theirs or path == OURS or any(fnmatchcase(path, each) for each in more):
            continue
        if rule and rule.kind is RuleKind.DROP:
            continue
        if rule and ours and theirs and ours.rpartition(" ")[0] == theirs.rpartition(" ")[0]:
            continue  # it has other contents in each installation
        found.append(f"{path}: {theirs} by dpkg, {ours} here")
    return found


def assert_equal(job: Job, reference: State, text: str = "", more: Sequence[str] = ()) -> None:
    """Check that a container is as dpkg makes it, but for patterns of `more`."""
    with verdict(Verdict.STRAY):
        found = differing(reference, look(job), more)
        assert found == [], f"{found}\n{text}"
