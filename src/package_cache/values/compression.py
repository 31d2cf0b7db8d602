"""How a cache stores the members of package files for a system: the smallest that its dpkg reads fast."""

from enum import Enum

from package_cache.values.system import System


class Compression(Enum):
    """With what the members of a stored package file are compressed. What was measured: docs/benchmarks.md."""

    ORIGINAL = "original"
    """As the archive has them; the stored bytes are those that it vouches for."""
    ZSTD = "zstd-19"
    """1.07 times the bytes of xz; with them build-essential installs in half the processor time."""
    GZIP = "gzip-6"
    """For a dpkg that reads no zstd: 1.4 times the bytes. Level 9 saves 0.7 % of them in three times as long."""

    @property
    def suffix(self) -> str:
        """What the names of members end with (deb(5)): `.zst`."""
        return {Compression.ORIGINAL: "", Compression.ZSTD: ".zst", Compression.GZIP: ".gz"}[self]


ZSTD_SINCE = {"debian": (12,), "ubuntu": (18, 4)}
"""The first release whose dpkg reads zstd: Debian's from 1.21.18 on, Ubuntu's from 1.19.0.5ubuntu2 on (their
changelogs)."""


def compression_for(system_name: str, *, recompress: bool) -> Compression:
    """Choose for a system, such as `ubuntu18.04`. One whose dpkg nobody vouches for gets what every dpkg reads."""
    if not recompress:
        return Compression.ORIGINAL
    system = System.parse(system_name)
    version = tuple(int(part) for part in system.version.split("."))
    since = ZSTD_SINCE.get(system.distribution)
    return Compression.ZSTD if since and version >= since else Compression.GZIP
