"""The package files of a system under the names that the methods want, and a file: repository of them for each group.

<folder>/original/<file>.deb                  as the archive has them (hard links into the mirror)
<folder>/recompressed/<file>.deb              the same packages as the cache has them (hard links into its pool)
<folder>/groups/<group>/Packages, Release     deb [trusted=yes] file:<folder> groups/<group>/
"""

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path, PurePosixPath

from debian.deb822 import Deb822

from package_cache.cache.layout import CacheFolder
from package_cache.deb.control import control_text
from package_cache.filesystem.paths import sha256_of
from package_cache.lock.model import LockedPackage, LockedSystem
from package_cache.threads import in_threads

Key = tuple[str, str, str]
"""Name, version and architecture."""


def lay_out_debs(folder: Path, mirror: Path, cache: CacheFolder, locked: LockedSystem) -> None:
    """Make all of it anew from a mirror and a cache that are whole."""
    stored = _stored(cache, locked)
    for name in ("original", "recompressed"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for package in locked.packages:
        _link(mirror / package.repository / package.path, folder / "original" / file_name(package))
        _link(stored[_key(package)], folder / "recompressed" / file_name(package))
    texts = in_threads(lambda item: _paragraph(folder, item), locked.packages)
    paragraphs = {package.key: text for package, text in zip(locked.packages, texts, strict=True)}
    for group in locked.groups:
        place = folder / "groups" / group.name
        place.mkdir(parents=True, exist_ok=True)
        text = "\n".join(paragraphs[key] for key in group.packages)
        (place / "Packages").write_text(text, encoding="utf-8")
        lines = [f"Date: {formatdate(usegmt=True)}", "SHA256:"]
        lines.append(f" {sha256_of(place / 'Packages')} {len(text.encode())} Packages")
        (place / "Release").write_text("\n".join([*lines, ""]), encoding="utf-8")


def are_recompressed(cache: CacheFolder, locked: LockedSystem) -> bool:
    """Return whether the cache has other bytes than the archive for any package: its files are named by their hash."""
    stored = _stored(cache, locked)
    return any(stored[_key(package)].stem != package.sha256 for package in locked.packages)


def file_name(package: LockedPackage) -> str:
    """Return a package's file name in the archive, which has no epoch."""
    return PurePosixPath(package.path).name


def _key(package: LockedPackage) -> Key:
    return package.name, package.version, package.architecture


def _stored(cache: CacheFolder, locked: LockedSystem) -> dict[Key, Path]:
    """Find each package's file in a cache by its groups' indexes: it may be named by another hash than the lock's."""
    return {
        (paragraph["Package"], paragraph["Version"], paragraph["Architecture"]): cache.path / paragraph["Filename"]
        for group in locked.groups
        for paragraph in _index(cache, group.name, locked.system.name)
    }


def _index(cache: CacheFolder, group: str, system: str) -> Iterator[Deb822]:
    text = (cache.group(group, system) / "Packages").read_text(encoding="utf-8")
    yield from Deb822.iter_paragraphs(text, use_apt_pkg=False)


def _paragraph(folder: Path, package: LockedPackage) -> str:
    name = f"original/{file_name(package)}"
    control = control_text(folder / name).strip("\n")
    return f"{control}\nFilename: {name}\nSize: {package.size}\nSHA256: {package.sha256}\n"


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    target.hardlink_to(source)
