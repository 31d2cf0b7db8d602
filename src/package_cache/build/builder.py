"""`build`: from a lock to a cache. It resumes after an interruption; readers only ever see complete groups."""

import contextlib
import datetime
import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import package_cache
from package_cache.archive.downloads import Download, download
from package_cache.cache.checked_files import read_file
from package_cache.cache.cleanup import is_complete, remove_unfinished, remove_unneeded
from package_cache.cache.description import DescribedGroup, Description, read_description
from package_cache.cache.file_content import FileContent, sha256_of
from package_cache.cache.group_index import GroupPackages, IndexedPackage, group_files, indexed, known_controls
from package_cache.cache.layout import (
    DESCRIPTION,
    GROUPS,
    LOCK,
    POOL,
    CacheFolder,
    group_folder,
    is_about_all,
)
from package_cache.cache.pool_index import Key, StoredFile, intact_packages, known_files, note
from package_cache.cache.publish import publish
from package_cache.cache.recordings import count_recordings, fitting_recordings, with_recordings
from package_cache.deb.compression import LEVEL, ORIGINAL, Compression, compression_for
from package_cache.deb.control import control_with_space
from package_cache.deb.recompression import compressor_of, recompress
from package_cache.errors import CacheError
from package_cache.events import Listener, Progress, Step, ignore
from package_cache.filesystem.paths import text_digest
from package_cache.filesystem.write_errors import writing_to
from package_cache.installer import install_group
from package_cache.lock.file import lock_text
from package_cache.lock.model import Lock, LockedPackage
from package_cache.process import need_tools
from package_cache.releases.mirrors import uri_below
from package_cache.releases.sources import MirrorFinder
from package_cache.signatures import Signer, need_signer
from package_cache.threads import in_threads
from package_cache.tools import PACKAGES

BUILT_BY = f"package-cache {package_cache.__version__}"

OTHER_BUILD_LIMIT = 3600.0
"""Seconds to wait for another build of the same cache."""

AT_ONCE = 16
"""Package files that are recompressed at a time, at most: each takes up to 120 MB of memory."""


@dataclass(frozen=True)
class Order:
    """What is to be built, where, and how."""

    lock: Lock
    cache: CacheFolder
    find_mirrors: MirrorFinder
    listener: Listener = ignore
    level: int | None = LEVEL
    """Of zstd, by which the members of package files are stored; None: as the archive has them."""
    auth: Path | None = None
    """An apt_auth.conf(5) instead of the machine's."""
    signer: Signer | None = None
    """What signs the `Release` of each group."""

    def compression(self, system_name: str) -> Compression:
        """Return how the members of a system's package files are stored: as its dpkg reads them best."""
        return compression_for(system_name, level=self.level)


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
    recordings_kept: int
    recordings_dropped: int
    """Recordings of groups that are others now, or gone, and damaged ones."""


def build(order: Order) -> BuildResult:
    """Make a cache hold what a lock says, downloading what is missing.

    Package files come first, then each group's folder in one rename, the description last; what is no longer needed
    goes at the end. Recordings stay where their group did not change.

    Raises `ArchiveError`, `VerificationError`, `CacheError` where another process's folder is there, `UsageError` where
    a signed cache would lose its signatures, and `PackageCacheError` with the status NO_SPACE or READ_ONLY where it
    cannot be written.
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
            signed_by = order.signer.fingerprints if order.signer else ()
            before = up_to_date(cache, lock_digest, order.lock.manifest_digest, level=order.level, signed_by=signed_by)
            if before is not None:
                return before
            need_signer(_signed_by(cache), order.signer)
            files, downloaded, recompressed = _fill_pool(order)
            order.listener(Step("writing the index of each group"))
            recordings = count_recordings(cache)
            description, digests = _publish(order, lock_digest, files)
            remove_unneeded(cache, description, digests)
    return _result(
        description, changed=True, downloaded_bytes=downloaded, recompressed=recompressed, recordings=recordings
    )


def up_to_date(
    cache: CacheFolder,
    lock_digest: str,
    manifest_digest: str,
    *,
    level: int | None = LEVEL,
    signed_by: Sequence[str] = (),
) -> BuildResult | None:
    """Return the result of a build that would change nothing; None where one has something to do.

    So it is where the cache is of that lock, each file intact, signed by these keys if any are named, and nothing else
    is in it. Reads each package file once.
    """
    try:
        description = read_description(cache)
        same = (
            (description.lock_digest, description.manifest_digest) == (lock_digest, manifest_digest)
            and description.built_by == BUILT_BY
            and all(one.compression == str(compression_for(one.system, level=level)) for one in description.groups)
            and all(one.signed_by == tuple(signed_by) for one in description.groups if signed_by)
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


def _fill_pool(order: Order) -> tuple[dict[Key, StoredFile], int, int]:
    """Make the pool hold each package of a lock intact, for the holder of the cache's lock.

    Return what it holds of the lock, the bytes downloaded, and how many files were recompressed now.

    Files that were recompressed before are taken as they are; damaged ones are replaced. Originals stay until the build
    removes what is unneeded: an interrupted build goes on. Raises `ArchiveError`, `VerificationError`, `OSError`.
    """
    order.listener(Step("checking the package files that are here already"))
    wanted = {
        (package.sha256, order.compression(system.system.name)): package
        for system in order.lock.systems
        for package in system.packages
    }
    intact = intact_packages(order.cache)
    known = known_files(order.cache, intact)
    files = {key: known[key] for key in wanted if key in known}
    lacking = {key: package for key, package in wanted.items() if key not in files}
    wanted_files = {package.sha256 for package in lacking.values()} - intact
    downloads = downloads_of(order.lock, order.find_mirrors, wanted_files, order.cache.package)
    downloaded = download(downloads, listener=order.listener, auth=order.auth)
    for (original, compression), package in lacking.items():
        if compression == ORIGINAL:
            files[original, compression] = _original(package)
    note(order.cache, files)  # what publishing may take out of the description before it ends
    rest = {key: package for key, package in lacking.items() if key not in files}
    recompressed = _recompress(rest, order)
    changed = sum(stored.sha256 != original for (original, _), stored in recompressed.items())
    return {**files, **recompressed}, downloaded, changed


def _original(package: LockedPackage) -> StoredFile:
    return StoredFile(package.sha256, package.size)


def _recompress(packages: Mapping[Key, LockedPackage], order: Order) -> dict[Key, StoredFile]:
    """Recompress originals that are in the pool, on all processors; the largest first, so that none waits for it."""
    counting = threading.Lock()
    total, done = sum(package.size for package in packages.values()), 0

    def one(item: tuple[Key, LockedPackage]) -> tuple[Key, StoredFile]:
        nonlocal done
        key, package = item
        result = recompress(order.cache.package(package.sha256), order.cache.pool, key[1])
        stored = StoredFile(*result, compressor_of(key[1])) if result else _original(package)
        with counting:
            note(order.cache, {key: stored})
            done += package.size
            order.listener(Progress("recompressing", done, total))
        return key, stored

    if packages:
        order.listener(Progress("recompressing", 0, total))
    largest_first = sorted(packages.items(), key=lambda item: -item[1].size)
    return dict(in_threads(one, largest_first, min(len(os.sched_getaffinity(0)), AT_ONCE)))


def downloads_of(
    lock: Lock, find_mirrors: MirrorFinder, wanted: Collection[str], target_of: Callable[[str], Path]
) -> list[Download]:
    """Return what is to be fetched for these SHA-256 of originals, to where `target_of` says."""
    items: dict[str, Download] = {}
    for system in lock.systems:
        repositories = {item.name: item for item in system.repositories}
        bases: dict[str, Sequence[str]] = {}  # of repositories, each looked up once, and only where a file is missing
        for package in system.packages:
            if package.sha256 in wanted and package.sha256 not in items:
                name = package.repository
                bases[name] = bases.get(name) or find_mirrors(system, repositories[name])
                uris = tuple(uri_below(base, package.path) for base in bases[name])
                target = target_of(package.sha256)
                items[package.sha256] = Download(uris, target, package.sha256, package.size, package.name)
    return list(items.values())


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
    files: dict[tuple[str, str], Mapping[str, FileContent]] = {}
    groups, sizes = [], {}
    for (name, system), contents in _contents(order, stored).items():
        own = {item.stored.sha256: item.stored.size for _, items in contents.values() for item in items}
        made = group_files(contents)
        recordings = fitting_recordings(order.cache, group_folder(name, system), made, contents)
        signed = _signed_before(order, group_folder(name, system))
        files[name, system] = with_recordings(
            {**made, **signed}, recordings, group=name, system=system, architectures=contents, signer=order.signer
        )
        groups.append(
            DescribedGroup(
                name=name,
                system=system,
                architectures=tuple(sorted(contents)),
                requests=tuple(dict.fromkeys(text for group, _ in contents.values() for text in group.requests)),
                compression=str(order.compression(system)),
                packages=len(own),
                size=sum(own.values()),
                files={file: sha256_of(content) for file, content in files[name, system].items()},
                signed_by=order.signer.fingerprints if order.signer else (),
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


def _signed_by(cache: CacheFolder) -> tuple[str, ...]:
    with contextlib.suppress(CacheError):
        return read_description(cache).signed_by
    return ()


def _signed_before(order: Order, folder: str) -> dict[str, bytes]:
    """Return the `Release` of a group that is there, with its signatures, if the same keys made them."""
    with contextlib.suppress(CacheError):
        for group in read_description(order.cache).groups:
            if order.signer and (group.folder, group.signed_by) == (folder, order.signer.fingerprints):
                return {name: read_file(order.cache, group, name) for name in group.files if is_about_all(name)}
    return {}


def _result(
    description: Description,
    *,
    changed: bool = False,
    downloaded_bytes: int = 0,
    recompressed: int = 0,
    recordings: int | None = None,
) -> BuildResult:
    """Return the result; `recordings`: how many there were before, if not those that there are now."""
    kept = sum(len(group.recording_files) for group in description.groups)
    return BuildResult(
        changed,
        groups=len(description.groups),
        packages=description.packages,
        stored_bytes=description.size,
        saved_bytes=sum(group.size for group in description.groups) - description.size,
        downloaded_bytes=downloaded_bytes,
        recompressed=recompressed,
        recordings_kept=kept,
        recordings_dropped=0 if recordings is None else recordings - kept,
    )
