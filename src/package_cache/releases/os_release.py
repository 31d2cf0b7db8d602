"""What `os-release(5)` says of a machine, a root or an image."""

from pathlib import Path

from package_cache.filesystem.paths import read_bounded

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
"""The second counts only where the first does not exist."""


def fields_of(content: bytes) -> dict[str, str]:
    """Return the fields of an os-release file. Shell in values is not expanded."""
    fields = {}
    for line in content.decode("utf-8", "replace").splitlines():
        key, _, value = line.strip().partition("=")
        is_quoted = len(value) >= 2 and value[0] in "\"'" and value[-1] == value[0]
        fields[key] = value[1:-1] if is_quoted else value
    return fields


def read_os_release(root: Path = Path("/")) -> dict[str, str]:
    """Return the fields of a root's os-release file, none if it has no readable one."""
    for name in OS_RELEASE:
        try:
            return fields_of(read_bounded(root / name[1:], "system-file-bytes"))
        except OSError:
            continue
    return {}
