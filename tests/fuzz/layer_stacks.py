"""Small stacks of layers by chance: files, folders, links of all kinds, whiteouts, each over what lower layers have."""

import io
import tarfile
from dataclasses import dataclass
from random import Random

FOLDERS = ["", "", "d", "d", "d/e", "l", "l", "l/e", "m", "usr", "usr/lib"]
NAMES = ["a", "b", "d", "e", "l", "m", "usr", "lib", "status"]
TARGETS = [
    "d", "/d", "d/e", "../d", "a", "/a", "b", "m", "l", "/usr/lib", "usr/lib", "lib", "e", ".", "..", "/", "d/../a",
    "l/../a", "nowhere", "../../m/a", "/l/e", "m/../b", "e/.", "a/",
]  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A member of a layer's archive."""

    kind: str
    """`file`, `folder`, `link`, `same` (a hard link), `gone` or `opaque`."""
    path: str
    value: str = ""
    """A file's content, or where a link leads."""


def paths() -> list[str]:
    """Return every path that is looked at in the end."""
    upper = list(dict.fromkeys(FOLDERS))
    folders = [*upper, *(f"{folder}/{name}".lstrip("/") for folder in upper for name in ("d", "e", "l", "m", "lib"))]
    found = [f"/{folder}/{name}" for folder in dict.fromkeys(folders) for name in NAMES]
    return [path.replace("//", "/") for path in found] + ["/", "/d/../a", "/l/../a", "/m/../b", "/l/e/../a", "/l/."]


def layer(random: Random, number: int) -> list[Entry]:
    """Return the members of one layer."""
    made: list[Entry] = []
    for count in range(random.randint(1, 7)):
        folder = random.choice(FOLDERS)
        path = f"{folder}/{random.choice(NAMES)}".lstrip("/")
        kind = random.choice(("file", "file", "file", "folder", "folder", "link", "link", "same", "gone", "opaque"))
        if kind == "file":
            made.append(Entry(kind, path, f"{number}.{count}"))
        elif kind == "link":
            made.append(Entry(kind, path, random.choice(TARGETS)))
        elif kind == "same":
            others = [entry.path for entry in made if entry.kind in ("file", "link", "same")]
            made += [Entry(kind, path, random.choice(others))] if others else []
        elif kind == "opaque":
            made += [Entry(kind, folder)] if folder else []  # overlayfs does not know of an opaque root
        else:
            made.append(Entry(kind, path))
    return made


def archive(entries: list[Entry]) -> bytes:
    """Return a layer's archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry in entries:
            tar.addfile(_member(entry), io.BytesIO(entry.value.encode()))
    return buffer.getvalue()


def _member(entry: Entry) -> tarfile.TarInfo:
    folder, _, name = entry.path.rpartition("/")
    path = entry.path
    if entry.kind == "gone":
        path = f"{folder}/.wh.{name}".lstrip("/")
    elif entry.kind == "opaque":
        path = f"{entry.path}/.wh..wh..opq".lstrip("/")
    member = tarfile.TarInfo(path)
    member.mode = 0o755 if entry.kind == "folder" else 0o644
    if entry.kind == "folder":
        member.type = tarfile.DIRTYPE
    elif entry.kind in ("link", "same"):
        member.type = tarfile.SYMTYPE if entry.kind == "link" else tarfile.LNKTYPE
        member.linkname = entry.value
    elif entry.kind == "file":
        member.size = len(entry.value)
    return member
