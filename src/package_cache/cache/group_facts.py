"""What the installer must know of a group, read and checked in its order, with its words and statuses."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.cache.layout import FORMAT, GROUPS, INDEX, PACKAGE_LIST, CacheFolder, group_folder, image_index
from package_cache.outside.files import read_regular
from package_cache.outside.os_release import OsRelease
from package_cache.values.names import GROUP_NAME
from package_cache.values.shell_lines import shell_lines, shown
from package_cache.values.statuses import ExitStatus
from package_cache.values.verdict import MissError

_SIGNS = re.compile(r"[a-z0-9._]+", re.ASCII)
_LIKE = re.compile(r"[a-z0-9._ -]+", re.ASCII)
_IN_MANIFESTS = ("debian", "ubuntu")
"""Distributions whose releases a manifest can name; others are derived from them, or have no such packages."""

_REQUEST = re.compile(r"(?!-)[a-zA-Z0-9+.:=~-]+", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class GroupFacts:
    """A group for one system."""

    name: str
    indexes: tuple[Path, ...]
    """Its `Packages`, and those for images, whose hashes fit: the first with a plan counts."""
    requests: tuple[str, ...]
    provides: tuple[str, ...]
    recommends: bool


def check_cache(cache: CacheFolder) -> None:
    """Raise `MissError` where no cache is there."""
    step = "check the mount, or name the folder with --cache"
    if not cache.path.is_dir():
        raise MissError(ExitStatus.CACHE_MISSING, f"there is no cache at {cache.path}", step)
    if not (cache.path / GROUPS).is_dir():
        empty = not any(not path.name.startswith(".") for path in cache.path.iterdir())
        cause = "is empty" if empty else "is no cache: it has no groups"
        raise MissError(ExitStatus.CACHE_MISSING, f"the folder {cache.path} {cause}", step)


def group_names(cache: CacheFolder) -> tuple[str, ...]:
    """Give the names of all groups that a cache has, for whatever system."""
    found = {name for name, system in _folders(cache) if _SIGNS.fullmatch(system) and GROUP_NAME.fullmatch(name)}
    return tuple(sorted(found))


def read_facts(cache: CacheFolder, name: str, release: OsRelease, architecture: str) -> GroupFacts:
    """Read what a group asks for. Raises `MissError`: 10, 11, 12, 31 or 32."""
    return _Reader(cache, name, release, architecture).read()


def check_release(release: OsRelease) -> None:
    """Raise `MissError` where os-release gives no name of a system. 11"""
    wrong = "" if release.is_there else "it is not there"
    for key, value in (("ID", release.distribution), ("VERSION_ID", release.version)):
        if not value:
            wrong = wrong or f"it has no {key}{_NO_VALUE[key]}"
        elif not _SIGNS.fullmatch(value):
            wrong = wrong or f"its {key} has signs other than a-z 0-9 . _"
    if wrong:
        cause = f"{release.file} does not say which OS release this is: {wrong}"
        raise MissError(ExitStatus.NOT_FOR_SYSTEM, cause, _FALLBACK)


_NO_VALUE = {"ID": "", "VERSION_ID": ", as where a release is still being made (testing, unstable)"}
_FALLBACK = "use the fallback of this image"


def damaged(what: str) -> MissError:
    """Make the miss of a cache that is not what it was."""
    return MissError(ExitStatus.CACHE_DAMAGED, f"the cache is damaged: {shown(what)}", "stage or build the cache again")


def content_of(cache: CacheFolder, name: str) -> bytes:
    """Give the bytes of a file of the cache, which must have some."""
    path = cache.path / name
    if not path.exists():
        raise damaged(f"{name} is missing")
    if not path.is_file():
        raise damaged(f"{name} is not a file")
    if path.stat().st_size == 0:
        raise damaged(f"{name} is empty")
    try:
        return read_regular(path)
    except OSError as error:
        raise damaged(f"{name} cannot be read: see the permissions on it") from error


def _folders(cache: CacheFolder) -> Iterator[tuple[str, str]]:
    """Give the name and the system of each group's folder, as the installer cuts their names."""
    for name in _visible(cache.path / GROUPS):
        group, hyphen, system = name.rpartition("-")
        if hyphen:
            yield group, system


def _visible(folder: Path) -> list[str]:
    """Give the names in a folder as a shell's pattern gives them, in the C locale."""
    return sorted((path.name for path in folder.iterdir() if not path.name.startswith(".")), key=os.fsencode)


class _Reader:
    def __init__(self, cache: CacheFolder, name: str, release: OsRelease, architecture: str) -> None:
        self.cache, self.name, self.release, self.architecture = cache, name, release, architecture
        self.folder = group_folder(name, release.system)
        self.own = f"{architecture}.group"

    def read(self) -> GroupFacts:
        if not (self.cache.path / self.folder).is_dir():
            raise self._not_there()
        if not (self.cache.path / self.folder / self.own).exists():
            raise self._not_for_architecture()
        names = (self.own, INDEX, PACKAGE_LIST, "Release")
        contents = {name: content_of(self.cache, f"{self.folder}/{name}") for name in names}
        facts = self._facts(contents[self.own])
        images = [path.name for path in facts.indexes[1:]]
        contents.update((name, content_of(self.cache, f"{self.folder}/{name}")) for name in images)
        stated = stated_digests(contents["Release"])
        for name in (self.own, INDEX, PACKAGE_LIST, *images):
            if hashlib.sha256(contents[name]).hexdigest() != stated.get(name):
                raise damaged(f"{self.folder}/{name} is not the file that its Release states (SHA-256)")
        return facts

    def _not_there(self) -> MissError:
        folders = list(_folders(self.cache))
        others = [system for name, system in folders if name == self.name and _SIGNS.fullmatch(system)]
        if others:
            return self._not_for_system(others)
        there = " ".join(dict.fromkeys(name for name, _ in folders)) or "none"
        return MissError(
            ExitStatus.NO_SUCH_GROUP,
            f"the cache has no group {self.name}; it has: {there}",
            "add it to the manifest and build again",
        )

    def _not_for_system(self, others: Sequence[str]) -> MissError:
        system, like = self.release.system, self.release.like
        step = f"add {system} to the group in the manifest and build again"
        derived = ""
        if self.release.distribution not in _IN_MANIFESTS:  # the same version may mean another baseline of processors
            step = _FALLBACK
            derived = f", a derivative (ID_LIKE={like}) with packages of its own" if _LIKE.fullmatch(like) else ""
        cause = f"the group {self.name} is not for {system}{derived}; it is for: {' '.join(others)}"
        return MissError(ExitStatus.NOT_FOR_SYSTEM, cause, step)

    def _not_for_architecture(self) -> MissError:
        if self.own in stated_digests(content_of(self.cache, f"{self.folder}/Release")):
            return damaged(f"{self.folder}/{self.own} is missing")
        names = _visible(self.cache.path / self.folder)
        others = [name.removesuffix(".group") for name in names if name.endswith(".group")]
        if not others:
            return damaged(f"the folder {self.folder} has no .group file")
        return MissError(
            ExitStatus.NOT_FOR_ARCHITECTURE,
            f"the group {self.name} is not for {self.architecture}; it is for: {' '.join(others)}",
            f"add {self.architecture} to the group in the manifest and build again",
        )

    def _facts(self, content: bytes) -> GroupFacts:
        file = f"{self.folder}/{self.own}"
        requests: list[str] = []
        provides: list[str] = []
        indexes = [INDEX]
        seen: set[str] = set()
        for key, value in shell_lines(content, 2):
            seen.add(key)
            if key == "format":
                self._check_format(file, value)
            elif key == "installed-kib":
                if not _NUMBER.fullmatch(value):
                    raise damaged(f"{file} has a size that is no number")
            elif key == "package":
                if not _REQUEST.fullmatch(value):
                    raise damaged(f"{file} asks for '{value}', which is no package's name")
                requests.append(value)
            elif key == "provides":
                provides += [value] if value else []
            elif key == "image":
                if not GROUP_NAME.fullmatch(value):
                    raise damaged(f"{file} has an image '{value}', which is no image's name")
                indexes.append(image_index(self.architecture, value))
            elif key not in ("recommends", "pre-dependency", "end"):
                raise damaged(f"{file} has a line that means nothing: {key}")
        for key, lacking in (("end", "is cut short"), ("format", "has no format number"), ("package", _NO_PACKAGE)):
            if key not in seen:
                raise damaged(f"{file} {lacking}")
        folder = self.cache.path / self.folder
        return GroupFacts(
            self.name,
            tuple(folder / name for name in dict.fromkeys(indexes)),
            tuple(dict.fromkeys(requests)),
            tuple(provides),
            recommends="recommends" in seen,
        )

    def _check_format(self, file: str, value: str) -> None:
        if not _NUMBER.fullmatch(value):
            raise damaged(f"{file} has no format number")
        if int(value) > FORMAT:
            cause = f"the cache's format is {value}, this installer reads {FORMAT}"
            raise MissError(ExitStatus.CACHE_TOO_NEW, cause, "use the install_group.sh that lies in the cache")


_NO_PACKAGE = "asks for no package"


def stated_digests(release: bytes) -> dict[str, str]:
    """Give the SHA-256 that a Release file states of each file, as `read_release` of the installer finds it."""
    found: dict[str, str] = {}
    within = False
    for first, _, name in shell_lines(release, 3):
        if first + name == "SHA256:":
            within = True
        elif (first + name).endswith(":"):
            within = False
        elif within and len(first.encode("utf-8", "surrogateescape")) == 64:
            found[name] = first
    return {name: digest for name, digest in found.items() if _HASH.fullmatch(digest)}
