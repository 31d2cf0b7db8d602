"""The one module that starts processes: environment, locale, stdin, time limit and failure text are decided here."""

import contextlib
import functools
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
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from package_cache.bounds import bound, excess, how_to_raise
from package_cache.errors import PackageCacheError, ToolMissingError

_PACKAGES = {
    "apt-cache apt-config apt-get apt-helper": "apt",
    "dpkg-deb dpkg-query": "dpkg",
    "ip": "iproute2",
    "newgidmap newuidmap": "uidmap",
    "nsenter prlimit setpriv unshare": "util-linux",
    "/usr/share/distro-info": "distro-info-data",
    "/usr/share/python-apt/templates": "python-apt-common",
}
"""Which Debian package has these tools, or data at a path, if its name is another one; for the message about them."""

LIMIT = 3600.0
"""Seconds after which a command is ended, unless its caller sets another limit."""

SILENCE = 120.0
"""Seconds after which a command that neither reads nor writes on its pipe is ended."""

LAST_WORDS = 64 << 10
"""Bytes that are kept of what a command prints while it is being ended."""

_started: "weakref.WeakSet[Process]" = weakref.WeakSet()
_starting = threading.Lock()
"""Protects `_started`, and a start from `stopping`, which must know all that has started."""
_stopping = threading.Event()


class CommandError(PackageCacheError):
    """A command ended with another status than 0, or ran out of time. Shows a line that can be pasted to replay it."""

    def __init__(self, argv: Sequence[str], returncode: int | None, output: str, how: str = "") -> None:
        self.how = how if returncode is None else f"ended with status {returncode}"
        super().__init__(f"cannot go on: a command {self.how}: {shlex.join(argv)}", details=output)
        self.returncode = returncode
        """None: it ran out of time."""
        self.output = output


Completed = subprocess.CompletedProcess[str]
"""What a command left: its status, standard output and standard error as text."""


def need_tools(*names: str) -> None:
    """Raise `ToolMissingError` with all of these tools that are missing, and one command that installs them.

    A name is that of a program, or the absolute path of a package's data.
    """
    missing = [name for name in dict.fromkeys(names) if _found(name) is None]
    if missing:
        known = {tool: package for tools, package in _PACKAGES.items() for tool in tools.split()}
        packages = " ".join(dict.fromkeys(known.get(name, name) for name in missing))
        of_one = "" if missing[0].startswith("/") else "the program "
        raise ToolMissingError(
            f"cannot find {of_one if len(missing) == 1 else ''}{', '.join(missing)}",
            hint=f"install what is missing: apt-get install --no-install-recommends {packages}",
        )


def find_tool(name: str) -> str:
    """Return the path of a program, also where PATH lacks the sbin folders. Raises `ToolMissingError`."""
    need_tools(name)
    found = _found(name)
    assert found is not None
    return found


def _found(name: str) -> str | None:
    if name.startswith("/"):
        return name if Path(name).exists() else None
    folders = [*os.get_exec_path(), "/usr/sbin", "/sbin", "/usr/lib/apt"]
    return shutil.which(name, path=os.pathsep.join(folders))


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of every process: ours, in the C locale, with no question asked.

    TMPDIR names the folder that we use ourselves: the one of our caller may not be there, or may not be written to.
    """
    ours = {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    with contextlib.suppress(FileNotFoundError):  # a container's root may be read-only, and its programs need none
        ours["TMPDIR"] = tempfile.gettempdir()
    return {**os.environ, **ours, **(extra or {})}


class _TooMuchOutput(Exception):  # noqa: N818 - never leaves this module
    """A command printed more than `output-bytes`."""


_SHOWN = 2000
"""Characters of the last words of a command that printed too much."""


class Process(subprocess.Popen[str]):
    """A process of which `communicate` keeps no more than the bound `output-bytes` allows."""

    is_ending = False
    """Then only its last words are kept, whatever it prints."""
    _feed = memoryview(b"")

    @functools.cached_property
    def _kept(self) -> dict[str, bytearray]:
        return {"stdout": bytearray(), "stderr": bytearray()}

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:  # noqa: A002
        """Write the input and read the output until the process ends, as in `subprocess`, within the bound.

        Raises `subprocess.TimeoutExpired`, after which it may be called again, and `_TooMuchOutput`.
        """
        until = None if timeout is None else time.monotonic() + timeout
        if input is not None:
            self._feed = memoryview(input.encode("utf-8", "replace"))
        while any(stream and not stream.closed for stream in (self.stdin, self.stdout, self.stderr)):
            self.move(("stdin", "stdout", "stderr"), until)
        self.wait(None if until is None else max(until - time.monotonic(), 0.01))
        texts = [bytes(self._kept[name]).decode("utf-8", "replace") for name in ("stdout", "stderr")]
        stdout, stderr = (text.replace("\r\n", "\n").replace("\r", "\n") for text in texts)
        return stdout, stderr

    def move(self, names: Sequence[str], until: float | None, other: tuple[int, int] | None = None) -> bool:
        """Wait until one of these streams is ready, write or read some of it, and close it at its end.

        Return whether `other`, a descriptor and its event of poll(2), is ready. Raises `subprocess.TimeoutExpired` at
        the time `until`.
        """
        poll = select.poll()
        streams = {}
        for name in names:
            stream = getattr(self, name)
            if stream is not None and not stream.closed:
                streams[stream.fileno()] = name
                poll.register(stream, select.POLLOUT if name == "stdin" else select.POLLIN)
        if other:
            poll.register(*other)
        left = None if until is None else (until - time.monotonic()) * 1000
        ready = [descriptor for descriptor, _ in poll.poll(left)] if left is None or left > 0 else []
        if not ready:
            raise subprocess.TimeoutExpired(self.args, 0)
        for descriptor, name in streams.items():
            if descriptor in ready and self._is_at_end(name, descriptor):
                with contextlib.suppress(BrokenPipeError):
                    getattr(self, name).close()
        return other is not None and other[0] in ready

    def _is_at_end(self, name: str, descriptor: int) -> bool:
        """Write or read some of a stream that is ready; return whether nothing is left."""
        if name == "stdin":
            try:
                self._feed = self._feed[os.write(descriptor, self._feed[: select.PIPE_BUF]) :]
            except BrokenPipeError:
                return True
            return not self._feed
        kept = self._kept[name]
        data = os.read(descriptor, 1 << 16)
        kept += data
        if self.is_ending:
            del kept[:-LAST_WORDS]
        elif len(kept) > bound("output-bytes"):
            raise _TooMuchOutput
        return not data


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout: float = LIMIT,
    check: bool = True,
) -> Completed:
    """Run a command to its end and return what it printed.

    `env` is added to our environment; `stdin` is fed to it (nothing, by default: it can ask no question);
    `timeout` is in seconds, after which its whole process group is ended. Raises `CommandError` if `check`
    is set and the status is not 0, and always where it ran out of time, or printed more than `output-bytes`: what a
    stranger's program prints must not fill our memory, and half of what another one prints is worth nothing.
    """
    process = start(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    except (subprocess.TimeoutExpired, _TooMuchOutput) as error:
        stdout, stderr = end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise CommandError(argv, None, stdout + stderr, f"did not end within {timeout:g} s") from None
        words = f"its last words:\n{stdout[-_SHOWN:]}{stderr[-_SHOWN:]}\n{how_to_raise('output-bytes')}"
        raise CommandError(argv, None, words, f"was ended: it printed {excess('output-bytes')}") from None
    except BaseException:
        end(process)
        raise
    if check and process.returncode != 0:
        raise CommandError(argv, process.returncode, stdout + stderr)
    return Completed(argv, process.returncode, stdout, stderr)


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[str] | None = subprocess.PIPE,
    stderr: int | IO[str] | None = subprocess.PIPE,
) -> Process:
    """Start a command in a process group of its own and return the running process; the caller ends it.

    `stdout` and `stderr` are as for `subprocess.Popen`; None: ours. It dies with the thread that started it, so also
    where we are killed (PR_SET_PDEATHSIG of prctl(2)).
    """
    with _starting:
        if _stopping.is_set() and sys.exc_info()[0] is None:  # cleanup during an exception may start processes
            raise KeyboardInterrupt
        process = Process(
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

    The last words of its standard error are kept. Raises `CommandError` if its status is not 0, and where it takes
    or brings nothing for `silence` seconds.
    """
    stdin, stdout = (subprocess.PIPE, subprocess.DEVNULL) if feed else (subprocess.DEVNULL, subprocess.PIPE)
    process = start(argv, stdin=stdin, stdout=stdout)
    process.is_ending = True  # the caller reads the output in pieces and bounds it
    pipe = process.stdin if feed else process.stdout
    assert pipe is not None
    raw = _Pipe(process, pipe.fileno(), silence)
    try:
        with contextlib.suppress(BrokenPipeError), pipe:  # it exited early: its status and standard error say why
            yield raw if feed else io.BufferedReader(raw)  # type: ignore[misc]  # neither is an IO in typeshed
        process.communicate(timeout=silence)
        status: int | None = process.returncode
    except subprocess.TimeoutExpired:
        status = None
    finally:
        said = end(process)[1]
    if status != 0:
        raise CommandError(argv, status, said, f"did not move for {silence:g} s")


class _Pipe(io.RawIOBase):
    """A pipe that raises `subprocess.TimeoutExpired` where nothing moves for `silence` seconds."""

    def __init__(self, process: Process, descriptor: int, silence: float) -> None:
        os.set_blocking(descriptor, False)
        self._process = process
        self._descriptor = descriptor
        self._silence = silence

    def readable(self) -> bool:
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
        """Wait until the pipe is ready; meanwhile read standard error, on which the process would otherwise block."""
        until = time.monotonic() + self._silence
        while not self._process.move(("stderr",), until, (self._descriptor, event)):
            pass


def end(process: "subprocess.Popen[str]", grace: float = 2.0) -> tuple[str, str]:
    """End a process and all of its group: SIGTERM, then SIGKILL after `grace` seconds. Return its last output."""
    if isinstance(process, Process):
        process.is_ending = True
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=grace)
    return "", ""


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """End all running processes and refuse new ones during the block, which waits for the threads that started them."""
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
