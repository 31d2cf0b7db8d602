"""`build`: from a lock to a cache. Interrupted and run again it goes on; what can be seen of it is always whole."""

import datetime
import hashlib
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import package_cache
from package_cache.cache.description import DescribedGroup, DescribedPackage, Description, read_description
from package_cache.cache.index import IndexedPackage, group_files, indexed
from package_cache.cache.layout import GROUPS, CacheFolder
from package_cache.cache.leftovers import remove_unfinished, remove_unneeded
from package_cache.cache.publish import publish
from package_cache.installer import INSTALLER
from package_cache.outside.debs import control_text
from package_cache.outside.downloads import Download, download
from package_cache.outside.files import exclusive, sha256_of, text_digest
from package_cache.outside.mirrors import uri_below
from package_cache.outside.threads import in_threads
from package_cache.outside.writing import writing_to
from package_cache.values.errors import CacheError
from package_cache.values.events import Listener, Step, ignore
from package_cache.values.lock import Lock, LockedGroup, LockedPackage, LockedRepository, LockedSystem
from package_cache.values.lock_file import lock_text
from package_cache.verbs.sources import MirrorFinder

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
    """What the pool saves against one folder of files for each group and system."""
    downloaded_bytes: int


def build(lock: Lock, cache: CacheFolder, find_mirrors: MirrorFinder, listener: Listener = ignore) -> BuildResult:
    """Make a cache hold what a lock says, downloading what is missing.

    Package files come first, then each group's folder in one rename, the description last; what is no longer needed
    goes at the end. Raises `ArchiveError`, `VerificationError`, `CacheError` where somebody else's folder is there, and
    `PackageCacheError` with the status NO_SPACE or READ_ONLY where it cannot be written.
    """
    lock_digest = text_digest(lock_text(lock))
    with writing_to(cache.path):
        _claim(cache)
        with exclusive(cache.lock, wait=OTHER_BUILD_LIMIT):
            for folder in (cache.pool, cache.path / GROUPS):
                folder.mkdir(exist_ok=True)
            remove_unfinished(cache)
            before, downloaded = _whole(cache, lock_digest), 0
            if before is None:
                downloaded = download(_missing(lock, cache, find_mirrors), listener=listener)
                listener(Step("writing the index of each group"))
            description = before or _publish(lock, cache)
            remove_unneeded(cache, description.packages, [(group.name, group.system) for group in description.groups])
    return _result(description, changed=before is None, downloaded=downloaded)


def _claim(cache: CacheFolder) -> None:
    """Make the folder, or see that it is a cache or empty: a build removes what it does not know from `pool/`.

    The next thing in it is the lock, by which a build that was killed, or one that runs, is known.
    """
    if cache.path.exists():
        names = {path.name for path in cache.path.iterdir()} if cache.path.is_dir() else {"a file"}
        if names and not names & {cache.description.name, cache.lock.name}:
            raise CacheError(
                f"cannot build a cache in {cache.path}: something else is there ({', '.join(sorted(names)[:3])})",
                hint="name a new or empty folder with --output",
            )
    cache.path.mkdir(parents=True, exist_ok=True)


def _whole(cache: CacheFolder, lock_digest: str) -> Description | None:
    """Give the cache's description where it is of this lock, by this version, and every file is there."""
    try:
        description = read_description(cache)
        same = (
            description.lock_digest == lock_digest
            and description.built_by == f"package-cache {package_cache.__version__}"
            and description.installer_digest == sha256_of(cache.installer) == sha256_of(INSTALLER)
            and all(has_size(cache, item.sha256, item.size) for item in description.packages.values())
            and all(
                sha256_of(cache.group(group.name, group.system) / name) == digest
                for group in description.groups
                for name, digest in group.files.items()
            )
        )
    except (CacheError, OSError):
        return None
    return description if same else None


def has_size(cache: CacheFolder, sha256: str, size: int) -> bool:
    """Tell whether a package file is in the pool, and no link. Its hash was checked before it got its name."""
    try:
        status = cache.package(sha256).lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size


def _missing(lock: Lock, cache: CacheFolder, find_mirrors: MirrorFinder) -> list[Download]:
    items: dict[str, Download] = {}
    for system in lock.systems:
        bases = _Bases(system, find_mirrors)
        for package in system.packages:
            if package.sha256 not in items and not has_size(cache, package.sha256, package.size):
                target = cache.package(package.sha256)
                items[package.sha256] = Download(bases.uris(package), target, package.sha256, package.size)
    return list(items.values())


class _Bases:
    """The mirrors of one system's repositories, each looked up once, and only when something is missing."""

    def __init__(self, system: LockedSystem, find_mirrors: MirrorFinder) -> None:
        self._system = system
        self._find = find_mirrors
        self._repositories: Mapping[str, LockedRepository] = {item.name: item for item in system.repositories}
        self._known: dict[str, Sequence[str]] = {}

    def uris(self, package: LockedPackage) -> tuple[str, ...]:
        name = package.repository
        if name not in self._known:
            self._known[name] = self._find(self._system, self._repositories[name])
        return tuple(uri_below(base, package.path) for base in self._known[name])


def _indexed(lock: Lock, cache: CacheFolder) -> dict[str, IndexedPackage]:
    """Read the control file of every package, by SHA-256."""
    packages = {package.sha256: package for system in lock.systems for package in system.packages}
    texts = in_threads(control_text, [cache.package(digest) for digest in packages])
    return {digest: indexed(package, text) for (digest, package), text in zip(packages.items(), texts, strict=True)}


_PerArchitecture = dict[str, tuple[LockedGroup, list[LockedPackage]]]


def _by_group(lock: Lock) -> dict[tuple[str, str], _PerArchitecture]:
    """Give what each group of each OS release takes on each architecture."""
    found: dict[tuple[str, str], _PerArchitecture] = {}
    for system in lock.systems:
        by_key = {package.key: package for package in system.packages}
        for group in system.groups:
            place = found.setdefault((group.name, system.system.name), {})
            place[system.system.architecture] = (group, [by_key[key] for key in group.packages])
    return found


def _publish(lock: Lock, cache: CacheFolder) -> Description:
    """Make the groups and the description of a cache whose pool is complete."""
    indexed = _indexed(lock, cache)
    by_group = dict(sorted(_by_group(lock).items()))
    files = {key: _files(per_architecture, indexed) for key, per_architecture in by_group.items()}
    description = Description(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        built_by=f"package-cache {package_cache.__version__}",
        manifest=lock.manifest,
        manifest_digest=lock.manifest_digest,
        lock_digest=text_digest(lock_text(lock)),
        installer_digest=sha256_of(INSTALLER),
        groups=tuple(_described(*key, by_group[key], files[key]) for key in by_group),
    )
    publish(cache, description, files, INSTALLER.read_bytes())
    return description


def _files(per_architecture: _PerArchitecture, indexed: dict[str, IndexedPackage]) -> dict[str, bytes]:
    contents = {
        architecture: (group, [indexed[package.sha256] for package in packages])
        for architecture, (group, packages) in per_architecture.items()
    }
    return {name: text.encode() for name, text in group_files(contents).items()}


def _described(
    name: str, system: str, per_architecture: _PerArchitecture, files: Mapping[str, bytes]
) -> DescribedGroup:
    packages = {package for _, packages in per_architecture.values() for package in packages}
    return DescribedGroup(
        name=name,
        system=system,
        architectures=tuple(sorted(per_architecture)),
        requests=tuple(dict.fromkeys(text for group, _ in per_architecture.values() for text in group.requests)),
        packages=tuple(
            DescribedPackage(item.name, item.version, item.architecture, item.size, item.sha256)
            for item in sorted(packages)
        ),
        files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    )


def _result(description: Description, *, changed: bool, downloaded: int) -> BuildResult:
    stored = sum(item.size for item in description.packages.values())
    apart = sum(group.size for group in description.groups)
    groups, packages = len(description.groups), len(description.packages)
    return BuildResult(changed, groups, packages, stored, apart - stored, downloaded)
