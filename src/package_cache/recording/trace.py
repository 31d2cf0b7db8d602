"""What the processes of an installation looked at, from what strace(1) wrote of their system calls.

A recording of an installation may be used only where they would find all of that unchanged. It is strace's view, from
outside of the container: what a program of the image says of itself plays no part.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from package_cache.recording.tree import Kind, Tree, lookup

OPTIONS = (
    *("--follow-forks", "--seccomp-bpf", "--decode-fds=path", "--decode-pids=pidns", "--string-limit=4096"),
    "--trace=%file,%process,getdents64,getdents,fchdir,fchmod,fchown,fsetxattr,fremovexattr,ftruncate",
)
"""Of strace: each call that takes a path, starts a program or a process, reads a folder, or changes what there is."""

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
_NOT_FIRST = (b"symlink", b"symlinkat")
"""Their first text is no path that is looked up."""
_OF_LINKS = re.compile(
    rb"l(?:stat|chown|[gs]etxattr|listxattr|removexattr)|readlink(?:at)?|unlink(?:at)?|rename(?:at2?)?|rmdir|link|symlink(?:at)?"
)
"""Calls that look at a link itself."""

_LOOKS = re.compile(
    rb"l?stat(?:64)?|newfstatat|fstatat64|statx|statfs(?:64)?|f?access(?:at2?)?|faccessat2?|readlink(?:at)?|ch(?:dir|root)|getcwd"
    rb"|l?(?:get|list)xattr|open(?:at2?)?|execve(?:at)?|inotify_add_watch|wait\w*|exit\w*|clone3?|v?fork|\w*kill|pidfd_\w+|rt_\w+"
)
"""Calls that change no file, unless they open one for writing; every other call counts as one that does."""

_DESCRIPTOR = re.compile(rb"-?\d+<((?:[^>\\]|\\.)*)>", re.DOTALL)
_FOR_WRITING = re.compile(rb"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")

_OF_DPKG = (".dpkg-new", ".dpkg-tmp")
"""Names that dpkg uses while it unpacks, and looks for beside every file (dpkg's src/main/archives.c)."""

_TOO_BROAD = {"/etc"}
"""A folder in which every container has something else; and the root itself."""

_SCRIPT = re.compile(r"/var/lib/dpkg/(?:info/([^/]+)|tmp\.ci/)\.?(preinst|postinst|prerm|postrm|config)")


@dataclass
class Part:
    """What one program that the installer started looked at, with all that it started itself.

    By paths as the programs wrote them, made absolute.
    """

    read: set[tuple[str, bool]] = field(default_factory=set)
    """Files whose content was read or run; whether a last link was followed."""
    seen: set[tuple[str, bool]] = field(default_factory=set)
    """What was asked for in any other way, there or not."""
    listed: set[str] = field(default_factory=set)
    """Folders whose names were read."""
    executed: set[tuple[str, bool]] = field(default_factory=set)
    """The files of `read` that were run: the kernel reads their interpreters."""
    written: set[str] = field(default_factory=set)
    """What was changed."""


@dataclass
class Trace:
    """What an installation looked at."""

    parts: list[Part] = field(default_factory=list)
    """The installer's own shell is the first."""
    writers: dict[str, str] = field(default_factory=dict)
    """By the path of what was written: the program that is to blame, such as "the postinst of openssh-server"."""


@dataclass
class _Process:
    part: Part
    folder: list[str]
    """One value, which threads share (CLONE_FS of clone(2))."""
    program: str = ""
    counts: bool = True

    def child(self, flags: bytes) -> "_Process":
        """Return a new process or thread as clone(2) makes it."""
        return replace(self, folder=self.folder if b"CLONE_FS" in flags else [*self.folder])


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
            trace.parts.append(Part())
            processes[call.pid] = _Process(trace.parts[0], ["/"])
        if call.pid not in processes and parents.get(call.pid) in processes:  # it ran before its parent went on
            processes[call.pid] = _child(trace, processes[parents[call.pid]], b"")
        process = processes.get(call.pid)
        if process is None:
            continue
        if call.name in _STARTS and call.succeeded:
            if int(call.result) not in processes:
                processes[int(call.result)] = _child(trace, process, call.arguments)
        else:
            _note(trace, process, call, uncounted)
    return trace


def _child(trace: Trace, parent: _Process, flags: bytes) -> _Process:
    """Return a new process or thread; one that the installer's own shell starts is a part of its own."""
    child = parent.child(flags)
    if parent.part is trace.parts[0]:
        child.part = Part()
        trace.parts.append(child.part)
    return child


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
        folder = _DESCRIPTOR.match(arguments)
        if folder and name == b"fchdir" and call.succeeded:
            process.folder[0] = _plain(folder[1])
        elif folder and process.counts:
            process.part.listed.add(_plain(folder[1]))
        return
    paths = _paths(process, name, arguments)
    follow = not (_OF_LINKS.fullmatch(name) or b"NOFOLLOW" in arguments)
    has_read = call.succeeded and (name in _EXECUTES or (name in _OPENS and b"O_WRONLY" not in arguments))
    if name in _EXECUTES or process.counts:
        for path in paths:
            (process.part.read if has_read else process.part.seen).add((path, follow))
    if name in _EXECUTES and call.succeeded:
        process.part.executed.update((path, follow) for path in paths)
    if name == b"chdir" and call.succeeded and paths:
        process.folder[0] = paths[0]
    if name in _EXECUTES and call.succeeded:
        script = next(filter(None, map(_SCRIPT.search, _texts(arguments))), None)
        process.program = f"the {script[2]} of {script[1].rstrip('.')}" if script and script[1] else process.program
        process.counts = paths[0].rpartition("/")[2] not in uncounted if paths else process.counts
    if call.succeeded and (not _LOOKS.fullmatch(name) or (name in _OPENS and _FOR_WRITING.search(arguments))):
        changed = _plain(call.where) if call.where else "".join(paths[-1:])
        if not changed and (descriptor := _DESCRIPTOR.match(arguments)):
            changed = _plain(descriptor[1])
        process.part.written.add(changed or name.decode())
        trace.writers[changed] = process.program or "dpkg itself"


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
    executed: frozenset[str]
    """Those of the files that were run."""


def dependence(trace: Trace, base: Tree, is_ignored: Callable[[str], bool]) -> Dependence:
    """Return what of the tree before the installation counted, but for ignored paths.

    A part that changed nothing else than ignored paths, such as the one that asks apt for the plan, does not count.
    """
    parts = [part for part in trace.parts if any(not is_ignored(path) for path in part.written)]
    executed = {
        place.path for part in parts for path, follow in part.executed if (place := lookup(base, path, follow=follow))
    }
    read: set[str] = set()
    seen: set[str] = set()
    absent: set[str] = set()
    for paths, found in (*((part.read, read) for part in parts), *((part.seen, seen) for part in parts)):
        for path, follow in paths:
            place = None if path.endswith(_OF_DPKG) else lookup(base, path, follow=follow)
            if place is None:
                continue
            seen.update(place.links)
            (found if place.path in base else absent).add(place.path)
    listed = {
        place.path
        for part in parts
        for path in part.listed
        if (place := lookup(base, path, follow=True)) and place.path in base
    }
    listed = {path for path in listed - _TOO_BROAD if not (is_ignored(path) or is_ignored(f"{path}/any"))}
    absent = {path for path in absent if path.rpartition("/")[0] not in listed}  # the list says it
    files = {path for path in read if base[path].kind is Kind.FILE}
    kept = [
        frozenset(path for path in paths if path != "/" and not is_ignored(path))
        for paths in (files, (seen | read) - files, absent, listed, executed & files)
    ]
    return Dependence(*kept)
