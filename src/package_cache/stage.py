"""`stage`: copy the groups that a job requests to the volume that its container mounts."""

import contextlib
import datetime
import itertools
import secrets
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.ages import age_text, parse_time
from package_cache.cache.checked_files import read_group, read_installer, read_list
from package_cache.cache.cleanup import remove_unfinished
from package_cache.cache.consistent_read import once_settled
from package_cache.cache.description import DescribedGroup, Description, read_description
from package_cache.cache.expectations import Expectation, check_expected, expectations
from package_cache.cache.file_content import CopiedFile
from package_cache.cache.layout import DESCRIPTION, GROUPS, INSTALLER, LOCK, POOL, CacheFolder, pool_file
from package_cache.cache.package_list import DescribedPackage
from package_cache.cache.pool_index import StoredFile, intact_packages
from package_cache.cache.publish import GroupFiles, publish
from package_cache.errors import CacheError, UsageError
from package_cache.events import Listener, Progress, ignore
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.write_errors import writing_to
from package_cache.names import GROUP_NAME

OTHER_STAGE_LIMIT = 600.0
"""Seconds to wait for another process that stages to the same folder."""


@dataclass(frozen=True)
class StageResult:
    """The result of staging."""

    groups: tuple[str, ...]
    files: int
    """Number of new package files."""
    bytes: int
    """Size of these files."""
    method: str
    """How they were copied: `reflink`, `copy`, both, or `nothing to do`."""
    expected: tuple[Expectation, ...]
    """What the installer is to expect of the volume."""


def stage(
    groups: Sequence[str],
    cache: CacheFolder,
    to: Path,
    listener: Listener = ignore,
    *,
    expected: Collection[Expectation] = (),
) -> StageResult:
    """Add groups of a cache, for all their OS releases, to the cache at `to`.

    Each package file is cloned if the file systems can do it, else copied, and hashed before it gets its final name. A
    damaged file at `to` is replaced. No file is a link to the cache's own file, because a job could write to it. Files
    are written in the order of a build, so that a reader always finds complete groups.

    Raises `CacheError` if the cache is missing, damaged, lacks a group or has another one than `expected`: before it
    writes anything, unless only the bytes of a package file or of a recording are wrong. Raises `PackageCacheError`
    with the status NO_SPACE or READ_ONLY if `to` cannot be written.
    """
    target = CacheFolder(to, is_shared=True)
    once_settled(cache, lambda: _choose(groups, cache, expected))
    with writing_to(to, option="--to"):
        to.mkdir(parents=True, exist_ok=True)
        with target.inside.locked(LOCK, wait=OTHER_STAGE_LIMIT):
            for folder in (POOL, GROUPS):
                if target.inside.kind(folder) not in (0, stat.S_IFDIR):  # left by a job
                    target.inside.remove(folder)
                target.inside.make_folder(folder, exist_ok=True)
            for file in (DESCRIPTION, INSTALLER):
                if target.inside.kind(file) == stat.S_IFDIR:  # a rename cannot replace a folder
                    target.inside.remove(file)
            remove_unfinished(target)
            return once_settled(
                cache, lambda: _stage(_choose(groups, cache, expected), groups, cache, target, listener)
            )


@dataclass(frozen=True)
class _Choice:
    """The groups to stage, read and checked."""

    description: Description
    """The description of the whole cache."""
    groups: Sequence[DescribedGroup]
    files: GroupFiles
    installer: bytes
    packages: Mapping[str, DescribedPackage]
    """The packages of the groups, by SHA-256."""


def _choose(names: Sequence[str], cache: CacheFolder, expected: Collection[Expectation]) -> _Choice:
    """Read the groups of the cache's current description. Raises `CacheError` for a missing, truncated or other one."""
    description = read_description(cache)
    for name in names:
        if not GROUP_NAME.fullmatch(name):
            raise UsageError(f"cannot stage {name!r}: this is not a valid group name")
    groups = description.chosen(names)
    check_expected(groups, expected)
    read = [read_group(cache, group) for group in groups]
    files = {(item.group.name, item.group.system): item.folder for item in read}
    packages = {package.sha256: package for item in read for package in item.packages}
    for package in packages.values():
        if not StoredFile(package.sha256, package.size).is_in(cache):
            raise _damaged(package, cache)
    return _Choice(description, groups, files, read_installer(cache, description), packages)


def _stage(
    choice: _Choice, names: Sequence[str], cache: CacheFolder, target: CacheFolder, listener: Listener
) -> StageResult:
    intact = intact_packages(target, choice.packages)
    missing = [package for digest, package in choice.packages.items() if digest not in intact]
    methods, done, total = set(), 0, sum(package.size for package in missing)
    listener(Progress("staging", done, total))
    for package in missing:
        methods.add(_put(package, cache, target))
        done += package.size
        listener(Progress("staging", done, total))
    for content in itertools.chain.from_iterable(files.values() for files in choice.files.values()):
        if isinstance(content, CopiedFile):  # a recording
            content.check()  # while the target's description still names its own group
    publish(target, _merged(choice, target), choice.files, choice.installer)
    method = " and ".join(sorted(methods)) or "nothing to do"
    return StageResult(tuple(names), len(missing), total, method, expectations(choice.groups))


def _damaged(package: DescribedPackage, cache: CacheFolder) -> CacheError:
    file = cache.package(package.sha256)
    message = f"cannot stage {package.name} {package.version}: {file} does not match its hash or size"
    return CacheError(message, hint="build the cache again")


def _put(package: DescribedPackage, cache: CacheFolder, target: CacheFolder) -> str:
    place, new = pool_file(package.sha256), f"{POOL}/.new-{secrets.token_hex(4)}"
    try:
        with cache.inside.open(place) as source:
            method = target.inside.create(new, source)
        if target.inside.sha256(new) != package.sha256:
            raise _damaged(package, cache)
        target.inside.rename(new, place)
    finally:
        target.inside.remove(new)
    return method


def _merged(choice: _Choice, target: CacheFolder) -> Description:
    """Describe the groups together with the other groups of the target."""
    groups, packages = [*choice.groups], {**choice.packages}
    with contextlib.suppress(CacheError):  # no readable cache at the target yet
        others = [group for group in read_description(target).groups if (group.name, group.system) not in choice.files]
        packages |= {package.sha256: package for group in others for package in read_list(target, group)}
        groups += others
    return choice.description.with_groups(groups, {item.sha256: item.size for item in packages.values()})


def refuse_old_cache(cache: CacheFolder, limit: datetime.timedelta, now: datetime.datetime) -> None:
    """Raise `CacheError` if a cache, or the lock from which it was built, is older than the limit.

    The installer has no limit: an old cache must not break a job.
    """
    description = once_settled(cache, lambda: read_description(cache))
    times = {"was built": description.created, **({"was locked": description.locked} if description.locked else {})}
    for what, time in times.items():
        parsed = parse_time(time)
        if parsed is None:
            message = f"cannot tell how old {cache.path} is: when it {what} is not a time: {time!r}"
            raise CacheError(message, hint="build the cache again")
        age = now - parsed
        if age > limit:
            raise CacheError(
                f"cannot stage from {cache.path}: it {what} {time}, {age_text(age)} ago, and --max-age is "
                f"{age_text(limit)}",
                hint="lock and build it again: package-cache lock, package-cache build",
                status=ExitStatus.TOO_OLD,
            )
