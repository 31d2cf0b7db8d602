"""`verify --from-archive`: fetch the archive's files again, recompress them, and compare with what the pool has."""

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from package_cache.archive.downloads import download
from package_cache.build.builder import downloads_of
from package_cache.cache.checked_files import read_list
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.deb.compression import Compression
from package_cache.deb.recompression import has_same_content, recompress
from package_cache.errors import CacheError
from package_cache.events import Listener, Progress, ignore
from package_cache.filesystem.temporary import temporary_folder
from package_cache.lock.model import Lock
from package_cache.releases.sources import MirrorFinder

AT_ONCE = 20
"""Files that are kept at a time, with what they are recompressed to."""

_WHAT = "comparing with the archive"
_SAME, _SAME_CONTENT, _OTHER = "same", "same content", "other"


@dataclass(frozen=True, order=True)
class _Claim:
    """What a cache says of a file of its pool: that an archive's file, recompressed, gives it."""

    stored: str
    """SHA-256 of the file, as of the next one."""
    original: str
    compression: str
    what: str
    """Name and version of the package."""


@dataclass(frozen=True)
class ReproduceResult:
    """How the pool compares with the archive."""

    same: int
    """Files that are the archive's own, or what recompressing these gives, byte for byte."""
    same_content: int
    """Files that another version of the compressor made of the archive's: only the compression differs."""
    problems: tuple[str, ...]
    """Files that are something else."""


def reproduce(
    lock: Lock,
    cache: CacheFolder,
    find_mirrors: MirrorFinder,
    listener: Listener = ignore,
    *,
    sample: int | None = None,
    auth: Path | None = None,
) -> ReproduceResult:
    """Compare files of the pool, a random sample or all, with the archive's files of a lock.

    Raises `CacheError` if the cache is missing, damaged, or not of that lock, and what `download` raises.
    """
    claims = _claims(lock, cache)
    chosen = sorted(claims if sample is None else random.sample(claims, min(sample, len(claims))))
    counts: Counter[str] = Counter()
    problems: list[str] = []
    listener(Progress(_WHAT, 0, len(chosen), "files"))
    for start in range(0, len(chosen), AT_ONCE):
        part = chosen[start : start + AT_ONCE]
        with temporary_folder() as name:
            originals = _Originals(Path(name))
            wanted = {claim.original for claim in part}
            download(downloads_of(lock, find_mirrors, wanted, originals.package), auth=auth)
            for claim in part:
                found = originals.compared(claim, cache)
                counts[found] += 1
                if found == _OTHER:
                    problems.append(f"{cache.package(claim.stored)}: it is not the archive's file of {claim.what}")
        listener(Progress(_WHAT, start + len(part), len(chosen), "files"))
    return ReproduceResult(counts[_SAME], counts[_SAME_CONTENT], tuple(problems))


@dataclass(frozen=True)
class _Originals:
    """Files of the archive, and what they are recompressed to."""

    folder: Path

    def package(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.deb"

    def compared(self, claim: _Claim, cache: CacheFolder) -> str:
        original = self.package(claim.original)
        made = recompress(original, self.folder, Compression.parse(claim.compression))
        if claim.stored == (made[0] if made else claim.original):
            return _SAME
        return _SAME_CONTENT if has_same_content(original, cache.package(claim.stored)) else _OTHER


def _claims(lock: Lock, cache: CacheFolder) -> list[_Claim]:
    locked = {package.sha256 for system in lock.systems for package in system.packages}
    found = set()
    for group in read_description(cache).groups:
        for item in read_list(cache, group):
            what = f"{item.name} {item.version}"
            found.add(_Claim(item.sha256, item.original_sha256, group.compression, what))
    unknown = sorted({claim.what for claim in found if claim.original not in locked})
    if unknown:
        message = f"cannot compare {cache.path} with the archive: the lock does not have {', '.join(unknown)}"
        raise CacheError(message, hint="name the manifest whose lock the cache was built from: --manifest")
    return sorted(found)
