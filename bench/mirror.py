"""A partial but real mirror: the distribution's own signed indexes, and those package files that a lock names.

<folder>/<archive>/dists/<suite>/InRelease                            as the distribution signed it
<folder>/<archive>/dists/<suite>/<component>/binary-<arch>/Packages.xz, and under by-hash/ as apt asks for it
<folder>/<archive>/pool/...
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from package_cache.apt.isolated import AptRoot, Source
from package_cache.archive.downloads import Download, download
from package_cache.errors import ArchiveError
from package_cache.events import Listener
from package_cache.filesystem.paths import write_atomically
from package_cache.lock.model import LockedSystem
from package_cache.releases.mirrors import uri_below

HASHES = ("SHA256", "SHA512")
"""By which apt may ask for an index: the strongest that the Release file states."""


def make_mirror(
    folder: Path, locked: LockedSystem, sources: Sequence[Source], *, state: Path, listener: Listener
) -> None:
    """Fetch what is missing of a mirror. The indexes must be those that the lock was made from: call it right after."""
    architecture = locked.system.architecture
    root = AptRoot(state, [architecture], sources)
    root.update()
    indexes: list[Download] = []
    for source in sources:
        for suite in source.suites:
            fetched = sorted((root.folder / "lists").glob(f"*_dists_{suite.replace('/', '_')}_InRelease"))
            if not fetched:
                raise ArchiveError(f"cannot find an InRelease file of {suite}: its mirror has none")
            release = fetched[-1].read_bytes()  # verified by apt
            place = folder / source.name / "dists" / suite
            place.mkdir(parents=True, exist_ok=True)
            write_atomically(place / "InRelease", release)
            indexes += _indexes(release.decode(), source, suite, architecture, place)
    download(indexes, listener=listener)
    for index in (one.target for one in indexes):
        content = index.read_bytes()
        for name in HASHES:
            link = index.parent / "by-hash" / name / hashlib.new(name.lower(), content).hexdigest()
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.hardlink_to(index)
    download(list(_packages(folder, locked, sources)), listener=listener)


def _indexes(release: str, source: Source, suite: str, architecture: str, place: Path) -> Iterator[Download]:
    [part] = re.findall(r"^SHA256:\n((?: .*\n)+)", release, re.MULTILINE)
    listed = {name: (digest, int(size)) for digest, size, name in (line.split() for line in part.splitlines())}
    for component in source.components:
        folder = f"{component}/binary-{architecture}"
        if f"{folder}/Packages.xz" in listed:
            digest, size = listed[f"{folder}/Packages.xz"]
            names = (f"{folder}/by-hash/SHA256/{digest}", f"{folder}/Packages.xz")
            uris = tuple(uri_below(base, f"dists/{suite}/{name}") for name in names for base in source.uris)
            yield Download(uris, place / folder / "Packages.xz", digest, size)


def _packages(folder: Path, locked: LockedSystem, sources: Sequence[Source]) -> Iterator[Download]:
    bases = {source.name: source.uris for source in sources}
    for package in locked.packages:
        uris = tuple(uri_below(base, package.path) for base in bases[package.repository])
        yield Download(uris, folder / package.repository / package.path, package.sha256, package.size)
