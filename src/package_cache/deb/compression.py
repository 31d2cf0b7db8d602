"""How a cache stores the members of package files for a system: what its dpkg reads fast."""

import re
from dataclasses import dataclass

from package_cache.system import System

LEVEL = 9
"""Of zstd, unless the user names another one: level 19 makes packages 10 % smaller in 20 times the processor time, and
they unpack no faster (docs/benchmarks.md)."""

GZIP_LEVEL = 6
"""Level 9 saves 0.7 % of the bytes in three times the time."""

HIGHEST = {"zstd": 22, "gzip": 9}
"""Levels above are refused by the libraries: zstd(1), zlib.h."""


@dataclass(frozen=True)
class Compression:
    """With what the members of a stored package file are compressed."""

    method: str
    """`zstd`, or `gzip` for a dpkg that reads no zstd. Without recompression: `original`, the archive's own
    bytes, or, for a dpkg that reads no zstd, `no-zstd`: the same, with gzip in place of zstd."""
    level: int = 0

    @classmethod
    def parse(cls, text: str) -> "Compression":
        """Read what `str` wrote. Raises `ValueError`."""
        match = re.fullmatch(r"(zstd|gzip)-([0-9]{1,2})|original|no-zstd", text, re.ASCII)
        if match is None or (match[1] and not 1 <= int(match[2]) <= HIGHEST[match[1]]):
            raise ValueError(f"{text!r} is not a compression: write zstd-{LEVEL}, gzip-{GZIP_LEVEL} or original")
        return cls(match[1], int(match[2])) if match[1] else cls(match[0])

    def __str__(self) -> str:
        return f"{self.method}-{self.level}" if self.level else self.method

    @property
    def suffix(self) -> str:
        """What the names of members end with (deb(5)) that are compressed by it: `.zst`."""
        return {"zstd": ".zst", "gzip": ".gz", "no-zstd": ".gz"}.get(self.method, "")

    def accepts(self, member: str) -> bool:
        """Return whether a member of this name (deb(5)) keeps its compression."""
        return not member.endswith(".zst") if self.method == "no-zstd" else member.endswith(self.suffix)


ORIGINAL = Compression("original")
NO_ZSTD = Compression("no-zstd")

ZSTD_SINCE = {"debian": (12,), "ubuntu": (18, 4)}
"""The first release whose dpkg reads zstd: Debian's from 1.21.18 on, Ubuntu's from 1.19.0.5ubuntu2 on (their
changelogs)."""


def compression_for(system_name: str, *, level: int | None = LEVEL) -> Compression:
    """Return the compression for a system, such as `ubuntu18.04`, with zstd's `level`; None keeps the original.

    A system whose dpkg may not read zstd gets gzip, which every dpkg reads; with None in place of zstd only.
    """
    system = System.parse(system_name)
    version = tuple(int(part) for part in system.version.split("."))
    since = ZSTD_SINCE.get(system.distribution)
    reads_zstd = since is not None and version >= since
    if level is None:
        return ORIGINAL if reads_zstd else NO_ZSTD
    return Compression("zstd", level) if reads_zstd else Compression("gzip", GZIP_LEVEL)
