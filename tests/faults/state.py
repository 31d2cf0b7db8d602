"""The state of a container: its files, dpkg's database, apt's marks, mounts and processes, and what differs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.faults.job import BUSYBOX, Job

MAP = r"""
/busybox find / \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run -o -path /small \
    -o -path /cache -o -path /good -o -path /debs -o -path '/own*' \) -prune -o -print0 |
    /busybox xargs -0 stat -c '%n|%f %u %g %Y|%h %s|%z'
/busybox find /tmp /run
"""
"""Print of everything the path; mode, owner and time; links and size; time of the last change of any of these."""
PROCESSES = f"{BUSYBOX} ps -o pid,ppid,args"

FILE, FOLDER, LINK = "8", "4", "a"
"""The first digit of a mode: inode(7), S_IFMT."""
DATABASE = "/var/lib/dpkg/status"
MARKS = "/var/lib/apt/extended_states"
INFO = (
    "list", "md5sums", "conffiles", "preinst", "postinst", "prerm", "postrm", "config", "templates", "triggers",
    "shlibs", "symbols",
)  # fmt: skip
"""What dpkg keeps of a package below `info`."""
MERGED = ("/bin/", "/lib", "/sbin/")
"""What dpkg's lists have though it is a link to a folder below /usr (hier(7), usrmerge)."""
USERS = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid")

_contents: dict[str, str] = {}
"""The hash or target by the line of a file or link, whose time of change is the kernel's own (inode(7), ctime) and new
whenever it is written to. So a root's files are hashed once, and after a fault only those that may be others."""


@dataclass(frozen=True)
class Package:
    """A package of dpkg's database."""

    name: str
    architecture: str
    """As the database has it: `all`, too."""
    version: str
    status: str
    stanza: str
    provides: frozenset[str]
    """The names of virtual packages."""

    @property
    def is_installed(self) -> bool:
        """Return whether it is installed and configured, perhaps on hold."""
        return self.status.endswith(" ok installed")


@dataclass(frozen=True)
class State:
    """The state of a container at one moment."""

    lines: frozenset[str]
    """One for each file, with its times."""
    mounts: str
    processes: Mapping[int, tuple[int, str]]
    """Parent and command line by process id."""
    database: str
    """The text of dpkg's status file."""
    extended_states: str
    """The text of apt's file of marks."""
    users: Mapping[str, str]
    """The texts of the files of users and groups."""
    architecture: str
    """dpkg's own."""

    @cached_property
    def packages(self) -> dict[str, Package]:
        """The packages of dpkg's database by `name:architecture`."""
        found = {}
        for stanza in self.database.strip().split("\n\n"):
            fields = _fields(stanza)
            package = Package(
                fields.get("Package", ""),
                fields.get("Architecture", ""),
                fields.get("Version", ""),
                fields.get("Status", ""),
                stanza,
                frozenset(each.split()[0] for each in fields.get("Provides", "").split(",") if each.strip()),
            )
            found[f"{package.name}:{package.architecture}"] = package
        return found

    @cached_property
    def installed(self) -> dict[str, Package]:
        """Those that are installed and configured."""
        return {key: package for key, package in self.packages.items() if package.is_installed}

    @cached_property
    def marks(self) -> frozenset[str]:
        """The packages that are marked as automatically installed: `name:architecture`, never `all`."""
        stanzas = [_fields(stanza) for stanza in self.extended_states.strip().split("\n\n")]
        return frozenset(
            f"{fields['Package']}:{fields.get('Architecture', self.architecture)}"
            for fields in stanzas
            if fields.get("Auto-Installed") == "1"
        )

    def mark_key(self, package: Package) -> str:
        """Return the name under which apt marks a package: an `all` one as one of dpkg's own architecture."""
        return f"{package.name}:{self.architecture if package.architecture == 'all' else package.architecture}"

    @cached_property
    def entries(self) -> dict[str, str]:
        """What is compared unless all must be as before, by path; stanzas, marks and users one by one."""
        found = {}
        for line in self.lines:
            path, bar, rest = line.partition("|")
            kind = _kind(line)
            if not bar or path in (DATABASE, MARKS, *self.users):
                found[path] = ""
            elif kind in (FILE, LINK):
                found[path] = f"{_owner(rest)} {line.rpartition(' ')[2]}"
            else:
                found[path] = rest if kind == FOLDER else _owner(rest)
        found.update(
            (f"{DATABASE} {key}", package.stanza)
            for key, package in self.packages.items()
            if package.status != "purge ok not-installed"  # which dpkg forgets when it writes next
        )
        found.update((f"{MARKS} {mark}", "automatic") for mark in self.marks)
        for path, text in self.users.items():
            found.update((f"{path} {line}", "") for line in text.splitlines())
        return found


def _fields(stanza: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))


def _owner(rest: str) -> str:
    return rest.partition("|")[0].rpartition(" ")[0]


def look(job: Job) -> State:
    """Return the state of a container: mode and owner of each path; of a file time, links and hash as well."""
    lines = job.room.sh(MAP, check=False).splitlines()
    new = [line for line in lines if line not in _contents]
    _read_contents(job, [line for line in new if _kind(line) == FILE], ("sha256sum",))
    _read_contents(job, [line for line in new if _kind(line) == LINK], (BUSYBOX, "stat", "-c", "%N"))
    return State(
        lines=frozenset(map(_line, lines)),
        mounts=job.room.sh("cat /proc/self/mounts"),
        processes=_processes(job),
        database=_text(job, DATABASE),
        extended_states=_text(job, MARKS),
        users={path: _text(job, path) for path in USERS},
        architecture=job.architecture,
    )


def _read_contents(job: Job, lines: Sequence[str], command: Sequence[str]) -> None:
    if not lines:
        return
    paths = "\0".join(line.partition("|")[0] for line in lines)
    done = job.room.container.run([BUSYBOX, "xargs", "-0", *command], stdin=paths, timeout=120, check=False)
    contents = {}
    for line in done.stdout.splitlines():
        if line.startswith("'"):
            path, _, content = line[1:-1].partition("' -> '")
        else:
            content, _, path = line.partition("  ")
        contents[path] = content
    _contents.update((line, contents.get(line.partition("|")[0], "unreadable")) for line in lines)


def _text(job: Job, path: str) -> str:
    try:
        return job.room.container.path(path).read_text(errors="replace")
    except OSError:
        return ""


def _processes(job: Job) -> dict[int, tuple[int, str]]:
    found = {}
    for line in job.room.sh(PROCESSES, check=False).splitlines():
        words = line.split(maxsplit=2)
        if words[0].isdigit() and PROCESSES not in line:
            found[int(words[0])] = (int(words[1]), words[2])
    return found


def _kind(line: str) -> str:
    _, bar, rest = line.partition("|")
    return rest[: len(rest.partition(" ")[0]) - 3] if bar else ""


def _line(line: str) -> str:
    if _kind(line) in (FILE, LINK):
        return f"{line.rpartition('|')[0]} {_contents[line]}"
    return line.rsplit("|", 2)[0].rpartition(" ")[0] if _kind(line) == FOLDER else line


def started(before: State, after: State) -> list[str]:
    """Return the command lines of processes that were not there before and that none of those has started."""
    found = []
    for pid, (_, command) in after.processes.items():
        if pid in before.processes or command.startswith("["):  # a zombie
            continue
        ancestor = pid
        while ancestor > 1 and ancestor not in before.processes:
            ancestor = after.processes.get(ancestor, (0, ""))[0]
        if ancestor <= 1:
            found.append(command)
    return found


def changes(before: State, after: State) -> dict[str, str]:
    """Return what differs, by path, as `before -> after`: files but for their times, packages, users, processes."""
    old, new = before.entries, after.entries
    return {
        path: f"{old.get(path, 'missing')} -> {new.get(path, 'missing')}"
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    }


def files_of(job: Job, packages: Iterable[Package]) -> frozenset[str]:
    """Return the paths of what packages own, and of what dpkg itself keeps of them in its database."""
    found = set()
    for package in packages:
        for name in (package.name, f"{package.name}:{package.architecture}"):
            paths = _text(job, f"/var/lib/dpkg/info/{name}.list").splitlines()
            found.update(paths)
            found.update(f"/usr{path}" for path in paths if path.startswith(MERGED))
            found.update(f"/var/lib/dpkg/info/{name}.{kind}" for kind in INFO)
        found.add(f"{DATABASE} {package.name}:{package.architecture}")
    return frozenset(found)
