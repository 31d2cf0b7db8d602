"""Package files with the same content in another compression: dpkg-deb decompresses each member, we compress it.

A `.deb` is an ar archive of `debian-binary`, `control.tar*` and `data.tar*` (deb(5)). What is written is read back by
dpkg-deb and compared with what it read from the original: only the compression can differ.
"""

import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Protocol

import zstandard
from debian.arfile import ArError, ArFile, ArMember

from package_cache.deb.compression import GZIP_LEVEL, Compression
from package_cache.errors import VerificationError
from package_cache.filesystem.confined import settle
from package_cache.filesystem.paths import sha256_of
from package_cache.process import SILENCE, CommandError, piped

WHOLE_SIZE = 16 << 20
"""Bytes up to which a member is compressed in one go: zstd takes as much memory and time as a known size needs."""

CHUNK = 1 << 20
TARS = {"control.tar": "--ctrl-tarfile", "data.tar": "--fsys-tarfile"}
"""The members that are compressed, and how dpkg-deb(1) returns them decompressed."""


class Compressor(Protocol):
    """Compresses a stream in pieces."""

    def compress(self, data: bytes, /) -> bytes:  # noqa: D102
        ...

    def flush(self) -> bytes:  # noqa: D102
        ...


def recompress(source: Path, folder: Path, compression: Compression) -> tuple[str, int] | None:
    """Write a package file's content in another compression to `folder`, as `<sha256>.deb`; return that hash and size.

    None where all its members are compressed so already. The same file gives the same bytes, with one version of
    zstd. Takes at most about 120 MB of memory. Raises `VerificationError` if the file is no package, or where what
    was written does not read back as it was, and `OSError` where it cannot be written.
    """
    with source.open("rb") as reader:
        if all(compression.accepts(member.name) for member in _members(reader, source) if _tar(member)):
            return None
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=folder)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as writer:
            digests = rewrite(source, writer, compression)
            settle(writer)
        _prove(new, digests, source)
        sha256, size = sha256_of(new), new.stat().st_size
        new.replace(folder / f"{sha256}.deb")
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return sha256, size


def _members(reader: BinaryIO, source: Path) -> list[ArMember]:
    try:
        members: list[ArMember] = ArFile(fileobj=reader).getmembers()
    except (ArError, OSError, ValueError) as error:
        raise VerificationError(f"cannot read {source} as a package: {error}") from error
    if sorted(filter(None, map(_tar, members))) != sorted(TARS):
        raise VerificationError(f"cannot read {source} as a package: it has not one control.tar and one data.tar")
    return members


def _tar(member: ArMember) -> str:
    """Return `control.tar` or `data.tar` where a member is that, in whatever compression."""
    return next((tar for tar in TARS if member.name == tar or member.name.startswith(f"{tar}.")), "")


def rewrite(source: Path, writer: IO[bytes], compression: Compression) -> dict[str, str]:
    """Write a package file with its tars in another compression. Return the SHA-256 of each decompressed tar."""
    digests = {}
    writer.write(b"!<arch>\n")
    with source.open("rb") as reader:
        for member in _members(reader, source):
            tar = _tar(member)
            start_of_header = writer.tell()
            writer.write(b" " * 60)
            if tar:
                digests[tar] = _compress(source, TARS[tar], writer, compression)
            else:
                member.seek(0)
                writer.write(member.read())
            size = writer.tell() - start_of_header - 60
            writer.write(b"\n" * (size % 2))
            writer.seek(start_of_header)
            writer.write(ar_header(f"{tar}{compression.suffix}" if tar else member.name, member.mtime, size))
            writer.seek(0, os.SEEK_END)
    return digests


def ar_header(name: str, time: int, size: int) -> bytes:
    """Return the header of an ar member as dpkg-deb writes it: root's, an ordinary file. `time` is of the epoch."""
    return f"{name:<16}{int(time):<12}{0:<6}{0:<6}{'100644':<8}{size:<10}`\n".encode()


def _compress(source: Path, option: str, writer: IO[bytes], compression: Compression) -> str:
    """Write a tar of a package, compressed. Return the SHA-256 of what dpkg-deb read."""
    digest = hashlib.sha256()
    with _decompressed(source, option) as stream:
        head = stream.read(WHOLE_SIZE)
        digest.update(head)
        packed = compressor(compression, len(head) if len(head) < WHOLE_SIZE else -1)
        writer.write(packed.compress(head))
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            writer.write(packed.compress(chunk))
        writer.write(packed.flush())
    return digest.hexdigest()


def compressor_of(compression: Compression) -> str:
    """Return what compresses here, and its version, on which the bytes depend: `zstd 1.5.7`."""
    if compression.method == "zstd":
        return f"zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))}"
    return f"zlib {zlib.ZLIB_RUNTIME_VERSION}"


def compressor(compression: Compression, size: int) -> Compressor:
    """Return what compresses `size` bytes, if they are known; -1: any number."""
    if compression.method == "zstd":
        return zstandard.ZstdCompressor(level=compression.level).compressobj(size=size)
    gzip = 16 + zlib.MAX_WBITS  # without name and time
    return zlib.compressobj(compression.level or GZIP_LEVEL, zlib.DEFLATED, gzip)


@contextmanager
def _decompressed(package: Path, option: str) -> Iterator[IO[bytes]]:
    """Return what dpkg-deb reads from a package. Raises `VerificationError` at the end where it cannot."""
    try:
        with piped(["dpkg-deb", option, str(package)], silence=SILENCE) as stream:
            yield stream
    except CommandError as error:
        raise VerificationError(f"cannot read {package} as a package", details=str(error)) from error


def has_same_content(one: Path, other: Path) -> bool:
    """Return whether two package files differ in their compression only. Raises `VerificationError` if one is none."""
    return _contents(one) == _contents(other)


def _contents(package: Path) -> list[tuple[str, str]]:
    """Return the members of a package in their order, each with the SHA-256 of what is in it, decompressed."""
    found = []
    with package.open("rb") as reader:
        for member in _members(reader, package):
            tar = _tar(member)
            member.seek(0)
            found.append((tar or member.name, _digest(package, tar) if tar else _plain_digest(member)))
    return found


def _plain_digest(member: ArMember) -> str:
    digest = hashlib.sha256()
    while chunk := member.read(CHUNK):  # it may be as large as the file
        digest.update(chunk)
    return digest.hexdigest()


def _digest(package: Path, tar: str) -> str:
    with _decompressed(package, TARS[tar]) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def _prove(new: Path, digests: dict[str, str], source: Path) -> None:
    for tar, expected in digests.items():
        if _digest(new, tar) != expected:
            raise VerificationError(
                f"cannot recompress {source}: its {tar} does not read back as it was",
                hint="build with --no-recompress, and tell those who keep Package Cache",
            )
