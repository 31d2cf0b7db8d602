"""What `os-release(5)` says of a machine, a root or an image, read as the installer reads it (`read_system`)."""

from dataclasses import dataclass
from pathlib import Path

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
"""The second counts only where the first is not there."""


@dataclass(frozen=True)
class OsRelease:
    """The fields that decide which groups of a cache are for a system; empty where they are not there."""

    distribution: str
    """`ID`: `ubuntu`, `debian`, `linuxmint`."""
    version: str
    """`VERSION_ID`: `18.04`, `12`."""
    like: str = ""
    """`ID_LIKE`: the distributions that it is derived from, with spaces between."""
    file: str = OS_RELEASE[0]
    """Which one says so."""
    is_there: bool = True
    """False where there is no such file."""

    @property
    def system(self) -> str:
        """As the cache's folders name it, such as `ubuntu18.04`; whatever the file says."""
        return self.distribution + self.version


def fields_of(content: bytes) -> dict[str, str]:
    """Give the fields of an os-release file: assignments, each on a line of its own, whole in quotes or without.

    Line ends of DOS are taken, and NULs dropped; nothing is expanded, so that what holds shell stays what it is.
    """
    fields = {}
    for line in content.replace(b"\0", b"").decode("utf-8", "replace").split("\n"):
        stripped = line.strip(" \t")
        if stripped and (stripped[-1] < " " or stripped[-1] == "\x7f"):
            stripped = stripped[:-1]
        key, equals, value = stripped.partition("=")
        if equals:
            fields[key] = _unquoted(value)
    return fields


def os_release_of(content: bytes | None, file: str) -> OsRelease:
    """Make it of a file's bytes; None where there is no such file."""
    fields = fields_of(content or b"")
    distribution, version, like = (fields.get(key, "") for key in ("ID", "VERSION_ID", "ID_LIKE"))
    return OsRelease(distribution, version, like, file, content is not None)


def read_os_release(root: Path = Path("/")) -> dict[str, str]:
    """Give the fields of a root's os-release file; none where it has no readable one."""
    for name in OS_RELEASE:
        try:
            return fields_of((root / name[1:]).read_bytes())
        except OSError:
            continue
    return {}


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] in "\"'" and value[-1] == value[0]
    return value[1:-1] if quoted else value
