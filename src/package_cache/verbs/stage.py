"""`stage`: make the groups that a job asks for visible on the volume that its container shares."""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.cache.being_written import once_settled
from package_cache.cache.contents import read_group_files, read_installer
from package_cache.cache.description import DescribedGroup, Description, read_description
from package_cache.cache.layout import GROUPS, PACKAGE_LIST, CacheFolder
from package_cache.cache.leftovers import remove_unfinished
from package_cache.cache.package_list import DescribedPackage, all_packages, parse_list
from package_cache.cache.publish import GroupFiles, publish
from package_cache.cache.stored import StoredFile
from package_cache.outside.files import clone_or_copy, exclusive
from package_cache.outside.writing import writing_to
from package_cache.values.errors import CacheError, UsageError
from package_cache.values.events import Listener, Progress, ignore
from package_cache.values.names import GROUP_NAME
from package_cache.values.statuses import ExitStatus

OTHER_STAGE_LIMIT = 600.0
"""Seconds to wait for somebody else who stages to the same place."""


@dataclass(frozen=True)
class StageResult:
    """What was staged."""

    groups: tuple[str, ...]
    files: int
    """Package files that were not there before."""
    bytes: int
    """Of these files."""
    method: str
    """How they got there: `reflink`, `hard link`, `copy`, several of these, or `nothing to do`."""


def stage(groups: Sequence[str], cache: CacheFolder, to: Path, listener: Listener = ignore) -> StageResult:
    """Put groups of a cache, for all systems it has them for, into the cache at `to`, which may hold others already.

    Each package file once, by the cheapest way the volume knows. In the order of a build, so that a reader at any
    moment finds whole groups only. Raises `CacheError`: missing, damaged, or without such a group, all found before
    anything is written; and `PackageCacheError` with the status NO_SPACE or READ_ONLY where `to` cannot be written.
    """
    target = CacheFolder(to)
    once_settled(cache, lambda: _choose(groups, cache, target))
    with writing_to(to):
        to.mkdir(parents=True, exist_ok=True)
        with exclusive(target.lock, wait=OTHER_STAGE_LIMIT):
            for folder in (target.pool, target.path / GROUPS):
                if folder.is_symlink():  # left by a job, to lead whoever stages next out of the volume
                    folder.unlink()
                folder.mkdir(exist_ok=True)
            remove_unfinished(target)
            return once_settled(cache, lambda: _stage(groups, cache, target, listener))


@dataclass(frozen=True)
class _Choice:
    """What is to be staged, read and checked."""

    description: Description
    """The whole cache's."""
    groups: Sequence[DescribedGroup]
    files: GroupFiles
    installer: bytes
    packages: Mapping[str, DescribedPackage]
    """Of the groups, by SHA-256."""
    missing: Sequence[DescribedPackage]
    """Those that the target does not have yet."""


def _choose(names: Sequence[str], cache: CacheFolder, target: CacheFolder) -> _Choice:
    """Read what the cache's description names just now."""
    description = read_description(cache)
    groups = _chosen(names, description)
    files = {(group.name, group.system): read_group_files(cache, group) for group in groups}
    packages = {
        package.sha256: package
        for place, contents in files.items()
        for package in parse_list(contents[PACKAGE_LIST], str(cache.group(*place) / PACKAGE_LIST))
    }
    missing = _missing(packages.values(), cache, target)
    return _Choice(description, groups, files, read_installer(cache, description), packages, missing)


def _stage(names: Sequence[str], cache: CacheFolder, target: CacheFolder, listener: Listener) -> StageResult:
    choice = _choose(names, cache, target)
    methods = _stage_packages(choice.missing, cache, target, listener)
    publish(target, _merged(choice, target), choice.files, choice.installer)
    total = sum(item.size for item in choice.missing)
    return StageResult(tuple(names), len(choice.missing), total, " and ".join(methods) or "nothing to do")


def _chosen(names: Sequence[str], description: Description) -> Sequence[DescribedGroup]:
    for name in names:
        if not GROUP_NAME.fullmatch(name):
            raise UsageError(f"cannot stage {name!r}: that is not a group's name")
        if not description.group_systems(name):
            there = ", ".join(sorted({group.name for group in description.groups})) or "none"
            raise CacheError(
                f"cannot find the group {name!r} in the cache",
                hint=f"the groups there are: {there}",
                status=ExitStatus.NO_SUCH_GROUP,
            )
    return [group for group in description.groups if group.name in names]


def _missing(packages: Iterable[DescribedPackage], cache: CacheFolder, target: CacheFolder) -> list[DescribedPackage]:
    """Give the packages that the target lacks. Raises `CacheError` where the cache lacks one of them, too."""
    missing = [item for item in packages if not StoredFile(item.sha256, item.size).is_in(target)]
    for item in missing:
        if not StoredFile(item.sha256, item.size).is_in(cache):
            raise CacheError(
                f"cannot stage {item.name} {item.version}: {cache.package(item.sha256)} is not the file it was",
                hint="build the cache again",
            )
    return missing


def _stage_packages(
    packages: Sequence[DescribedPackage], cache: CacheFolder, target: CacheFolder, listener: Listener
) -> Iterable[str]:
    methods: Counter[str] = Counter()
    total, done = sum(item.size for item in packages), 0
    listener(Progress("staging", done, total))
    for item in packages:
        methods[_put(cache.package(item.sha256), target.package(item.sha256))] += 1
        done += item.size
        listener(Progress("staging", done, total))
    return sorted(methods)


def _put(source: Path, place: Path) -> str:
    new = Path(tempfile.mktemp(prefix=".new-", dir=place.parent))  # noqa: S306 - opened exclusively, under the lock
    try:
        method = clone_or_copy(source, new)
        new.replace(place)
    finally:
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
    return method


def _merged(choice: _Choice, target: CacheFolder) -> Description:
    """Describe the groups and, beside them, the others that are in the target."""
    sizes = {item.sha256: item.size for item in choice.packages.values()}
    with contextlib.suppress(CacheError):  # nothing there yet, or nothing that can be read: it is then all there is
        others = [group for group in read_description(target).groups if (group.name, group.system) not in choice.files]
        older = all_packages(target, others)
        return choice.description.with_groups(
            [*choice.groups, *others], {**sizes, **{item.sha256: item.size for item in older.values()}}
        )
    return choice.description.with_groups(choice.groups, sizes)
