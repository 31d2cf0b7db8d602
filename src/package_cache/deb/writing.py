"""Package files of our own: an ar archive of two tars (deb(5)), which dpkg-deb reads."""

import io
import tarfile
from collections.abc import Mapping

from package_cache.deb.compression import Compression
from package_cache.deb.recompression import ar_header, compressor


def small_tar(files: Mapping[str, bytes]) -> bytes:
    """Return a tar of files that belong to root, without times."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def package_file(control: bytes, data: bytes, compression: Compression) -> bytes:
    """Return a package file of the tars `control` and `data`, compressed as the pool's files are."""
    parts = [b"!<arch>\n", *_member("debian-binary", b"2.0\n")]
    for name, content in (("control.tar", control), ("data.tar", data)):
        stream = compressor(compression, len(content))
        parts += _member(f"{name}{compression.suffix}", stream.compress(content) + stream.flush())
    return b"".join(parts)


def _member(name: str, content: bytes) -> tuple[bytes, bytes, bytes]:
    return ar_header(name, 0, len(content)), content, b"\n" * (len(content) % 2)
