"""What the package files of a plan would unpack, by where it comes to lie in a tree."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO

from package_cache.errors import VerificationError
from package_cache.filesystem.tar_stream import BROKEN, Meter, tar_stream
from package_cache.process import CommandError, piped
from package_cache.recording.tree import SHA256, Entry, Kind, Tree, entry_of, lookup, path_of


@dataclass(frozen=True)
class Member:
    """A member of a package's data.tar (deb(5))."""

    name: str
    """As it stands there."""
    entry: Entry


@dataclass(frozen=True)
class Brought:
    """What the packages of a plan bring to one path: of several the last one's."""

    entry: Entry
    package_file: str
    """The SHA-256 of the pool's file."""
    names: tuple[str, ...]
    """All names by which members lead there."""
    contested: bool = False
    """Whether packages bring different files to it: which of them lies there, only dpkg knows."""


def payload(package_files: Iterable[tuple[str, Path]], tree: Tree, algorithm: str = SHA256) -> dict[str, Brought]:
    """Return what package files (by SHA-256) bring, in their order, where `tree` has the links of the folders."""
    found: dict[str, Brought] = {}
    for sha256, path in package_files:
        for member in _members(path, algorithm):
            at = _place(member, tree)
            if at == "/":
                continue
            entry = replace(member.entry, twin=_whole(member.entry.twin, tree)) if member.entry.twin else member.entry
            old = found.get(at)
            contested = old is not None and (old.contested or old.entry != entry)
            found[at] = Brought(entry, sha256, (*(old.names if old else ()), member.name), contested)
    return found


def _place(member: Member, tree: Tree) -> str:
    return _whole(path_of(member.name), tree, follow=member.entry.kind is Kind.FOLDER)


def _whole(path: str, tree: Tree, *, follow: bool = False) -> str:
    place = lookup(tree, path, follow=follow)
    return place.whole if place else "/"


@lru_cache(maxsize=512)
def _members(package_file: Path, algorithm: str) -> tuple[Member, ...]:
    """Return what is in a package file; of groups and images, many ask for the same. Raise `VerificationError`."""
    try:
        with piped(["dpkg-deb", "--fsys-tarfile", str(package_file)]) as stream:
            return tuple(_read(stream, str(package_file), algorithm))
    except (*BROKEN, CommandError) as error:
        raise VerificationError(f"cannot read {package_file} as a package: {error}") from error


def _read(stream: IO[bytes], what: str, algorithm: str) -> Iterator[Member]:
    entries: Tree = {}
    with tar_stream(stream, Meter(what)) as (archive, members):
        for member in members:
            path = path_of(member.name)
            if member.islnk():
                twin = path_of(member.linkname)
                entries[path] = replace(entries[twin], twin=twin)
            else:
                entries[path] = entry_of(archive, member, algorithm)
            yield Member(member.name, entries[path])
        while stream.read(1 << 20):
            pass
