"""`verify --from-archive`: fetch the archive's files again, recompress them, and compare with what the pool has."""

import contextlib
import random
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from package_cache.archive.downloads import download
from package_cache.build.builder import downloads_of
from package_cache.cache.checked_files import read_file, read_list
from package_cache.cache.description import DescribedGroup, read_description
from package_cache.cache.layout import RELEASE, CacheFolder, is_about_all, is_index, pool_file
from package_cache.cache.package_list import DescribedPackage, not_locked
from package_cache.cache.release import stated_digests
from package_cache.deb.compression import Compression
from package_cache.deb.recompression import has_same_content, recompress
from package_cache.errors import CacheError, VerificationError
from package_cache.events import Listener, Progress, ignore
from package_cache.filesystem.temporary import temporary_folder
from package_cache.lock.model import Lock
from package_cache.releases.sources import MirrorFinder

AT_ONCE = 20
"""Files that are kept at a time, with what they are recompressed to."""

_WHAT = "comparing with the archive"
_SAME, _SAME_CONTENT, _OTHER = "same", "same content", "other"

_IDENTITY = re.compile(
    rb"^(Package|Version|Architecture|Filename|SHA256)[ \t]*:[ \t]*(.*?)[ \t]*$", re.MULTILINE | re.I
)
"""The fields of an index by which apt knows a package and its file (Debian Policy 5.1: their case is free)."""


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
    claims, problems = _claims(lock, cache)
    chosen = sorted(claims if sample is None else random.sample(claims, min(sample, len(claims))))
    counts: Counter[str] = Counter()
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
        with contextlib.suppress(OSError, VerificationError):  # it is missing, no file, or no package
            is_read = cache.inside.sha256(pool_file(claim.stored)) == claim.stored
            if is_read and has_same_content(original, cache.package(claim.stored)):
                return _SAME_CONTENT
        return _OTHER


def _claims(lock: Lock, cache: CacheFolder) -> tuple[list[_Claim], list[str]]:
    """Return what is to be compared, and where indexes, by which apt installs, name something else."""
    found: set[_Claim] = set()
    everything: list[DescribedPackage] = []
    problems: list[str] = []
    for group in read_description(cache).groups:
        packages = read_list(cache, group)
        everything += packages
        problems += _unlisted(cache, group, packages)
        try:
            Compression.parse(group.compression)
        except ValueError as error:
            message = f"cannot compare {cache.path} with the archive: {group.name} for {group.system}: {error}"
            raise CacheError(message, hint="build the cache again") from error
        claims = ((item, f"{item.name} {item.version}") for item in packages)
        found |= {_Claim(item.sha256, item.original_sha256, group.compression, what) for item, what in claims}
    if unknown := not_locked(everything, lock):
        message = f"cannot compare {cache.path} with the archive: the lock does not have {', '.join(unknown)}"
        raise CacheError(message, hint="name the manifest whose lock the cache was built from: --manifest")
    return sorted(found), problems


def _unlisted(cache: CacheFolder, group: DescribedGroup, packages: Collection[DescribedPackage]) -> Iterator[str]:
    """Yield where a group's `Release` or indexes state other files than its list of packages, which is compared."""
    stated = {name: digest for name, digest in group.files.items() if not is_about_all(name)}
    if stated_digests(read_file(cache, group, RELEASE)) != stated:
        yield f"{cache.path / group.folder / RELEASE}: it does not state the files of its folder"
    listed = {
        tuple(sorted(word.encode() for word in (
            f"package {item.name.lower()}", f"version {item.version}", f"architecture {item.architecture}",
            f"filename {pool_file(item.sha256)}", f"sha256 {item.sha256}",
        )))
        for item in packages
    }  # fmt: skip
    for name in filter(is_index, group.files):
        for paragraph in filter(None, read_file(cache, group, name).strip(b"\n").split(b"\n\n")):
            found = [(key.lower(), value) for key, value in _IDENTITY.findall(paragraph)]
            words = (key + b" " + (value.lower() if key == b"package" else value) for key, value in found)
            if tuple(sorted(words)) not in listed:
                what = b" ".join(value for _, value in found).decode("utf-8", "replace")[:200]
                yield f"{cache.path / group.folder / name}: its list of packages does not have {what}"
