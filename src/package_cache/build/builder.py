"""`build`: from a lock to a cache. It resumes after an interruption; readers only ever see complete groups."""

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import package_cache
from package_cache.build.pool import Filled, Order, fill_pool
from package_cache.cache.cleanup import is_complete, remove_unfinished, remove_unneeded
from package_cache.cache.description import DescribedGroup, Description, read_description
from package_cache.cache.group_index import GroupPackages, IndexedPackage, group_files, indexed, known_controls
from package_cache.cache.layout import DESCRIPTION, GROUPS, LOCK, POOL, CacheFolder
from package_cache.cache.pool_index import Key, StoredFile
from package_cache.cache.publish import publish
from package_cache.deb.compression import LEVEL, compression_for
from package_cache.deb.control import control_with_space
from package_cache.errors import CacheError
from package_cache.events import Step
from package_cache.filesystem.paths import text_digest
from package_cache.filesystem.write_errors import writing_to
from package_cache.installer import install_group
from package_cache.lock.file import lock_text
from package_cache.process import need_tools
from package_cache.threads import in_threads
from package_cache.tools import PACKAGES

BUILT_BY = f"package-cache {package_cache.__version__}"

OTHER_BUILD_LIMIT = 3600.0
"""Seconds to wait for another build of the same cache."""


@dataclass(frozen=True)
class BuildResult:
    """What a build came to. All sizes in bytes."""

    changed: bool
    groups: int
    packages: int
    """Package files in the pool."""
    stored_bytes: int
    saved_bytes: int
    """What the pool saves against one folder of these files for each group and system."""
    downloaded_bytes: int
    recompressed: int
    """Package files; those that were so before, here or in the archive, are not counted."""


def build(order: Order) -> BuildResult:
    """Make a cache hold what a lock says, downloading what is missing.

    Package files come first, then each group's folder in one rename, the description last; what is no longer needed
    goes at the end.

    Raises `ArchiveError`, `VerificationError`, `CacheError` where another process's folder is there, and
    `PackageCacheError` with the status NO_SPACE or READ_ONLY where it cannot be written.
    """
    need_tools(*PACKAGES)
    cache = order.cache
    with writing_to(cache.path, option="--output"):
        _claim(cache)
        with cache.inside.locked(LOCK, wait=OTHER_BUILD_LIMIT):
            for folder in (POOL, GROUPS):
                (cache.path / folder).mkdir(exist_ok=True)
            remove_unfinished(cache)
            lock_digest = text_digest(lock_text(order.lock))
            before = up_to_date(cache, lock_digest, order.lock.manifest_digest, level=order.level)
            if before is not None:
                return before
            filled = fill_pool(order)
            order.listener(Step("writing the index of each group"))
            description, digests = _publish(order, lock_digest, filled.files)
            remove_unneeded(cache, description, digests)
    return _result(description, filled)


def up_to_date(
    cache: CacheFolder, lock_digest: str, manifest_digest: str, *, level: int | None = LEVEL
) -> BuildResult | None:
    """Return the result of a build that would change nothing; None where one has something to do.

    So it is where the cache is of that lock, each file intact, and nothing else is in it. Reads each package file once.
    """
    try:
        description = read_description(cache)
        same = (
            (description.lock_digest, description.manifest_digest) == (lock_digest, manifest_digest)
            and description.built_by == BUILT_BY
            and all(one.compression == str(compression_for(one.system, level=level)) for one in description.groups)
            and description.installer_digest == text_digest(install_group())
            and is_complete(cache, description)
        )
    except (CacheError, OSError):
        return None
    return _result(description) if same else None


def _claim(cache: CacheFolder) -> None:
    """Make the folder, or check that it is a cache or empty: a build removes what it does not know from `pool/`.

    The next thing in it is the lock, by which a build that was killed, or one that runs, is known.
    """
    if cache.path.exists():
        names = {path.name for path in cache.path.iterdir()} if cache.path.is_dir() else {"a file"}
        if names and not names & {DESCRIPTION, LOCK}:
            raise CacheError(
                f"cannot build a cache in {cache.path}: something else is there ({', '.join(sorted(names)[:3])})",
                hint="name a new or empty folder with --output",
            )
    cache.path.mkdir(parents=True, exist_ok=True)


def _indexed(order: Order, files: Mapping[Key, StoredFile]) -> dict[Key, IndexedPackage]:
    """Return every package with its control file, by its key."""
    packages = {package.sha256: package for system in order.lock.systems for package in system.packages}
    texts = known_controls(order.cache, BUILT_BY)
    unknown = list({file.sha256 for file in files.values()} - set(texts))
    texts.update(zip(unknown, in_threads(control_with_space, map(order.cache.package, unknown)), strict=True))
    return {key: indexed(packages[key[0]], file, texts[file.sha256]) for key, file in files.items()}


def _contents(order: Order, stored: Mapping[Key, StoredFile]) -> dict[tuple[str, str], GroupPackages]:
    """Return what each group of each OS release takes on each architecture."""
    packages = _indexed(order, stored)
    found: dict[tuple[str, str], GroupPackages] = {}
    for system in order.lock.systems:
        compression = order.compression(system.system.name)
        items = {package.key: packages[package.sha256, compression] for package in system.packages}
        for group in system.groups:
            place = found.setdefault((group.name, system.system.name), {})
            place[system.system.architecture] = (group, [items[key] for key in group.every_package])
    return dict(sorted(found.items()))


def _publish(order: Order, lock_digest: str, stored: Mapping[Key, StoredFile]) -> tuple[Description, set[str]]:
    """Make the groups and the description of a cache whose pool is complete; return it, and the pool's files."""
    files, groups, sizes = {}, [], {}
    for (name, system), contents in _contents(order, stored).items():
        own = {item.stored.sha256: item.stored.size for _, items in contents.values() for item in items}
        files[name, system] = group_files(contents)
        groups.append(
            DescribedGroup(
                name=name,
                system=system,
                architectures=tuple(sorted(contents)),
                requests=tuple(dict.fromkeys(text for group, _ in contents.values() for text in group.requests)),
                compression=str(order.compression(system)),
                packages=len(own),
                size=sum(own.values()),
                files={file: hashlib.sha256(content).hexdigest() for file, content in files[name, system].items()},
            )
        )
        sizes.update(own)
    description = Description(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        built_by=BUILT_BY,
        manifest=order.lock.manifest,
        manifest_digest=order.lock.manifest_digest,
        lock_digest=lock_digest,
        installer_digest=text_digest(install_group()),
        locked=order.lock.created,
    ).with_groups(groups, sizes)
    publish(order.cache, description, files, install_group().encode())
    return description, set(sizes)


def _result(description: Description, filled: Filled | None = None) -> BuildResult:
    return BuildResult(
        changed=filled is not None,
        groups=len(description.groups),
        packages=description.packages,
        stored_bytes=description.size,
        saved_bytes=sum(group.size for group in description.groups) - description.size,
        downloaded_bytes=filled.downloaded_bytes if filled else 0,
        recompressed=filled.recompressed if filled else 0,
    )
