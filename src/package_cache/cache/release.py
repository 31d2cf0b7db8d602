"""The `Release` of a group's folder: for which group and OS release it is, and the SHA-256 of each other file."""

import re
from collections.abc import Collection, Mapping

from package_cache.cache.file_content import FileContent, sha256_of, size_of

NO_DATE = "Thu, 01 Jan 1970 00:00:00 UTC"
"""Apt wants a date in a Release file. The same group gives the same bytes, whenever it is built."""

WITHOUT_BY_HASH = ("ubuntu16.04",)
"""Systems whose apt, 1.2, asks for a wrong file where a flat repository offers its index by hash."""


def release_file(
    group: str, system: str, architectures: Collection[str], files: Mapping[str, FileContent], *, by_hash: bool = False
) -> bytes:
    """Return the Release file of a flat repository, as the Debian wiki's "DebianRepository/Format" describes it.

    It states the hash of each file: apt reads those of its indexes, the installer those of the others. The names of the
    group and of the OS release are in it, so that what is expected or signed for one is not taken for another.
    `by_hash`: whether its indexes can be fetched by their hashes.
    """
    lines = [
        "Origin: Package Cache",
        f"Label: {group}",
        f"Codename: {system}",
        f"Date: {NO_DATE}",
        f"Architectures: {' '.join(sorted(architectures))}",
        *(["Acquire-By-Hash: yes"] if by_hash else []),
        "SHA256:",
    ]
    lines += [f" {sha256_of(content)} {size_of(content)} {name}" for name, content in sorted(files.items())]
    return "\n".join([*lines, ""]).encode()


_STATED = re.compile(rb"^ ([0-9a-f]{64}) [0-9]+ (\S+)$", re.MULTILINE)


def stated_digests(release: bytes) -> dict[str, str]:
    """Return the SHA-256 that a Release file states of each file; `release_file` writes it."""
    return {name.decode("ascii", "replace"): digest.decode() for digest, name in _STATED.findall(release)}
