"""Namespaces (namespaces(7)) that are held by a process which ends when we do, and the ids of those of users.

The holder is process 1 of a new pid namespace: it makes the mounts, then becomes a `cat` that reads our pipe. When we
close it, or die in whatever way, it ends, and the kernel ends all processes of that namespace and drops its mounts.
"""

import contextlib
import os
import pwd
import select
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.process import Process, end, find_tool, run, start

SETUP_LIMIT = 300.0
"""Seconds for the mounts, or, where there is no overlay, for the copy of a root into memory."""

STAGE = "/sys/kernel"
"""Where mounts are put together: a folder that Linux always has and nothing is bound from; ours is private."""

_PATH = "PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
"""An ordinary user's lacks some, and root's own folders are closed to the ids inside."""

_BECOME_HOLDER = "exec env --ignore-signal=CHLD cat"
"""With CHLD ignored the kernel reaps orphans itself (signal(7)): no daemon that ended stays behind as a zombie."""

IDS = 65536
"""How many ids a root needs: 0 up to `nobody`, 65534 (Debian Policy section 9.2.2)."""

UNUSED = 1_900_000_000
"""First id of a range that nothing on a machine has, by systemd's table of ranges (UIDS-GIDS)."""

Kind = Literal["uid", "gid"]
KINDS: tuple[Kind, ...] = ("uid", "gid")
Extent = tuple[int, int, int]
"""First id inside, first id outside, count."""


@dataclass(frozen=True)
class Holder:
    """A running holder: how to enter its namespaces."""

    pid: int
    """Of its first process, as we see it."""
    flags: tuple[str, ...]

    @property
    def enter(self) -> tuple[str, ...]:
        """The argv prefix that runs a command in its namespaces."""
        return (find_tool("nsenter"), "--target", str(self.pid), *self.flags)


@contextlib.contextmanager
def hold(setup: Sequence[str], flags: Sequence[str], *, user: bool, before: Sequence[str] = ()) -> Iterator[Holder]:
    """Keep new namespaces (`flags` of unshare(1)), set up by these lines of shell, while the block runs.

    With `user` there is a user namespace around them, and what root mounts in the lines `before` is locked there: it
    is outside of that namespace, as root can open what the ids inside cannot.
    """
    root = user and os.geteuid() == 0
    # The redirection is the shell's own: /proc is still the outer one and tells the pid by which we know it.
    first = ["set -eu", _PATH, "read -r pid rest < /proc/self/stat", *(() if root else before)]
    script = "\n".join((*first, *setup, 'echo "$pid"', _BECOME_HOLDER))
    ids = ["--setuid", "0", "--setgid", "0"] if root else []
    argv = ["unshare", *ids, *flags, "--fork", "--kill-child", "sh", "-c", script]
    if user:
        argv = ["unshare", "--user", "--keep-caps", "sh", "-c", 'echo unshared; read -r go; exec "$@"', "sh", *argv]
    if root:
        argv = ["unshare", "--mount", "sh", "-euc", "\n".join((_PATH, *before, 'exec "$@"')), "sh", *argv]
    process = start(argv, stdin=subprocess.PIPE)
    try:
        if user:
            _answer(process, "")
            _write_identities(process.pid)
        pid = int(_answer(process, "go" if user else ""))
        _answer(process, "are you there")  # echoed once `cat` runs: it needs nothing of the host any more
        yield Holder(pid, (("--user",) if user else ()) + tuple(flags))
    finally:
        try:
            process.communicate(timeout=10)  # then no process of its pid namespace is left (pid_namespaces(7))
        except subprocess.TimeoutExpired:
            end(process)


def _answer(process: Process, line: str) -> str:
    """Write a line to the holder and return its next one."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        if line:
            process.stdin.write(line + "\n")
            process.stdin.flush()
    ready, _, _ = select.select([process.stdout], [], [], SETUP_LIMIT)
    answer = process.stdout.readline() if ready else ""
    if not answer.endswith("\n"):
        _, said = end(process)
        message = "cannot make namespaces on this machine"
        raise PackageCacheError(message, details=said, status=ExitStatus.NOT_CONTAINED)
    return answer.strip()


def identities(kind: Kind) -> tuple[Extent, ...]:
    """Return the ids that our user namespaces have, ascending and without a gap. Raise `PackageCacheError`.

    Root inside is the user itself, with the user's range of /etc/subuid (subuid(5)) for the others. Where root
    starts it, no id inside is an id of this machine: they are root's own range, or else an unused one.
    """
    own = os.geteuid() if kind == "uid" else os.getegid()
    first = _first_of_range(Path(f"/etc/sub{kind}"))
    if os.geteuid() == 0:
        lowest, count = map(int, Path(f"/proc/self/{kind}_map").read_text().splitlines()[-1].split()[::2])
        wanted = UNUSED if first is None else first
        # a container has few ids: all of them but its root's
        begin = wanted if lowest <= wanted and wanted + IDS <= lowest + count else max(1, lowest, lowest + count - IDS)
        if (have := min(IDS, lowest + count - begin)) < IDS - 1:
            raise PackageCacheError(f"cannot be root in a user namespace: {have} ids are here, and it needs {IDS - 1}")
        return ((0, begin, have),)
    if first is None:
        user = _names()[-1]
        raise PackageCacheError(
            f"cannot be root in a user namespace: /etc/sub{kind} has no {IDS} further ids for user {user}",
            hint=f"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
        )
    return ((0, own, 1), (1, first, IDS - 1))


def own_ids() -> int:
    """Return how many ids our own user namespace has: files of roots can have no others."""
    maps = [Path(f"/proc/self/{kind}_map").read_text().splitlines() for kind in KINDS]
    return min(sum(int(line.split()[2]) for line in lines) for lines in maps)


def _write_identities(pid: int) -> None:
    """Write the maps of the new user namespace of process `pid`; an ordinary user needs newuidmap(1) for that.

    Raise `ToolMissingError` if newuidmap is missing.
    """
    for kind in KINDS:
        extents = identities(kind)
        if os.geteuid() == 0:
            Path(f"/proc/{pid}/{kind}_map").write_text("".join("{} {} {}\n".format(*extent) for extent in extents))
        else:
            run([f"new{kind}map", str(pid), *(str(number) for extent in extents for number in extent)], timeout=10)


def _first_of_range(table: Path) -> int | None:
    for line in table.read_text().splitlines() if table.is_file() else ():
        name, _, numbers = line.partition(":")
        first, _, count = numbers.partition(":")
        if name in _names() and first.isdigit() and count.isdigit() and int(count) >= IDS - 1:
            return int(first)
    return None


def _names() -> list[str]:
    names = [str(os.geteuid())]
    with contextlib.suppress(KeyError):  # an id without a name, as containers have
        names.append(pwd.getpwuid(os.geteuid()).pw_name)
    return names
