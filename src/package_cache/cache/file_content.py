"""The content of a file of a group's folder: bytes, or a file of a cache that is copied and never read as a whole."""

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass
from io import BytesIO

from package_cache.cache.layout import CacheFolder
from package_cache.errors import CacheError
from package_cache.filesystem.confined import Inside

HINT = "build the cache again"


@dataclass(frozen=True)
class CopiedFile:
    """A file of a cache to copy from."""

    cache: CacheFolder
    place: str
    """Below the cache."""
    sha256: str
    size: int
    """In bytes."""

    def check_size(self) -> None:
        """Raise `CacheError` unless it is a regular file of its size. Its bytes are checked when it is copied."""
        try:
            status = self.cache.inside.status(self.place)
        except OSError as error:
            raise CacheError(f"cannot read {self.cache.path / self.place}: {error.strerror}", hint=HINT) from error
        if not stat.S_ISREG(status.st_mode) or status.st_size != self.size:
            raise self._altered()

    def check(self) -> None:
        """Raise `CacheError` if its size or its bytes are not what they must be."""
        self.check_size()
        if self.cache.inside.sha256(self.place) != self.sha256:
            raise self._altered()

    def copy_to(self, inside: Inside, name: str) -> None:
        """Copy it to a new file. Raises `CacheError` if it is not what it must be."""
        try:
            stream = self.cache.inside.open(self.place)
        except OSError as error:
            raise CacheError(f"cannot read {self.cache.path / self.place}: {error.strerror}", hint=HINT) from error
        with contextlib.closing(stream):
            if os.fstat(stream.fileno()).st_size != self.size:  # a sparse file can be endless
                raise self._altered()
            inside.create(name, stream)
        if inside.sha256(name) != self.sha256:
            raise self._altered()

    def _altered(self) -> CacheError:
        return altered(self.cache, self.place)


def altered(cache: CacheFolder, place: str) -> CacheError:
    """Return the error for a file of a cache that is not what it must be."""
    return CacheError(f"cannot read {cache.path / place}: it was altered", hint=HINT)


FileContent = bytes | CopiedFile


def sha256_of(content: FileContent) -> str:
    """Return the SHA-256 of a file's content."""
    return content.sha256 if isinstance(content, CopiedFile) else hashlib.sha256(content).hexdigest()


def size_of(content: FileContent) -> int:
    """Return the bytes of a file's content."""
    return content.size if isinstance(content, CopiedFile) else len(content)


def create_file(inside: Inside, name: str, content: FileContent) -> None:
    """Write a new file. Raises `CacheError` if what is copied was altered."""
    if isinstance(content, CopiedFile):
        content.copy_to(inside, name)
    else:
        inside.create(name, BytesIO(content))
