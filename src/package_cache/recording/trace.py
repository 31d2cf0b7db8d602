"""What the processes of an installation looked at, from what strace(1) wrote of their system calls.

A recording of an installation may be used only where they would find all of that unchanged. It is strace's view, from
outside of the container: what a program of the image says of itself plays no part.
"""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from package_cache.recording.tree import UNKNOWN, Entry, Kind, Tree, lookup

OPTIONS = (
    *("--follow-forks", "--seccomp-bpf", "--decode-fds=path", "--decode-pids=pidns", "--string-limit=4096"),
    "--trace=%file,%process,getdents64,getdents,fchdir,fchmod,fchown,fsetxattr,fremovexattr,ftruncate",
)
"""Of strace: each call that takes a path, starts a program or a process, reads a folder, or changes what there is."""

_LINE = re.compile(rb"(\d+) +(?:<\.\.\. \w+ resumed>)?(.*)", re.DOTALL)
_UNFINISHED = b" <unfinished ...>"
_MOVED = re.compile(rb"(.*) <pid changed to (\d+) \.\.\.>", re.DOTALL)
"""What a thread prints that runs a program: from then on it has the number of its process (execve(2))."""
_ENDED = re.compile(rb"\+\+\+ (?:exited|killed) .*")
_CALL = re.compile(
    rb"(\w+)\((.*)\) += (-?\d+|\?)(?:<((?:[^<>\\]|\\.)*)>(?:\(deleted\))?)?"
    rb"(?: /\* (\d+) in strace's PID NS \*/| E\w+ \(.*\)| \(errno \d+\))?",
    re.DOTALL,
)
_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*)"(\.\.\.)?', re.DOTALL)
_NAMES = re.compile(rb'"(?:[^"\\]|\\.)*"|<(?:[^>\\]|\\.)*>', re.DOTALL)
"""What of the arguments a program or an image chose, and no flag stands in."""
_ARGUMENT = re.compile(
    rb'(?:(AT_FDCWD|-?\d+)(?:<((?:[^>\\]|\\.)*)>(?:\(deleted\))?)?, )?"((?:[^"\\]|\\.)*)"', re.DOTALL
)
"""A path and, before it, the folder that it starts from."""
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f", b"a": b"\a", b"b": b"\b"}

_EXIT = b"+++"
"""Stands for the end of a process, which is no call of its own."""
_STARTS = (b"clone", b"clone3", b"fork", b"vfork")
_OPENS = (b"open", b"openat", b"openat2")
_EXECUTES = (b"execve", b"execveat")
_LISTS = (b"getdents", b"getdents64")
_OF_TWO = {b"rename": 2, b"renameat": 2, b"renameat2": 2, b"link": 2, b"linkat": 2}
"""How many paths these calls take; all others take one."""
_NOT_FIRST = (b"symlink", b"symlinkat")
"""Their first text is no path that is looked up."""
_OF_LINKS = re.compile(
    rb"l(?:stat(?:64)?|chown(?:32)?|[gs]etxattr|listxattr|removexattr)|readlink(?:at)?|unlink(?:at)?|rename(?:at2?)?|rmdir|link|symlink(?:at)?"
)
"""Calls that look at a link itself."""

_LOOKS = re.compile(
    rb"l?stat(?:64)?|newfstatat|fstatat64|statx|statfs(?:64)?|f?access(?:at2?)?|faccessat2?|readlink(?:at)?|ch(?:dir|root)|getcwd"
    rb"|l?(?:get|list)xattr|open(?:at2?)?|execve(?:at)?|inotify_add_watch|wait\w*|exit\w*|clone3?|v?fork|pidfd_open"
)
"""Calls that change no file, unless they open one for writing; every other call counts as one that does."""

_DESCRIPTOR = re.compile(rb"-?\d+<((?:[^>\\]|\\.)*)>", re.DOTALL)
_FOR_WRITING = re.compile(rb"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")

_PRINT = {"-p", "--print-cache"}
"""Of ldconfig(8): then what it read is what another program reads of it."""

_OF_DPKG = (".dpkg-new", ".dpkg-tmp")
"""Names that dpkg uses while it unpacks, and looks for beside every file (dpkg's src/main/archives.c)."""

_NOT_LEFT = ("/proc/", "/dev/fd/", "/var/lib/dpkg/tmp.ci/")
"""Where programs are run that are elsewhere, too: dpkg's new scripts become those in its info/."""

_OF_INSTALLER = {"/usr/sbin/policy-rc.d": {"/bin/sh"}}
"""What the installer writes, and takes away again: the interpreters, by path (installer/parts/services.sh)."""

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
    executed: set[str] = field(default_factory=set)
    """Programs and scripts that were started: the kernel reads their interpreters."""
    written: set[str] = field(default_factory=set)
    """What was changed."""

    def matters(self, is_ignored: Callable[[str], bool]) -> bool:
        """Return whether it changed anything but ignored paths; files of /proc are other processes."""
        return any(path.startswith("/proc/") or not is_ignored(path) for path in self.written)


@dataclass
class Trace:
    """What an installation looked at."""

    parts: list[Part] = field(default_factory=list)
    """The installer's own shell is the first."""
    writers: dict[str, str] = field(default_factory=dict)
    """By the path of what was written: the program that is to blame, such as "the postinst of openssh-server"."""
    unclear: str = ""
    """Why nobody can know what was looked at; empty if that is known."""


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
    trace = Trace()
    processes = _Processes(trace, calls)
    for call in calls:
        if not processes.known and call.name in _EXECUTES and _texts(call.arguments)[2:3] == [installer]:
            trace.parts.append(Part())
            processes.known[call.pid] = _Process(trace.parts[0], ["/"])
        process = processes.of(call)
        if call.name == _EXIT:
            processes.known.pop(call.pid, None)
        elif call.name in _STARTS and call.succeeded:
            if process and b"CLONE_UNTRACED" in call.arguments:
                trace.unclear = f"{process.program or 'dpkg itself'} started a process that cannot be watched"
            processes.start(int(call.result), process, call.arguments)
        elif process is not None:
            _note(trace, process, call, uncounted)
            if call.moved_to:
                processes.known[call.moved_to] = processes.known.pop(call.pid)
    return trace


class _Processes:
    """The processes that count, by their numbers, which are used again after an end."""

    def __init__(self, trace: Trace, calls: Iterable["_Call"]) -> None:
        self.known: dict[int, _Process] = {}
        self._trace = trace
        self._early: set[int] = set()
        """Those of which something came before the end of the call that started them."""
        self._starts: dict[int, deque[tuple[int, bytes]]] = {}
        """By the number of a process the calls that start one of that number, in their order."""
        for call in calls:
            if call.name in _STARTS and call.succeeded:
                self._starts.setdefault(int(call.result), deque()).append((call.pid, call.arguments))

    def of(self, call: "_Call") -> _Process | None:
        """Return the process of a call; None if it does not count."""
        if call.pid not in self.known and (starts := self._starts.get(call.pid)):
            parent, flags = starts[0]
            if parent in self.known:
                self.known[call.pid] = _child(self._trace, self.known[parent], flags)
                self._early.add(call.pid)
        return self.known.get(call.pid)

    def start(self, pid: int, parent: _Process | None, flags: bytes) -> None:
        """Note the end of a call that started a process."""
        self._starts[pid].popleft()
        if pid in self._early:
            self._early.remove(pid)
        elif parent is not None:
            self.known[pid] = _child(self._trace, parent, flags)


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
    where: bytes = b""
    """The path of the descriptor that it returned."""
    moved_to: int = 0
    """The number that a thread has after it ran a program."""

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
        if moved := _MOVED.fullmatch(text):
            name, _, arguments = moved[1].partition(b"(")
            yield _Call(int(pid), name, arguments, b"0", moved_to=int(moved[2]))
        elif _ENDED.fullmatch(text):
            yield _Call(int(pid), _EXIT, b"", b"")
        elif call := _CALL.fullmatch(text):
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
    flags = _NAMES.sub(b"", arguments)
    paths = _paths(process, name, arguments)
    follow = not (_OF_LINKS.fullmatch(name) or b"NOFOLLOW" in flags)
    has_read = call.succeeded and (name in _EXECUTES or (name in _OPENS and b"O_WRONLY" not in flags))
    if name in _EXECUTES or process.counts:
        found = process.part.read if has_read else process.part.seen
        found.update((path, follow) for path in paths)
        if has_read and call.where.startswith(b"/"):  # where that led, by links that are only there meanwhile, or /proc
            found.add((_plain(call.where), False))
    if name == b"chdir" and call.succeeded and paths:
        process.folder[0] = paths[0]
    if name == b"chroot" and call.succeeded and paths != ["/"]:
        trace.unclear = trace.unclear or f"{process.program or 'dpkg itself'} changed its root to {paths}"
    if name in _EXECUTES and call.succeeded:
        process.part.executed.update(paths)
        texts = _texts(arguments)
        script = next(filter(None, map(_SCRIPT.search, texts)), None)
        process.program = f"the {script[2]} of {script[1].rstrip('.')}" if script and script[1] else process.program
        is_uncounted = bool(paths) and paths[0].rpartition("/")[2] in uncounted and _PRINT.isdisjoint(texts)
        process.counts = not is_uncounted
    if call.succeeded and (not _LOOKS.fullmatch(name) or (name in _OPENS and _FOR_WRITING.search(flags))):
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
        start = _plain(match[2]) if match[2] else process.folder[0]
        if match[1] == b"AT_FDCWD":
            process.folder[0] = start
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


def dependence(trace: Trace, base: Tree, after: Tree, is_ignored: Callable[[str], bool]) -> Dependence:
    """Return what of the tree before the installation counted, but for ignored paths.

    What a path leads to afterwards counts, too: the installation may have made the links in it. Of a part that changed
    nothing else than ignored paths, such as the one that asks apt for the plan, only the programs and libraries count:
    others could change what follows by a system call that strace does not know.
    """
    parts = [part for part in trace.parts if part.matters(is_ignored)]
    programs = {
        (path, follow)
        for part in trace.parts
        for path, follow in part.read
        if any(entry.interpreter != UNKNOWN for entry in _entries(path, base))
    }
    read: set[str] = set()
    seen: set[str] = set()
    absent: set[str] = set()
    started = {(path, True) for path in _interpreters(trace, base, after)}
    for paths, found in (
        *((part.read, read) for part in parts),
        (started | programs, read),
        *((part.seen, seen) for part in parts),
    ):
        for path, follow in paths:
            if path.endswith(_OF_DPKG):
                continue
            if place := lookup(base, path, follow=follow):
                seen.update(place.links)
                (found if place.path in base else absent).add(place.path)
            if later := lookup(after, path, follow=follow):
                found.update(path for path in (*later.links, later.whole) if path in base)
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
        for paths in (files, (seen | read) - files, absent, listed)
    ]
    return Dependence(*kept)


def _interpreters(trace: Trace, base: Tree, after: Tree) -> set[str]:
    """Return what the kernel started beside the programs of the trace, which no system call asks for.

    It cannot be known of a program that is not there any more; `unclear` of the trace says so then.
    """
    scripts = (path for path, entry in after.items() if _SCRIPT.fullmatch(path) and base.get(path) != entry)
    found = {after[path].interpreter for path in scripts} - {"", UNKNOWN}
    left = {path for part in trace.parts for path in part.executed if not path.startswith(_NOT_LEFT)}
    left |= {path for path in found if _entries(path, base, after)}
    while left:
        path = left.pop()
        names = {entry.interpreter for entry in _entries(path, base, after)} or _OF_INSTALLER.get(path, set())
        if not names or UNKNOWN in names:
            trace.unclear = trace.unclear or f"nobody can say what program the kernel started with {path}"
        new = names - found - {"", UNKNOWN}
        found |= new
        left |= new
    return found


def _entries(path: str, *trees: Tree) -> list[Entry]:
    """Return the files to which a path leads in these trees."""
    places = ((tree, lookup(tree, path, follow=True)) for tree in trees)
    entries = (tree.get(place.whole) for tree, place in places if place)
    return [entry for entry in entries if entry and entry.kind is Kind.FILE]
