"""What `os-release(5)` says of a machine or root."""

import shlex
from pathlib import Path


def read_os_release(root: Path = Path("/")) -> dict[str, str]:
    """Give the fields of a root's os-release file; none where it has no readable one."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            text = (root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        return dict(_fields(text))
    return {}


def _fields(text: str) -> list[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if not equals or key.startswith("#"):
            continue
        try:
            words = shlex.split(value)
        except ValueError:  # a quote without its other half
            words = [value]
        found.append((key, words[0] if words else ""))
    return found
