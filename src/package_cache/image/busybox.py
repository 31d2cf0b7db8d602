"""A static busybox, from the package of this machine's distribution, by the way that every other package takes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from package_cache.build.builder import Order, build
from package_cache.cache.layout import CacheFolder
from package_cache.errors import PackageCacheError, ToolMissingError, UsageError
from package_cache.events import Listener, Step, Warn, ignore
from package_cache.filesystem.paths import exclusive, read_bounded, text_digest, write_atomically
from package_cache.filesystem.state import private_folder
from package_cache.filesystem.temporary import temporary_folder
from package_cache.lock.file import lock_text, read_lock
from package_cache.lock.model import Lock
from package_cache.manifest.model import Group, Manifest, Place, RequestedPackage
from package_cache.names import PackageRequest
from package_cache.process import run
from package_cache.releases.distributions import known_systems, newest_release
from package_cache.releases.os_release import read_os_release
from package_cache.releases.sources import mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.settings import Options
from package_cache.system import System

PACKAGE = "busybox-static"

MAX_AGE = 30 * 24 * 3600.0
"""Seconds after which its newest version is asked for again."""


@dataclass(frozen=True)
class Busybox:
    """The program and its copyright, and which version it is."""

    version: str
    """Of the package."""
    files: Mapping[str, bytes]
    """By their paths in the package."""


def static_busybox(architecture: str, options: Options, listener: Listener = ignore) -> Busybox:
    """Return the busybox of an architecture, kept below the state. Raises what `make_lock` and `build` raise.

    If no archive can be reached for a newer one, warn and return the kept one.
    """
    folder = private_folder(options.state) / "busybox" / architecture
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / ".lock", wait=600):
        manifest = _manifest(architecture, folder)
        lock = _lock(manifest, folder / "package-cache.lock", options, listener)
        cache = CacheFolder(folder / "package_cache")
        build(Order(lock, cache, mirror_finder(options, manifest), listener, level=None, auth=options.auth))
        package = next(item for item in lock.systems[0].packages if item.name == PACKAGE)
        return Busybox(package.version, _extracted(cache.package(package.sha256)))


def _manifest(architecture: str, folder: Path) -> Manifest:
    system = _own_release(architecture)
    place = Place(PACKAGE)
    package = RequestedPackage(PackageRequest.parse(PACKAGE), place)
    group = Group("busybox", system.distribution, system.version, (package,), place, (architecture,))
    return Manifest(folder / PACKAGE, f"sha256:{text_digest(f'{PACKAGE} {system}')}", (group,))


def _own_release(architecture: str) -> System:
    """Return this machine's own OS release; of a derivative the newest release of its parent; else Debian's newest."""
    fields = read_os_release()
    name, version = fields.get("ID", ""), fields.get("VERSION_ID", "")
    if f"{name}{version}" in known_systems():
        return System.parse(f"{name}{version}", architecture)
    for parent in (name, *fields.get("ID_LIKE", "").split(), "debian"):
        try:
            return newest_release(parent, architecture).system
        except UsageError:
            continue
    raise ToolMissingError(
        "cannot find the data of any distribution",
        hint="install it: apt-get install --no-install-recommends distro-info-data python-apt-common",
    )


def _lock(manifest: Manifest, path: Path, options: Options, listener: Listener) -> Lock:
    kept = None
    if path.exists():
        found = read_lock(read_bounded(path, "lock-bytes").decode(), file=str(path))
        kept = found if found.manifest_digest == manifest.digest else None
    if kept and time.time() - path.stat().st_mtime < MAX_AGE:
        return kept
    listener(Step(f"looking for {PACKAGE}"))
    try:
        lock = make_lock(manifest, options, listener)
    except PackageCacheError as error:
        if kept is None:
            raise
        listener(Warn(f"{PACKAGE} could not be brought up to date: {error.message}"))
        return kept
    write_atomically(path, lock_text(lock).encode())
    return lock


def _extracted(package: Path) -> dict[str, bytes]:
    with temporary_folder() as folder:
        run(["dpkg-deb", "--extract", str(package), folder], timeout=60)
        root = Path(folder)
        wanted = (*root.glob("bin/busybox"), *root.glob("usr/bin/busybox"), *root.glob("usr/share/doc/*/copyright"))
        return {str(path.relative_to(root)): path.read_bytes() for path in wanted}
