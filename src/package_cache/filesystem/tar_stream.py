"""Tar archives of others, read from the front in bounded memory and time, whatever they say of themselves."""

import lzma
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Self

from package_cache.bounds import BoundError, bound, check_bound

BROKEN = (tarfile.TarError, EOFError, ValueError, OverflowError, KeyError, RecursionError, zlib.error, lzma.LZMAError)
"""What Python raises of archives that are none, are cut short, or say nonsense: numbers, names, heads upon heads."""


class Meter:
    """Counts what is read of one image or archive. Raises `BoundError` if that is more than the bounds allow."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._counted: dict[str, int] = {}

    def add(self, name: str, number: int, what: str = "") -> None:
        """Count entries or bytes that the bound of that name limits; they are in `what`, else in all that is read."""
        self._counted[name] = self._counted.get(name, 0) + number
        check_bound(name, self._counted[name], what or self.what)

    def can_keep(self, size: int) -> bool:
        """Count the bytes of a file whose content is kept, unless that would be more than `system-file-bytes`."""
        fits = self._counted.get("system-file-bytes", 0) + size <= bound("system-file-bytes")
        if fits:
            self.add("system-file-bytes", size)
        return fits


class _Member(tarfile.TarInfo):
    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        # Python before 3.12.6 and 3.11.10 searches such a header in a time that grows with its square (CVE-2024-6232).
        limit = bound("tar-extended-header-bytes")
        if member.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE) and member.size > limit:
            raise tarfile.ReadError(f"an extended header has more than {limit} bytes")
        return member


class Deadline:
    """A file that may be read for `tar-seconds`, whatever a decompressor makes of its bytes."""

    def __init__(self, stream: IO[bytes], what: str) -> None:
        self._stream = stream
        self._what = what
        self._until = time.monotonic() + bound("tar-seconds")

    def read(self, size: int = -1) -> bytes:
        """Read as the file does. Raises `BoundError` if the time is over."""
        if time.monotonic() > self._until:
            raise BoundError("tar-seconds", self._what)
        return self._stream.read(size)


_EMPTY_READS = 10
"""How often the end is read: `tarfile` goes on for as many blocks as the last member states, which may be for years."""


class _Bounded(Deadline):
    """A stream that may be read up to a place that moves on with each member, as Python keeps what precedes one."""

    def __init__(self, stream: IO[bytes], meter: Meter) -> None:
        super().__init__(stream, meter.what)
        self._meter = meter
        self._place = 0
        self._empty = 0
        self._head = bound("tar-header-bytes")
        self.next_at = 0
        """Where the next member begins."""

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        self._place += len(data)
        self._empty += not data
        if self._empty > _EMPTY_READS:
            raise tarfile.ReadError("unexpected end of data")
        self._meter.add("image-unpacked-bytes", len(data))
        if self._place > self.next_at + self._head:
            raise tarfile.ReadError(f"what precedes a member has more than {self._head} bytes")
        return data


@contextmanager
def tar_stream(stream: IO[bytes], meter: Meter) -> Iterator[tuple[tarfile.TarFile, Iterator[tarfile.TarInfo]]]:
    """Yield an archive and its members, in order; the content of each is to be read before the next.

    Raises one of `BROKEN`, or `BoundError`, also while members are read.
    """
    bounded: Any = _Bounded(stream, meter)
    with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Member) as archive:
        yield archive, _members(archive, bounded, meter)


def _members(archive: tarfile.TarFile, bounded: _Bounded, meter: Meter) -> Iterator[tarfile.TarInfo]:
    for number, member in enumerate(archive, 1):
        check_bound("layer-entries", number, meter.what)
        meter.add("image-entries", 1)
        if member.size < 0:
            raise tarfile.ReadError("a member's size is less than nothing")
        check_bound("image-unpacked-bytes", member.size, f"{meter.what}: a file in it")
        if member.issparse():
            meter.add("image-unpacked-bytes", member.size)  # the holes, too
        for name in (member.name, member.linkname):
            length = len(name.encode("utf-8", "replace"))
            check_bound("image-path-bytes", length, f"{meter.what}: a path in it")
        archive.members = []  # type: ignore[attr-defined]  # else it remembers every one of them
        bounded.next_at = archive.offset
        yield member
