"""Package files in another compression: the same content, by dpkg-deb's own reading, or nothing."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from debian.arfile import ArFile
from tests.support.debs import make_deb

from package_cache.deb import recompression
from package_cache.deb.compression import NO_ZSTD, Compression
from package_cache.deb.recompression import recompress
from package_cache.errors import VerificationError
from package_cache.filesystem.paths import sha256_of

ZSTD, GZIP = Compression("zstd", 9), Compression("gzip", 6)

LARGE = Random(1).randbytes(1 << 20) * 17
"""More than is compressed in one go."""


def deb(folder: Path, compression: str = "xz", files: dict[str, Any] | None = None) -> Path:
    """Return a package with a file and a script."""
    files = files or {"/usr/bin/tool": "#!/bin/sh\n"}
    return make_deb(folder, "tool", files=files, scripts={"postinst": "true"}, compression=compression)


def members(path: Path) -> list[str]:
    """Return the names of an ar archive's members."""
    return [str(name) for name in ArFile(str(path)).getnames()]


def recompressed(source: Path, target: Compression) -> Path:
    """Recompress a package beside itself, and return the file that was stored."""
    done = recompress(source, source.parent, target)
    assert done is not None
    stored = source.with_name(f"{done[0]}.deb")
    assert (sha256_of(stored), stored.stat().st_size) == done
    return stored


def content(path: Path) -> tuple[bytes, bytes]:
    """Return what dpkg-deb reads of a package: both tars."""
    tars = [subprocess.check_output(["dpkg-deb", option, path]) for option in ("--ctrl-tarfile", "--fsys-tarfile")]
    return tars[0], tars[1]


@pytest.mark.parametrize("target", [ZSTD, GZIP, NO_ZSTD], ids=str)
@pytest.mark.parametrize("compression", ["none", "gzip", "xz", "zstd"])
def test_the_content_stays(compression: str, target: Compression, tmp_path: Path) -> None:
    source = deb(tmp_path, compression)
    before = source.read_bytes()
    if (compression, target) in [("zstd", ZSTD), ("gzip", GZIP)] or (target == NO_ZSTD and compression != "zstd"):
        assert recompress(source, tmp_path, target) is None
        assert source.read_bytes() == before
        return
    stored = recompressed(source, target)
    assert source.read_bytes() == before
    assert members(stored) == ["debian-binary", f"control.tar{target.suffix}", f"data.tar{target.suffix}"]
    assert content(stored) == content(source)
    assert subprocess.check_output(["dpkg-deb", "--info", stored])


@pytest.mark.parametrize("target", [ZSTD, GZIP], ids=str)
def test_the_same_input_gives_the_same_bytes(target: Compression, tmp_path: Path) -> None:
    source = deb(tmp_path, "none", {"/large": LARGE})
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(recompress(source, tmp_path / name, target))
    assert made[0] is not None
    assert made[0] == made[1]
    assert content(tmp_path / "one" / f"{made[0][0]}.deb") == content(source)


def test_other_members_stay_as_they_are(tmp_path: Path) -> None:
    source = deb(tmp_path)
    signature = b"signed\n!"
    with source.open("ab") as stream:
        stream.write(f"{'_gpgorigin':<16}{7:<12}{0:<6}{0:<6}{100644:<8}{len(signature):<10}`\n".encode() + signature)
    stored = recompressed(source, ZSTD)
    assert members(stored)[-1] == "_gpgorigin"
    assert signature in stored.read_bytes()
    assert content(stored) == content(source)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "no archive": lambda _: b"!<arch>\nsomething else",
    "cut short": lambda whole: whole[: len(whole) // 2],
    "no data": lambda whole: whole[: whole.index(b"data.tar")],
    "data that is none": lambda whole: whole[:-200] + bytes(200),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_no_package_is_refused(how: str, tmp_path: Path) -> None:
    source = deb(tmp_path, files={"/noise": Random(2).randbytes(5000)})
    source.write_bytes(BROKEN[how](source.read_bytes()))
    with pytest.raises(VerificationError, match=rf"cannot read {source} as a package"):
        recompress(source, tmp_path, ZSTD)
    assert list(tmp_path.glob("*")) == [source]
    assert list(tmp_path.glob(".new-*")) == []


def test_a_compressor_that_loses_a_byte_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = recompression.compressor

    class Forgetful:
        def __init__(self, compression: Compression) -> None:
            self._right = right(compression, -1)

        def compress(self, data: bytes, /) -> bytes:
            return self._right.compress(data[:-1])

        def flush(self) -> bytes:
            return self._right.flush()

    monkeypatch.setattr(recompression, "compressor", lambda compression, size: Forgetful(compression))
    source = deb(tmp_path)
    with pytest.raises(VerificationError, match=rf"cannot recompress {source}: its (data|control)\.tar does not read"):
        recompress(source, tmp_path, ZSTD)
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_the_time_of_the_original_stays(tmp_path: Path) -> None:
    members = ArFile(fileobj=io.BytesIO(recompressed(deb(tmp_path), GZIP).read_bytes()))
    assert {int(member.mtime) for member in members} == {1500000000}
