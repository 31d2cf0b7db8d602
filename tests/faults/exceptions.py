"""What may differ after an installation, or after one that was undone: one table, which docs/reliability.md repeats."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Exempt:
    """Paths that may differ, and why."""

    paths: tuple[str, ...]
    """Patterns in which `*` matches a `/` as well."""
    after: tuple[str, ...]
    """`undone` (50 and 130), `installed` (0), or of the latter a real group only."""
    reason: str

    @property
    def row(self) -> str:
        """The row of the table in docs/reliability.md."""
        return f"| {', '.join(f'`{path}`' for path in self.paths)} | {' and '.join(self.after)} | {self.reason} |"


UNDONE, INSTALLED, REAL = "undone", "installed", "a real group installed"
BOTH = (UNDONE, INSTALLED)

EXEMPT = (
    Exempt(("/var/log/*",), BOTH, "logs tell what happened, also what was undone"),
    Exempt(
        ("/var/lib/dpkg/status-old", "/var/lib/dpkg/diversions-old", "/var/lib/dpkg/statoverride-old"),
        BOTH,
        "dpkg keeps the version before the last change",
    ),
    Exempt(("/var/lib/apt/extended_states*",), (INSTALLED,), "apt's marks, which have a column of their own"),
    Exempt(
        ("/var/cache/debconf", "/var/cache/debconf/*.dat"),
        (INSTALLED,),
        "debconf keeps the questions of packages and their answers",
    ),
    Exempt(("*.dpkg-dist",), (INSTALLED,), "dpkg puts the new version of a conffile beside one that the user changed"),
    Exempt(
        ("/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/triggers/Lock"),
        BOTH,
        "dpkg makes its empty lock files on first use",
    ),
    Exempt(
        ("/var/lib/dpkg/triggers/Unincorp", "/var/lib/dpkg/triggers/File", "/var/lib/dpkg/triggers"),
        BOTH,
        "dpkg makes the files of its triggers on first use; empty ones stay",
    ),
    Exempt(
        ("/var/cache/debconf/*-old", "/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/sub?id-"),
        BOTH,
        "debconf and the programs that make users keep the version before the last change",
    ),
    Exempt(
        ("/etc/ld.so.cache", "/var/cache/ldconfig*"), BOTH, "ldconfig writes its caches anew"
    ),
    Exempt(
        ("/run/*", "/tmp/*"),
        BOTH,
        "packages' scripts, adduser and others leave files there; the installer's own must be gone",
    ),
    Exempt(
        (
            "/var/lib/dpkg/updates/tmp.i",
            "/var/lib/dpkg/tmp.ci*",
            "/var/lib/dpkg/*-new",
            "/var/cache/debconf/*.dat-new",
            "/var/lib/apt/extended_states.*",
        ),
        (UNDONE,),
        "dpkg, debconf and apt leave scratch files where they are ended or the disk is full",
    ),
    Exempt(
        ("*/__pycache__", "*/__pycache__/*.pyc"),
        (UNDONE,),
        "an ended postinst leaves byte code of Python that no prerm finds, in new folders that hold nothing else",
    ),
    Exempt(("/opt",), (UNDONE,), "dpkg removes an empty folder with the last package that has it"),
    Exempt(("/var/lib/python*",), (UNDONE,), "Python's scripts note the versions that they served, and leave the note"),
    Exempt(
        ("/etc/init.d/.depend.*",), BOTH, "insserv computes the order of the existing services anew"
    ),
    Exempt(
        ("/etc/*", "/var/lib/dpkg/alternatives/*", "/usr/bin/*", "/usr/share/man/*"),
        (REAL,),
        "scripts of real packages write configuration, host keys, alternatives and links for the start of services",
    ),
    Exempt(
        (
            *("/var/lib/systemd/*", "/var/lib/ucf/*", "/var/lib/python*", "/usr/local/lib/python*"),
            *("*/__pycache__*", "/usr/share/info/dir*"),
        ),
        (REAL,),
        "so do the helpers that they call: ucf, deb-systemd-helper, py3compile, install-info",
    ),
    Exempt(
        ("/etc/passwd *", "/etc/shadow *", "/etc/group *", "/etc/gshadow *"),
        BOTH,
        "a script of a package makes a user, whom its `postrm` leaves: lines may be added, none changed",
    ),
)  # fmt: skip
"""Not in it: the times of files and folders, and what belongs to a package that was upgraded; see `not_undone`."""


def is_exempt(path: str, after: Sequence[str], more: Iterable[str] = ()) -> bool:
    """Return whether a path may differ `after` an installation; `more`: patterns of what a test's own scripts write."""
    patterns = [pattern for row in EXEMPT if {*after} & {*row.after} for pattern in row.paths]
    return any(fnmatchcase(path, pattern) for pattern in (*patterns, *more))
