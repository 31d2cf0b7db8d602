"""The files of a cache that its description vouches for, read whole and checked against its digests."""

import hashlib
from pathlib import Path

from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.layout import CacheFolder
from package_cache.outside.files import read_regular
from package_cache.values.errors import CacheError


def read_group_files(cache: CacheFolder, group: DescribedGroup) -> dict[str, bytes]:
    """Give the files of a group's folder by name. Raises `CacheError` where one is not what the description states."""
    folder = cache.group(group.name, group.system)
    what = f"the group {group.name} for {group.system}"
    return {name: _read(folder / name, digest, what) for name, digest in group.files.items()}


def read_installer(cache: CacheFolder, description: Description) -> bytes:
    """Give the installer. Raises `CacheError` as above."""
    return _read(cache.installer, description.installer_digest, "the installer")


def _read(path: Path, digest: str, what: str) -> bytes:
    try:
        content = read_regular(path)
    except OSError as error:
        raise CacheError(f"cannot read {what}: {path}: {error.strerror}", hint="build the cache again") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise CacheError(f"cannot read {what}: {path} was altered", hint="build the cache again")
    return content
