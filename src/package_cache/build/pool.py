"""Filling the pool: what a lock names is downloaded, and recompressed as its system's dpkg reads it best."""

import os
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.archive.downloads import Download, download
from package_cache.cache.layout import CacheFolder
from package_cache.cache.pool_index import Key, StoredFile, intact_packages, known_files, note
from package_cache.deb.compression import LEVEL, ORIGINAL, Compression, compression_for
from package_cache.deb.recompression import recompress
from package_cache.events import Listener, Progress, Step, ignore
from package_cache.lock.model import Lock, LockedPackage
from package_cache.releases.mirrors import uri_below
from package_cache.releases.sources import MirrorFinder
from package_cache.threads import in_threads

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

    def compression(self, system_name: str) -> Compression:
        """Return how the members of a system's package files are stored: as its dpkg reads them best."""
        return compression_for(system_name, level=self.level)


@dataclass(frozen=True)
class Filled:
    """What the pool holds of a lock, and what was done for it."""

    files: Mapping[Key, StoredFile]
    downloaded_bytes: int
    recompressed: int
    """Package files; those that the archive has so already are not counted."""


def fill_pool(order: Order) -> Filled:
    """Make the pool hold each package of a lock intact, for the holder of the cache's lock.

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
    downloads = _downloads(order, {package.sha256 for package in lacking.values()} - intact)
    downloaded = download(downloads, listener=order.listener, auth=order.auth)
    for (original, compression), package in lacking.items():
        if compression == ORIGINAL:
            files[original, compression] = _original(package)
    note(order.cache, files)  # what publishing may take out of the description before it ends
    rest = {key: package for key, package in lacking.items() if key not in files}
    recompressed = _recompress(rest, order)
    changed = sum(stored.sha256 != original for (original, _), stored in recompressed.items())
    return Filled({**files, **recompressed}, downloaded, changed)


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
        stored = StoredFile(*result) if result else _original(package)
        with counting:
            note(order.cache, {key: stored})
            done += package.size
            order.listener(Progress("recompressing", done, total))
        return key, stored

    if packages:
        order.listener(Progress("recompressing", 0, total))
    largest_first = sorted(packages.items(), key=lambda item: -item[1].size)
    return dict(in_threads(one, largest_first, min(len(os.sched_getaffinity(0)), AT_ONCE)))


def _downloads(order: Order, wanted: Collection[str]) -> list[Download]:
    """Return what is to be fetched for these SHA-256 of originals."""
    items: dict[str, Download] = {}
    for system in order.lock.systems:
        repositories = {item.name: item for item in system.repositories}
        bases: dict[str, Sequence[str]] = {}  # of repositories, each looked up once, and only where a file is missing
        for package in system.packages:
            if package.sha256 in wanted and package.sha256 not in items:
                name = package.repository
                bases[name] = bases.get(name) or order.find_mirrors(system, repositories[name])
                uris = tuple(uri_below(base, package.path) for base in bases[name])
                target = order.cache.package(package.sha256)
                items[package.sha256] = Download(uris, target, package.sha256, package.size, package.name)
    return list(items.values())
