"""Files of vulnerability data: plain or compressed, one JSON document or a tar archive of them, told by content."""

import bz2
import gzip
import io
import lzma
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from package_cache.bounded_json import load_json
from package_cache.bounds import BoundError, bound, check_bound
from package_cache.errors import UsageError
from package_cache.filesystem.confined import open_regular
from package_cache.filesystem.tar_stream import BROKEN, Meter, tar_stream
from package_cache.releases.distributions import series_of
from package_cache.system import System
from package_cache.vulnerabilities.formats import (
    OPENVEX,
    Names,
    OpenVexError,
    ecosystems_of,
    read_document,
    scalars_in,
    scalars_of,
)
from package_cache.vulnerabilities.model import Vulnerabilities, Wanted

HINT = "name a file of Debian's security tracker (JSON), or Ubuntu's OSV records: one, or a tar archive of them"

_BLOCK = 1 << 16
_BLANKS = b" \t\r\n"


def read_vulnerabilities(files: Sequence[Path], wanted: Wanted) -> Vulnerabilities:
    """Return what files state about source packages.

    Raises `UsageError` for a file that cannot be read or has none of the formats, `BoundError` for one that is too
    large, and what `series_of` raises.
    """
    systems = [System.parse(name) for name in wanted]
    series = {series_of(system): system.name for system in systems if system.distribution == "debian"}
    names = Names(wanted, series, {item: system.name for system in systems for item in ecosystems_of(system)})
    found = Vulnerabilities(str(file) for file in files)
    for file in files:
        try:
            with _decompressed(file) as stream:
                is_known = _read(stream, names, found, str(file))
        except OpenVexError as error:
            message = f"cannot use {file}: it is OpenVEX, which does not name the first fixed version"
            hint = "name Ubuntu's OSV records instead: one, or a tar archive of them"
            raise UsageError(message, hint=hint) from error
        except (OSError, *BROKEN) as error:
            told = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise UsageError(f"cannot read {file}: {told}", hint=HINT) from error
        if not is_known:
            raise UsageError(f"cannot use {file}: it is no vulnerability data that this program reads", hint=HINT)
    return found


@contextmanager
def _decompressed(file: Path) -> Iterator[io.BufferedReader]:
    with open_regular(file) as raw:
        head = raw.peek(6)
        if head.startswith(b"\xfd7zXZ\0"):
            yield io.BufferedReader(_Xz(raw, str(file)), _BLOCK)
        elif head.startswith(b"BZh"):
            with bz2.BZ2File(raw) as unpacked:
                yield io.BufferedReader(unpacked, _BLOCK)
        elif head.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=raw) as unpacked_gzip:
                yield io.BufferedReader(unpacked_gzip, _BLOCK)
        else:
            yield raw


class _Xz(io.RawIOBase):
    """An xz file, decompressed in bounded memory, which `lzma.LZMAFile` cannot do."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name, self._rest = file, name, b""
        self._decompressor = self._new()

    def _new(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=bound("xz-memory-bytes"))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._decompressor.eof:
                self._rest = self._decompressor.unused_data or self._file.read(_BLOCK)
                if not self._rest:
                    return 0
                self._decompressor = self._new()  # several streams, one behind the other (xz(1))
            data, self._rest = self._rest, b""
            if not data and self._decompressor.needs_input:
                data = self._file.read(_BLOCK)
                if not data:
                    raise EOFError("it is cut short")
            try:
                block = self._decompressor.decompress(data, len(buffer))
            except lzma.LZMAError as error:
                if "limit" in str(error):
                    raise BoundError("xz-memory-bytes", self._name) from error
                raise
            if block:
                buffer[: len(block)] = block
                return len(block)


class _Bounded:
    """A document within a bound, whose texts and numbers are short: a parser keeps each in memory.

    In JSON a quote inside a text follows a backslash, so that what has no other quote for long is one long text.
    """

    _QUOTE = re.compile(rb'[^\\]"')

    def __init__(self, stream: IO[bytes], file: str) -> None:
        self._stream, self._file = stream, file
        self._size = self._without_quote = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(_BLOCK if size < 0 else min(size, _BLOCK))
        self._size += len(data)
        check_bound("vulnerability-bytes", self._size, self._file)
        self._without_quote = 0 if self._QUOTE.search(data) else self._without_quote + len(data)
        if self._without_quote > _BLOCK:
            raise ValueError(f"it has a value of more than {_BLOCK} bytes")
        return data


def _read(stream: io.BufferedReader, names: Names, found: Vulnerabilities, file: str) -> bool:
    first = stream.peek(1)[:1]
    if first and first in b"{" + _BLANKS:
        document: Any = _Bounded(stream, file)
        return read_document(scalars_of(document), names, found, file)
    is_known = False
    with tar_stream(stream, Meter(file)) as (archive, members):
        for member in members:
            if member.isreg() and member.name.endswith(".json"):
                check_bound("vulnerability-record-bytes", member.size, f"{member.name} in {file}")
                content = archive.extractfile(member)
                assert content is not None
                try:
                    is_known |= _read_member(content.read(), names, found, file)
                except ValueError as error:
                    raise ValueError(f"{member.name}: {error}") from error
    return is_known


_NAME = re.compile(rb'"name"\s*:\s*"([a-z0-9][a-z0-9+.-]*)"', re.ASCII)


def _read_member(content: bytes, names: Names, found: Vulnerabilities, file: str) -> bool:
    """Add what a record of an archive states. Most are only searched: Ubuntu's have gigabytes in all."""
    if OPENVEX.encode() in content[:400]:
        raise OpenVexError
    if b'"affected"' not in content:
        return False
    systems = {system for name, system in names.ecosystems.items() if f'"{name}"'.encode() in content}
    found.systems |= systems
    sources = {match.decode() for match in _NAME.findall(content)} if systems else set()
    if any(names.has(system, source) for system in systems for source in sources):
        record = load_json(content)  # several times as fast as `scalars_of`
        read_document(scalars_in(record), names, found, file)
    return True
