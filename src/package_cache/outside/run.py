"""The one module that starts processes: environment, locale, stdin, time limit and failure text are decided here."""

import contextlib
import io
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from package_cache.values.errors import PackageCacheError, ToolMissingError

DEBIAN_PACKAGES = {
    "apt-get": "apt",
    "apt-helper": "apt",
    "dpkg-deb": "dpkg",
    "dpkg-query": "dpkg",
    "gpgv": "gpgv",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "skopeo": "skopeo",
    "unshare": "util-linux",
}
"""Which Debian package has a tool, for the message where it is missing."""


LIMIT = 3600.0
"""Seconds after which a command is ended whose caller names no limit of its own."""

SILENCE = 120.0
"""Seconds that a command may neither read nor write on a pipe to us."""

_started: "weakref.WeakSet[subprocess.Popen[str]]" = weakref.WeakSet()
_starting = threading.Lock()
"""Protects `_started`, and a start from `stopping`, which must know all that has started."""
_stopping = threading.Event()


class CommandError(PackageCacheError):
    """A command ended with another status than 0, or ran out of time. Shows a line that can be pasted to replay it."""

    def __init__(
        self, argv: Sequence[str], returncode: int | None, output: str, how: str = "did not end in time"
    ) -> None:
        self.how = how if returncode is None else f"ended with status {returncode}"
        super().__init__(f"cannot go on: a command {self.how}: {shlex.join(argv)}", details=output)
        self.argv = tuple(argv)
        self.returncode = returncode
        """None: it ran out of time."""
        self.output = output


@dataclass(frozen=True)
class Completed:
    """What a command left: its status, standard output and standard error as text."""

    returncode: int
    stdout: str
    stderr: str


def find_tool(name: str) -> str:
    """Give the path of a system tool, also where PATH lacks the sbin folders. Raises `ToolMissingError`."""
    folders = [*os.get_exec_path(), "/usr/sbin", "/sbin", "/usr/lib/apt"]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        package = DEBIAN_PACKAGES.get(name, name)
        raise ToolMissingError(
            f"cannot find the program {name}", hint=f"install it: apt-get install --no-install-recommends {package}"
        )
    return found


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment of every process: ours, in the C locale, with no question asked."""
    return {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **(extra or {})}


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout: float = LIMIT,
    check: bool = True,
) -> Completed:
    """Run a command to its end and give what it printed.

    `env` is added to our environment; `stdin` is fed to it (nothing, by default: it can ask no question);
    `timeout` is in seconds, after which its whole process group is ended. Raises `CommandError` where `check`
    is set and the status is not 0, and always where it ran out of time.
    """
    process = start(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        stdout, stderr = end(process)
        raise CommandError(argv, None, stdout + stderr, f"did not end within {timeout:g} s") from None
    except BaseException:
        end(process)
        raise
    if check and process.returncode != 0:
        raise CommandError(argv, process.returncode, stdout + stderr)
    return Completed(process.returncode, stdout, stderr)


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[str] | None = subprocess.PIPE,
    stderr: int | IO[str] | None = subprocess.PIPE,
) -> "subprocess.Popen[str]":
    """Start a command in a process group of its own and give the running process; the caller ends it.

    `stdout` and `stderr` are as for `subprocess.Popen`; None: ours. It dies with the thread that started it, so also
    where we are killed (PR_SET_PDEATHSIG of prctl(2)).
    """
    with _starting:
        if _stopping.is_set() and sys.exc_info()[0] is None:  # what cleans up while an exception passes may go on
            raise KeyboardInterrupt
        process = subprocess.Popen(
            [find_tool("setpriv"), "--pdeathsig", "KILL", find_tool(argv[0]), *argv[1:]],
            env=environment(env),
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            umask=0o022,  # as the entry of the command sets it, also for who imports this as a library
        )
        _started.add(process)
    return process


@contextlib.contextmanager
def piped(argv: Sequence[str], *, feed: bool = False, silence: float = SILENCE) -> Iterator[IO[bytes]]:
    """Yield the standard output of a command while it runs, or, with `feed`, its standard input.

    Its standard error goes to a file, so it never waits for a reader. Raises `CommandError` where its status is not 0,
    and where it takes or brings nothing for `silence` seconds.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        process = start(
            argv,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
            stderr=said,
        )
        pipe = process.stdin if feed else process.stdout
        assert pipe is not None
        raw = _Pipe(pipe.fileno(), silence)
        try:
            with contextlib.suppress(BrokenPipeError), pipe:  # it ended early: its status and its words say why
                yield raw if feed else io.BufferedReader(raw)  # type: ignore[misc]  # neither is an IO in typeshed
            status: int | None = process.wait(silence)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            end(process)
        if status != 0:
            said.seek(0)
            raise CommandError(argv, status, said.read(), f"did not move for {silence:g} s")


class _Pipe(io.RawIOBase):
    """A pipe that raises `subprocess.TimeoutExpired` where nothing moves for `silence` seconds."""

    def __init__(self, descriptor: int, silence: float) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._silence = silence

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wait(select.POLLIN)
        return os.readv(self._descriptor, [buffer])

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        while rest:
            self._wait(select.POLLOUT)
            rest = rest[os.write(self._descriptor, rest) :]
        return len(data)

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._descriptor, event)
        if not poll.poll(self._silence * 1000):
            raise subprocess.TimeoutExpired("", self._silence)


def end(process: "subprocess.Popen[str]", grace: float = 2.0) -> tuple[str, str]:
    """End a process and all of its group: politely, then, after `grace` seconds, for certain. Gives its last output."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            try:
                stdout, stderr = process.communicate(timeout=grace)
            except ValueError:  # its pipes are closed already
                process.wait(grace)
                return "", ""
            return stdout or "", stderr or ""
    return "", ""


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """End all that runs, and let nothing new start while the block runs, which waits for the threads that run it."""
    _stopping.set()
    try:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with _starting:
                running = [one for one in _started if one.poll() is None]
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(2.0)
        yield
    finally:
        _stopping.clear()
