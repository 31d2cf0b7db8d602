"""What the processes of an installation looked at, from what strace(1) wrote of their system calls.

A recording of an installation may be used only where they would find all of that unchanged. It is strace's view, from
outside of the container: what a program of the image says of itself plays no part.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from package_cache.recording.tree import Kind, Tree, lookup

OPTIONS = (
    *("--follow-forks", "--seccomp-bpf", "--decode-fds=path", "--decode-pids=pidns", "--string-limit=4096"),
    "--trace=%file,%process,getdents64,getdents,fchdir",
)
"""Of strace: each call that takes a path, starts a program or a process, reads a folder, or changes the folder."""

_LINE = re.compile(rb"(\d+) +(?:<\.\.\. \w+ resumed>)?(.*)", re.DOTALL)
_UNFINISHED = b" <unfinished ...>"
_CALL = re.compile(rb"(\w+)\((.*)\) += (-?\d+|\?)(?:<(.*?)>)?(?: /\* (\d+) in strace.*| .*)?", re.DOTALL)
_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*)"(\.\.\.)?', re.DOTALL)
_ARGUMENT = re.compile(rb'(?:(AT_FDCWD|-?\d+)(?:<((?:[^>\\]|\\.)*)>)?, )?"((?:[^"\\]|\\.)*)"', re.DOTALL)
"""A path and, before it, the folder that it starts from."""
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f", b"a": b"\a", b"b": b"\b"}

_STARTS = (b"clone", b"clone3", b"fork", b"vfork")
_OPENS = (b"open", b"openat", b"openat2")
_EXECUTES = (b"execve", b"execveat")
_LISTS = (b"getdents", b"getdents64")
_OF_TWO = {b"rename": 2, b"renameat": 2, b"renameat2": 2, b"link": 2, b"linkat": 2}
"""How many paths these calls take; all others take one."""
_WRITES = (*_OF_TWO, b"symlink", b"symlinkat", b"mkdir", b"mkdirat", b"mknod", b"mknodat")
_NOT_FIRST = (b"symlink", b"symlinkat")
"""Their first text is no path that is looked up."""
_OF_LINKS = re.compile(
    rb"l(?:stat|chown|[gs]etxattr|listxattr|removexattr)|readlink(?:at)?|unlink(?:at)?|rename(?:at2?)?|rmdir|link|symlink(?:at)?"
)
"""Calls that look at a link itself."""

_ARGUMENT_FOLDER = re.compile(rb"-?\d+<((?:[^>\\]|\\.)*)>", re.DOTALL)
_FOR_WRITING = re.compile(rb"O_WRONLY|O_RDWR|O_CREAT")

_OF_DPKG = (".dpkg-new", ".dpkg-tmp")
"""Names that dpkg uses while it unpacks, and looks for beside every file (dpkg's src/main/archives.c)."""

_TOO_BROAD = {"/etc"}
"""A folder in which every container has something else; and the root itself."""

_SCRIPT = re.compile(r"/var/lib/dpkg/(?:info/([^/]+)|tmp\.ci/)\.?(preinst|postinst|prerm|postrm|config)")


@dataclass
class Trace:
    """What was looked at, by paths as the programs wrote them, made absolute."""

    read: set[tuple[str, bool]] = field(default_factory=set)
    """Files whose content was read or run; whether a last link was followed."""
    seen: set[tuple[str, bool]] = field(default_factory=set)
    """What was asked for in any other way, there or not."""
    listed: set[str] = field(default_factory=set)
    """Folders whose names were read."""
    writers: dict[str, str] = field(default_factory=dict)
    """By the path of what was written: the program that is to blame, such as "the postinst of openssh-server"."""


@dataclass
class _Process:
    folder: list[str]
    """One value, which threads share (CLONE_FS of clone(2))."""
    program: str = ""
    counts: bool = True

    def child(self, flags: bytes) -> "_Process":
        """Return a new process or thread as clone(2) makes it."""
        return _Process(self.folder if b"CLONE_FS" in flags else [*self.folder], self.program, self.counts)


def read_trace(lines: Iterable[bytes], installer: str, uncounted: Collection[str] = ()) -> Trace:
    """Return what the first process that ran `installer` (a path) and its descendants looked at.

    What the programs of the names `uncounted` read does not count, but for these programs themselves.
    """
    calls = list(_calls(lines))
    parents = {int(call.result): call.pid for call in calls if call.name in _STARTS and call.succeeded}
    trace = Trace()
    processes: dict[int, _Process] = {}
    for call in calls:
        if not processes and call.name in _EXECUTES and _texts(call.arguments)[2:3] == [installer]:
            processes[call.pid] = _Process(["/"])
        if call.pid not in processes and parents.get(call.pid) in processes:  # it ran before its parent went on
            processes[call.pid] = processes[parents[call.pid]].child(b"")
        process = processes.get(call.pid)
        if process is None:
            continue
        if call.name in _STARTS and call.succeeded:
            processes.setdefault(int(call.result), process.child(call.arguments))
        else:
            _note(trace, process, call, uncounted)
    return trace


@dataclass(frozen=True)
class _Call:
    pid: int
    name: bytes
    arguments: bytes
    result: bytes
    where: bytes
    """The path of the descriptor that it returned."""

    @property
    def succeeded(self) -> bool:
        return self.result.isdigit()


def _calls(lines: Iterable[bytes]) -> Iterator[_Call]:
    """Yield complete calls; strace breaks one off in a line where another process's comes before its end."""
    begun: dict[bytes, bytes] = {}
    for line in lines:
        if (match := _LINE.match(line.rstrip(b"\n"))) is None:
            continue
        pid, text = match[1], match[2]
        if text.endswith(_UNFINISHED):
            begun[pid] = text.removesuffix(_UNFINISHED)
            continue
        if b" resumed>" in line[:80]:
            text = begun.pop(pid, b"") + text
        if call := _CALL.fullmatch(text):
            yield _Call(int(pid), call[1], call[2], call[5] or call[3], call[4] or b"")


def _note(trace: Trace, process: _Process, call: _Call, uncounted: Collection[str]) -> None:
    name, arguments = call.name, call.arguments
    if name in _LISTS or name == b"fchdir":
        folder = _ARGUMENT_FOLDER.match(arguments)
        if folder and name == b"fchdir" and call.succeeded:
            process.folder[0] = _plain(folder[1])
        elif folder and process.counts:
            trace.listed.add(_plain(folder[1]))
        return
    paths = _paths(process, name, arguments)
    follow = not (_OF_LINKS.fullmatch(name) or b"NOFOLLOW" in arguments)
    has_read = call.succeeded and (name in _EXECUTES or (name in _OPENS and b"O_WRONLY" not in arguments))
    if name in _EXECUTES or process.counts:
        for path in paths:
            (trace.read if has_read else trace.seen).add((path, follow))
    if name == b"chdir" and call.succeeded and paths:
        process.folder[0] = paths[0]
    if name in _EXECUTES and call.succeeded:
        script = next(filter(None, map(_SCRIPT.search, _texts(arguments))), None)
        process.program = f"the {script[2]} of {script[1].rstrip('.')}" if script and script[1] else process.program
        process.counts = paths[0].rpartition("/")[2] not in uncounted if paths else process.counts
    if call.succeeded and paths and (name in _WRITES or (name in _OPENS and _FOR_WRITING.search(arguments))):
        trace.writers[_plain(call.where) if call.where else paths[-1]] = process.program or "dpkg itself"


def _paths(process: _Process, name: bytes, arguments: bytes) -> list[str]:
    """Return the paths that a call names, made absolute."""
    found = list(_ARGUMENT.finditer(arguments))[: 2 if name in _OF_TWO or name in _NOT_FIRST else 1]
    paths = []
    for match in found[1:] if name in _NOT_FIRST else found:
        path = _plain(match[3])
        start = process.folder[0] if match[1] in (None, b"AT_FDCWD") else _plain(match[2] or b"/")
        if path:
            paths.append(path if path.startswith("/") else f"{start}/{path}")
    return paths


def _texts(arguments: bytes) -> list[str]:
    return [_plain(match[1]) for match in _TEXT.finditer(arguments)]


def _plain(text: bytes) -> str:
    plain = _ESCAPE.sub(_letter, text) if b"\\" in text else text
    return plain.decode("utf-8", "surrogateescape")


def _letter(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1].isdigit():
        return bytes([int(code, 8) & 255])
    return bytes([int(code[1:], 16)]) if code[:1] == b"x" else _LETTERS.get(code, code)


@dataclass(frozen=True)
class Dependence:
    """What of a tree an installation depends on, by paths without a link in their folders."""

    read: frozenset[str]
    """Files, with their content."""
    seen: frozenset[str]
    """Files, folders and links that were looked at."""
    absent: frozenset[str]
    """What was not there: of what lies below each other the topmost."""
    listed: frozenset[str]
    """Folders, with all their names."""


def dependence(trace: Trace, base: Tree, is_ignored: Callable[[str], bool]) -> Dependence:
    """Return what of the tree before the installation counted, but for ignored paths."""
    read: set[str] = set()
    seen: set[str] = set()
    absent: set[str] = set()
    for paths, found in ((trace.read, read), (trace.seen, seen)):
        for path, follow in paths:
            place = None if path.endswith(_OF_DPKG) else lookup(base, path, follow=follow)
            if place is None:
                continue
            seen.update(place.links)
            (found if place.path in base else absent).add(place.path)
    listed = {place.path for path in trace.listed if (place := lookup(base, path, follow=True)) and place.path in base}
    listed = {path for path in listed - _TOO_BROAD if not (is_ignored(path) or is_ignored(f"{path}/any"))}
    absent = {path for path in absent if path.rpartition("/")[0] not in listed}  # the list says it
    files = {path for path in read if base[path].kind is Kind.FILE}
    kept = [
        frozenset(path for path in paths if path != "/" and not is_ignored(path))
        for paths in (files, (seen | read) - files, absent, listed)
    ]
    return Dependence(*kept)
