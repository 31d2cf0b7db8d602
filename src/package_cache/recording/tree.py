"""The files of a disposable root, read by this machine's tar from outside of it: nothing of the root vouches for them.

A path is absolute, without a link in its folders. What a container's processes could still change is not read: they
are ended first.
"""

import contextlib
import hashlib
import struct
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import IO

from package_cache.errors import PackageCacheError
from package_cache.filesystem.tar_stream import BROKEN, Meter, tar_stream
from package_cache.process import piped, run
from package_cache.sandbox.container import CHANGES, ROOT, Container

_LIST = f"{ROOT}/../paths"
"""The names that tar reads: beside the root, in the memory of the container."""

_ATTRIBUTES = ("SCHILY.acl.", "SCHILY.xattr.security.capability", "SCHILY.xattr.user.")
"""How GNU tar writes access control lists and extended attributes that belong to a file (acl(5), capabilities(7))."""

_OF_OVERLAY = "SCHILY.xattr.user.overlay."
_OPAQUE = f"{_OF_OVERLAY}opaque"

_TAR = (
    *("tar", "--create", "--one-file-system", "--format=pax", "--pax-option=delete=atime,delete=ctime"),
    *("--numeric-owner", "--acls", "--xattrs", "--xattrs-include=security.capability", "--xattrs-include=user.*"),
)

_CHUNK = 1 << 20

SHA256, BLAKE2 = "sha256", "blake2b"
"""Of files; which one does not matter where trees are compared (names of `hashlib`)."""


class Kind(Enum):
    """What lies at a path. The values are for people."""

    FILE = "file"
    LINK = "symbolic link"
    FOLDER = "folder"
    OTHER = "device or pipe"


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies at one path."""

    kind: Kind
    mode: int
    """The permissions, with the bits of setuid(2)'s kind; of a link 0o777."""
    uid: int
    gid: int
    time: int
    """Of the last change of its content, in seconds of the epoch."""
    size: int = 0
    """Of a file, in bytes."""
    content: str = ""
    """A file's hash, a link's target, a device's kind and numbers."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Access control lists and extended attributes, as a pax header has them."""
    twin: str = ""
    """Of a hard link: another of its names."""
    interpreter: str = ""
    """Of a file: what the kernel starts with it, or UNKNOWN; empty for nothing."""

    def is_like(self, other: "Entry") -> bool:
        """Return whether nothing but the times, and names elsewhere, can tell the two apart."""
        return (self.kind, self.mode, self.uid, self.gid, self.content, self.attributes) == (
            *(other.kind, other.mode, other.uid, other.gid, other.content, other.attributes),
        )


UNKNOWN = "?"
"""Stands for the interpreter of a file that is no program, or names one in a way that is not read here."""

Tree = dict[str, Entry]
Changes = dict[str, Entry | None]
"""What is new or differs by its path; None: what is gone."""


def whole_tree(container: Container, what: str, algorithm: str = SHA256) -> Tree:
    """Read all files of a container, of which no process runs. Raise `PackageCacheError`, `BoundError`."""
    members = _members(container, [*_TAR, "--directory", ROOT, "."], what, algorithm)
    return {path: entry for path, entry, _ in members}


def tree_after(base: Tree, container: Container, what: str, algorithm: str = SHA256) -> Tree:
    """Read the files of a container that began with the tree `base`, and whose processes have ended."""
    if run([*container.outside, "test", "-d", CHANGES], check=False, timeout=60).returncode != 0:
        return whole_tree(container, what, algorithm)
    after = dict(base)
    hidden: set[str] = set()
    for path, entry, member in _members(container, [*_TAR, "--directory", CHANGES, "."], what, algorithm):
        if _is_whiteout(member):
            hidden.add(path)
            after.pop(path, None)
            continue
        if member.pax_headers.get(_OPAQUE) == "y" or (path in base and base[path].kind is not entry.kind):
            hidden.add(path)
        after[path] = entry
    below = {path for path in base if any(folder in hidden for folder in folders_of(path))}
    changed = {path for path, entry in after.items() if base.get(path) is not entry}
    for path in below - changed:
        del after[path]
    return after


def changes_between(before: Tree, after: Tree) -> Changes:
    """Return what differs; of folders that were there before the time does not count."""
    found: Changes = {path: None for path in before if path not in after}
    for path, entry in after.items():
        old = before.get(path)
        if old is None or not old.is_like(entry) or (entry.kind is not Kind.FOLDER and old.time != entry.time):
            found[path] = entry
    return found


def contents(
    container: Container, tree: Tree, paths: Sequence[str], what: str
) -> Iterator[tuple[str, tarfile.TarInfo, IO[bytes] | None]]:
    """Yield path, member and content of these, in their order; the content is to be read before the next.

    Raise `PackageCacheError` where a path is not in the tree, or leads through anything but folders.
    """
    for path in paths:
        if path not in tree or any(tree[folder].kind is not Kind.FOLDER for folder in folders_of(path)):
            raise PackageCacheError(f"cannot read {path!r} of {what}: it is not there, or below a link")
    if not paths:
        return
    names = "".join(f".{path}\0" for path in paths)
    run([*container.outside, "sh", "-c", f"cat > {_LIST}"], stdin=names, timeout=60)
    argv = [*_TAR, "--directory", ROOT, "--no-recursion", "--null", f"--files-from={_LIST}"]
    with _archive([*container.outside, *argv], what) as (archive, members):
        for member in members:
            yield path_of(member.name), member, archive.extractfile(member) if member.isreg() else None


def _members(
    container: Container, argv: Sequence[str], what: str, algorithm: str
) -> Iterator[tuple[str, Entry, tarfile.TarInfo]]:
    found: Tree = {}
    with _archive([*container.outside, *argv], what) as (archive, members):
        for member in members:
            path = path_of(member.name)
            if member.islnk():
                twin = path_of(member.linkname)
                if twin not in found:
                    raise PackageCacheError(f"cannot read {what}: {path!r} is a link to {twin!r}, which did not come")
                entry = replace(found[twin], twin=twin)
            else:
                entry = entry_of(archive, member, algorithm)
            found[path] = entry
            yield path, entry, member


@contextlib.contextmanager
def _archive(argv: Sequence[str], what: str) -> Iterator[tuple[tarfile.TarFile, Iterator[tarfile.TarInfo]]]:
    try:
        with piped(argv) as stream, tar_stream(stream, Meter(what)) as found:
            yield found
            while stream.read(_CHUNK):  # tar(1) fills its last record, and ends with an error where nobody reads it
                pass
    except BROKEN as error:
        raise PackageCacheError(f"cannot read {what}: {error}") from error


def entry_of(archive: tarfile.TarFile, member: tarfile.TarInfo, algorithm: str) -> Entry:
    """Return what a member of an archive is; its content is hashed. A hard link has no content of its own."""
    kind, mode, size, content, interpreter = Kind.OTHER, member.mode & 0o7777, 0, "", ""
    if member.isdir():
        kind = Kind.FOLDER
    elif member.issym():
        kind, mode, content = Kind.LINK, 0o777, member.linkname
    elif member.isreg():
        kind, size = Kind.FILE, member.size
        stream = archive.extractfile(member)
        assert stream is not None
        content, interpreter = _read(stream, algorithm)
    else:
        content = f"{member.type!r} {member.devmajor} {member.devminor}"
    return Entry(
        *(kind, mode, member.uid, member.gid, int(member.mtime), size, content),
        attributes=_attributes(member.pax_headers),
        interpreter=interpreter,
    )


def _read(stream: IO[bytes], algorithm: str) -> tuple[str, str]:
    """Return the hash of a file, and its interpreter."""
    head = stream.read(_CHUNK)
    digest = hashlib.new(algorithm, head)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest(), interpreter_of(head)


def interpreter_of(head: bytes) -> str:
    """Return the path of what the kernel starts with a program that begins so, as execve(2) and elf(5) say it."""
    if head.startswith(b"#!"):
        words = head[2:256].partition(b"\n")[0].partition(b"\0")[0].split()
        name = words[0] if words else b""
    elif head.startswith(b"\x7fELF"):
        try:
            name = _interpreter_of_elf(head)
        except (struct.error, ValueError, IndexError):
            return UNKNOWN
        if not name:
            return ""
    else:
        return UNKNOWN
    return name.decode("utf-8", "surrogateescape") if name.startswith(b"/") else UNKNOWN


def _interpreter_of_elf(head: bytes) -> bytes:
    order = "<>"[head[5] - 1]
    is_long = head[4] == 2
    [table] = struct.unpack_from(f"{order}{'Q' if is_long else 'I'}", head, 32 if is_long else 28)
    size, count = struct.unpack_from(f"{order}HH", head, 54 if is_long else 42)
    for number in range(count):
        at = table + number * size
        [kind] = struct.unpack_from(f"{order}I", head, at)
        if kind == _INTERPRETER:
            [offset] = struct.unpack_from(f"{order}{'Q' if is_long else 'I'}", head, at + (8 if is_long else 4))
            return head[offset : head.index(b"\0", offset)]
    return b""


_INTERPRETER = 3
"""PT_INTERP of elf(5)."""


def _attributes(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    own = (item for item in headers.items() if item[0].startswith(_ATTRIBUTES))
    return tuple(sorted(item for item in own if not item[0].startswith(_OF_OVERLAY)))


def _is_whiteout(member: tarfile.TarInfo) -> bool:
    return member.ischr() and (member.devmajor, member.devminor) == (0, 0)


def path_of(name: str) -> str:
    """Return the path of a member's name, such as `./usr/bin/` or `usr/bin`."""
    return "/" + ("" if name == "." else name.removeprefix("./").strip("/"))


def folders_of(path: str) -> Iterator[str]:
    """Yield the folders above a path, the nearest first, without the root."""
    while path := path.rpartition("/")[0]:
        yield path


_MOST_LINKS = 40
"""As Linux follows them (path_resolution(7))."""


@dataclass(frozen=True)
class Place:
    """Where a path leads in a tree."""

    path: str
    """Without a link in its folders; of what is not there, up to the first name that is not."""
    rest: str
    """What comes behind the first name that is not there, with a slash before it; else empty."""
    links: tuple[str, ...]
    """The links that were followed."""

    @property
    def whole(self) -> str:
        """The path, there or not."""
        return self.path + self.rest


def lookup(tree: Tree, path: str, *, follow: bool) -> Place | None:
    """Return where an absolute path leads (path_resolution(7)); None for a loop. The last link only with `follow`."""
    links: list[str] = []
    names = path.split("/")[::-1]
    at = ""
    while names:
        name = names.pop()
        if name in ("", "."):
            continue
        if name == "..":
            at = at.rpartition("/")[0]
            continue
        at = f"{at}/{name}"
        entry = tree.get(at)
        if entry is None:
            break
        if entry.kind is Kind.LINK and (follow or names):  # also where but a slash follows
            if len(links) == _MOST_LINKS:
                return None
            links.append(at)
            names += entry.content.split("/")[::-1]
            at = "" if entry.content.startswith("/") else at.rpartition("/")[0]
    rest = "".join(f"/{name}" for name in reversed(names) if name not in ("", "."))
    return Place(at or "/", rest, tuple(links))
