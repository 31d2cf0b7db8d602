"""Tar archives of others, read from the front in bounded memory and time, whatever they say of themselves."""

import lzma
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

LARGEST_HEAD = 128 << 10
"""Bytes of what comes before a member's own: its name, extended attributes (64 KiB is Linux's limit for one), maps of
sparse files. Python reads all of it into memory, and searches it in a time that grows with its square (CVE-2024-6232).
"""

MOST_MEMBERS = 5_000_000
"""Of one archive; the largest images have a tenth of that in all."""

LIMIT = 1800.0
"""Seconds that reading one archive may take; gigabytes need one or two minutes."""

BROKEN = (
    tarfile.TarError, EOFError, ValueError, OverflowError, KeyError, RecursionError, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What Python raises of archives that are none, are cut short, or say nonsense: numbers, names, heads upon heads."""


class _Bounded:
    """A stream that may be read up to a place that moves on with each member."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._place = 0
        self._deadline = time.monotonic() + LIMIT
        self.end = LARGEST_HEAD

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        is_head = self._place >= self.end - LARGEST_HEAD
        self._place += len(data)
        if self._place > self.end:
            raise tarfile.ReadError(f"what comes before a member has more than {LARGEST_HEAD} bytes")
        if is_head and len(data) > 4096 and data.isdigit():  # in long runs of these the time is that square
            raise tarfile.ReadError("what comes before a member is a number without end")
        if time.monotonic() > self._deadline:
            raise tarfile.ReadError(f"reading it takes more than {LIMIT:g} s")
        return data


@contextmanager
def tar_stream(stream: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, Iterator[tarfile.TarInfo]]]:
    """Give an archive and its members, in order; the content of each is to be read before the next.

    Raises one of `BROKEN`, also while members are read.
    """
    bounded: Any = _Bounded(stream)
    with tarfile.open(fileobj=bounded, mode="r|") as archive:
        yield archive, _members(archive, bounded)


def _members(archive: tarfile.TarFile, bounded: _Bounded) -> Iterator[tarfile.TarInfo]:
    for number, member in enumerate(archive, 1):
        if number > MOST_MEMBERS:
            raise tarfile.ReadError(f"it has more than {MOST_MEMBERS} members")
        if member.size < 0:
            raise tarfile.ReadError("a member's size is less than nothing")
        archive.members = []  # type: ignore[attr-defined]  # else it remembers every one of them
        bounded.end = archive.offset + LARGEST_HEAD  # where the next member begins
        yield member
