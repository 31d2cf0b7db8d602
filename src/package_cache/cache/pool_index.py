"""Which file of the pool holds a package of the archive: itself, or what it was recompressed to.

A published cache says it in the `packages.json` of its groups. Until it is published, a build that was interrupted
finds it in `pool/.recompressed`: a line for each file, "<SHA-256 of the original> <compression> <SHA-256> <bytes>", and
behind that by what it was compressed.
"""

import contextlib
import itertools
import re
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from package_cache.cache.checked_files import read_list
from package_cache.cache.description import read_description
from package_cache.cache.layout import POOL, CacheFolder, pool_file
from package_cache.deb.compression import Compression
from package_cache.errors import CacheError
from package_cache.threads import in_threads

Key = tuple[str, Compression]
"""The SHA-256 of the archive's file, and how its members are to be compressed."""

_NOTES = f"{POOL}/.recompressed"
_LINE = re.compile(r"([0-9a-f]{64}) ([a-z0-9-]+) ([0-9a-f]{64}) ([0-9]{1,15})(?: ([^\n]+))?", re.ASCII)


@dataclass(frozen=True, order=True)
class StoredFile:
    """A package file in the pool."""

    sha256: str
    size: int
    """In bytes."""
    compressed_by: str = ""
    """As in `DescribedPackage`."""

    def is_in(self, cache: CacheFolder) -> bool:
        """Return whether it is there with its size and is no link. Only `intact_packages` reads its bytes."""
        with contextlib.suppress(OSError):
            status = cache.inside.status(pool_file(self.sha256))
            return stat.S_ISREG(status.st_mode) and status.st_size == self.size
        return False


def note(cache: CacheFolder, files: Mapping[Key, StoredFile]) -> None:
    """Note what a build has recompressed, whose bytes are on the disk. For the holder of the cache's lock."""
    lines = [
        f"{key[0]} {key[1]} {stored.sha256} {stored.size} {stored.compressed_by}".rstrip() + "\n"
        for key, stored in files.items()
    ]
    cache.inside.append(_NOTES, "".join(lines).encode("ascii"))


def _noted(cache: CacheFolder) -> dict[Key, StoredFile]:
    """Return what was noted; a line that a kill cut short says nothing."""
    found = {}
    with contextlib.suppress(OSError):
        for line in cache.inside.read(_NOTES, "cache-file-bytes").decode("ascii", "replace").splitlines():
            if match := _LINE.fullmatch(line):
                with contextlib.suppress(ValueError):  # of another version
                    found[match[1], Compression.parse(match[2])] = StoredFile(match[3], int(match[4]), match[5] or "")
    return found


def intact_packages(cache: CacheFolder, digests: Iterable[str] | None = None) -> frozenset[str]:
    """Return those of these package files (all of the pool by default) that are in the pool with the right bytes.

    A file may have been altered without a change of its size since it got its name. Each is read once.
    """

    def is_intact(digest: str) -> bool:
        with contextlib.suppress(OSError):
            return cache.inside.sha256(pool_file(digest)) == digest
        return False

    if digests is None:
        digests = (name.removesuffix(".deb") for name in cache.inside.names(POOL) if name.endswith(".deb"))
    names = sorted(set(digests))
    return frozenset(itertools.compress(names, in_threads(is_intact, names)))


def known_files(cache: CacheFolder, intact: Collection[str]) -> dict[Key, StoredFile]:
    """Return the intact files of the pool whose content is known."""
    found = _noted(cache)
    with contextlib.suppress(CacheError):
        for group in read_description(cache).groups:
            with contextlib.suppress(CacheError, ValueError):
                compression = Compression.parse(group.compression)
                for item in read_list(cache, group):
                    found[item.original_sha256, compression] = StoredFile(item.sha256, item.size, item.compressed_by)
    return {key: stored for key, stored in found.items() if stored.sha256 in intact}
