"""The contents of a lock or a cache in one common form, so that they can be compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from package_cache.cache.checked_files import read_list
from package_cache.cache.consistent_read import once_settled
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cache.package_list import DescribedPackage
from package_cache.errors import LockError
from package_cache.filesystem.paths import read_bounded
from package_cache.lock.file import read_lock
from package_cache.lock.model import Lock, LockedPackage

LOCK_HINT = "create the lock again: package-cache lock"


GroupPlace = tuple[str, str]
"""A group's name and its OS release, all architectures together."""


@dataclass(frozen=True)
class Contents:
    """All groups of the lock or cache at a path."""

    path: Path
    kind: str
    """`lock` or `cache`."""
    groups: Mapping[GroupPlace, frozenset[DescribedPackage]]
    """The packages of a lock are described like those of a cache that stores the archive's own files."""

    def bytes(self, groups: Iterable[GroupPlace] | None = None) -> int:
        """Return the size of all files of some groups, or of all groups; each file counts once."""
        places = self.groups if groups is None else [place for place in groups if place in self.groups]
        return sum({item.sha256: item.size for place in places for item in self.groups[place]}.values())


def read_contents(path: Path) -> Contents:
    """Read a lock (a file) or a cache (a folder). Raises `LockError` or `CacheError`."""
    if path.is_dir():
        cache = CacheFolder(path)
        return once_settled(cache, lambda: _of_cache(cache))
    try:
        return of_lock(path, read_lock_file(path))
    except LockError as error:
        hint = "name two locks, or the folders of two caches"
        raise LockError(error.message, problems=error.problems, hint=hint) from error


def read_lock_file(path: Path) -> Lock:
    """Read a lock. Raises `LockError`."""
    try:
        return read_lock(read_bounded(path, "lock-bytes").decode(), file=str(path))
    except UnicodeDecodeError as error:
        raise LockError(f"cannot read {path}: it is not UTF-8", hint=LOCK_HINT) from error
    except OSError as error:
        raise LockError(f"cannot read {path}: {error.strerror or error}", hint=LOCK_HINT) from error


def of_lock(path: Path, lock: Lock) -> Contents:
    """Return the contents of a lock, which may not be written yet."""
    groups: dict[GroupPlace, dict[str, DescribedPackage]] = {}
    for system in lock.systems:
        packages = {package.key: package for package in system.packages}
        for group in system.groups:
            found = groups.setdefault((group.name, system.system.name), {})
            for key in group.every_package:
                item = found.get(packages[key].sha256) or _described(packages[key])
                more = (system.system.architecture,) if key in group.companions else ()
                found[item.sha256] = replace(item, companion_on=tuple(sorted({*item.companion_on, *more})))
    return Contents(path, "lock", {place: frozenset(found.values()) for place, found in groups.items()})


def _described(package: LockedPackage) -> DescribedPackage:
    return DescribedPackage(
        package.name, package.version, package.architecture, package.size, package.sha256, package.sha256
    )


def _of_cache(cache: CacheFolder) -> Contents:
    groups = read_description(cache).groups
    packages = {(group.name, group.system): frozenset(read_list(cache, group)) for group in groups}
    return Contents(cache.path, "cache", packages)
