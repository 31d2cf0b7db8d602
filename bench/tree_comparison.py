"""Two installations, compared file by file: by find(1) and sha256sum(1) of the image, and listxattr(2).

It checks the recorder's own proof, so it shares no code with the recorder: of the rules it reads only their file.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.lab import Container

LIMIT = 900.0
"""Seconds to list, or to hash, all files of a root."""

_LIST = r"find / -xdev -printf '%y\t%m\t%U:%G\t%s\t%T@\t%n\t%l\t%p\0' >/run/listed"
_HASH = "find / -xdev -type f -print0 | xargs -0 sha256sum >/run/hashed"

_ANY_CONTENT = ("keep", "regenerate")
"""The kinds of rules for files that have other contents in each installation."""


@dataclass(frozen=True)
class Entry:
    """A path, as find(1) and sha256sum(1) print it."""

    kind: str
    mode: str
    owner: str
    size: str
    time: str
    """Whole seconds, or `new` if it was written by the installation."""
    links: str
    target: str
    sha256: str
    attributes: str
    """Extended attributes, such as capabilities and ACLs, with their values."""


def entries(container: Container, newest: float) -> dict[str, Entry]:
    """Return all paths of a root, but for other mounts; what was modified later than `newest` is new."""
    for line in (_LIST, _HASH):
        container.run(["sh", "-c", line], timeout=LIMIT)
    hashes = dict(_hashes(_read(container, "/run/hashed")))
    found = {}
    for line in _read(container, "/run/listed").split("\0")[:-1]:
        kind, mode, owner, size, time, links, target, path = line.split("\t", 7)
        if kind == "d":  # file systems differ in these
            size = links = time = ""
        elif kind == "f":
            time = "new" if float(time) > newest else time.partition(".")[0]
        else:
            time = ""
        attributes = _attributes(f"{container.root}{path}")
        found[path] = Entry(kind, mode, owner, size, time, links, target, hashes.get(path, ""), attributes)
    return found


def _read(container: Container, path: str) -> str:
    return container.path(path).read_text(encoding="utf-8", errors="surrogateescape")


def _hashes(printed: str) -> Iterator[tuple[str, str]]:
    """Yield the paths and hashes that sha256sum(1) printed; it escapes line ends and backslashes."""
    for line in printed.splitlines():
        digest, _, path = line.partition("  ")
        escaped = digest.startswith("\\")
        yield path.replace("\\n", "\n").replace("\\\\", "\\") if escaped else path, digest.removeprefix("\\")


def _attributes(path: str) -> str:
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return " ".join(f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}" for name in names)


class RuleFile:
    """The rules of a file like the program's `rules.toml`: what may differ."""

    def __init__(self, path: Path) -> None:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["rule"]
        self._rules = [(re.compile(_pattern(row["path"]), re.DOTALL), str(row["kind"])) for row in rows]

    def kind(self, path: str) -> str:
        """Return the kind of the first rule for a path; empty if there is none."""
        return next((kind for pattern, kind in self._rules if pattern.fullmatch(path)), "")


def _pattern(glob: str) -> str:
    """Return the regular expression of a rule's pattern (docs/recordings.md)."""
    parts = re.split(r"(/\*\*$|/\*\*(?=/)|\*|\?)", glob)
    wild = {"*": "[^/]*", "?": "[^/]"}
    return "".join(
        wild.get(part) or ("(/[^/]+)+" if number == len(parts) - 2 and not parts[-1] else "(/[^/]+)*")
        if number % 2
        else re.escape(part)
        for number, part in enumerate(parts)
    )


def differences(dpkg: Mapping[str, Entry], replay: Mapping[str, Entry], rules: RuleFile) -> list[str]:
    """Return a line for each path that differs and that no rule leaves out; dpkg's is the one that is right."""
    found = []
    for path in sorted(dpkg.keys() | replay.keys()):
        one, other = dpkg.get(path), replay.get(path)
        if one == other or (kind := rules.kind(path)) == "drop":
            continue
        if one is None or other is None:
            found.append(f"{path}: only by {'replay' if one is None else 'dpkg'}")
            continue
        uncounted = ("size", "time", "sha256") if kind in _ANY_CONTENT else ()
        names = [name for name in vars(one) if name not in uncounted and getattr(one, name) != getattr(other, name)]
        if names:
            found.append(f"{path}: {', '.join(f'{name} {vars(one)[name]} / {vars(other)[name]}' for name in names)}")
    return found
