"""Files of a cache, read completely and checked against the digests of its description."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.layout import INSTALLER, PACKAGE_LIST, CacheFolder
from package_cache.cache.package_list import DescribedPackage, parse_list
from package_cache.errors import CacheError


@dataclass(frozen=True)
class GroupContents:
    """A group for one OS release, or the part of it that one architecture needs."""

    group: DescribedGroup
    files: Mapping[str, bytes]
    """Of its folder, by name."""
    packages: tuple[DescribedPackage, ...]


def read_group(cache: CacheFolder, group: DescribedGroup) -> GroupContents:
    """Read all files of a group's folder. Raises `CacheError` if one is not what the description states."""
    files = {name: read_file(cache, group, name) for name in group.files}
    return GroupContents(group, files, _parsed(cache, group, files[PACKAGE_LIST]))


def read_list(cache: CacheFolder, group: DescribedGroup) -> tuple[DescribedPackage, ...]:
    """Read the packages of a group, and nothing else of it. Raises `CacheError` as above."""
    return _parsed(cache, group, read_file(cache, group, PACKAGE_LIST))


def _parsed(cache: CacheFolder, group: DescribedGroup, content: bytes) -> tuple[DescribedPackage, ...]:
    return parse_list(content, str(cache.path / group.folder / PACKAGE_LIST))


def read_file(cache: CacheFolder, group: DescribedGroup, name: str) -> bytes:
    """Return a file of a group's folder. Raises `CacheError` as above."""
    return _read(cache, f"{group.folder}/{name}", group.files[name], f"the group {group.name} for {group.system}")


def read_installer(cache: CacheFolder, description: Description) -> bytes:
    """Return the installer. Raises `CacheError` as above."""
    return _read(cache, INSTALLER, description.installer_digest, "the installer")


def _read(cache: CacheFolder, name: str, digest: str, what: str) -> bytes:
    path = cache.path / name
    try:
        content = cache.inside.read(name, "cache-file-bytes")
    except OSError as error:
        raise CacheError(f"cannot read {what}: {path}: {error.strerror}", hint="build the cache again") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise CacheError(f"cannot read {what}: {path} was altered", hint="build the cache again")
    return content
