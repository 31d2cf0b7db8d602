"""Namespaces (namespaces(7)) that are held by a process which ends when we do.

The holder is process 1 of a new pid namespace: it makes the mounts, then becomes a `cat` that reads our pipe. When we
close it, or die in whatever way, it ends, and the kernel ends all processes of that namespace and drops its mounts.
"""

import contextlib
import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.process import end, find_tool, start
from package_cache.sandbox.id_ranges import write_identities

SETUP_LIMIT = 300.0
"""Seconds for the mounts, or, where there is no overlay, for the copy of a root into memory."""

STAGE = "/sys/kernel"
"""Where mounts are put together: a folder that Linux always has and nothing is bound from; ours is private."""

_PATH = "PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
"""An ordinary user's lacks some, and root's own folders are closed to the ids inside."""

_BECOME_HOLDER = "exec env --ignore-signal=CHLD cat"
"""With CHLD ignored the kernel reaps orphans itself (signal(7)): no daemon that ended stays behind as a zombie."""


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
    # The redirection is the shell's own: /proc is still the outer one and tells the pid by which we know it.
    first = [] if user and os.geteuid() == 0 else before
    lines = ["set -eu", _PATH, "read -r pid rest < /proc/self/stat", *first, *setup, 'echo "$pid"', _BECOME_HOLDER]
    argv = ["unshare", *flags, "--fork", "--kill-child", "sh", "-c", "\n".join(lines)]
    if user:
        root = ["--setuid", "0", "--setgid", "0"] if os.geteuid() == 0 else []
        argv[1:1] = root
        argv = ["unshare", "--user", "--keep-caps", "sh", "-c", 'echo unshared; read -r go; exec "$@"', "sh", *argv]
    if user and os.geteuid() == 0:
        argv = ["unshare", "--mount", "sh", "-euc", "\n".join((_PATH, *before, 'exec "$@"')), "sh", *argv]
    process = start(argv, stdin=subprocess.PIPE)
    try:
        if user:
            _answer(process, "")
            write_identities(process.pid)
        pid = int(_answer(process, "go" if user else ""))
        _answer(process, "are you there")  # echoed once `cat` runs: it needs nothing of the host any more
        yield Holder(pid, (("--user",) if user else ()) + tuple(flags))
    finally:
        _let_go(process)


def _answer(process: "subprocess.Popen[str]", line: str) -> str:
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


def _let_go(process: "subprocess.Popen[str]") -> None:
    """End the holder. When that is done, no process of its pid namespace is left (pid_namespaces(7))."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        end(process)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
