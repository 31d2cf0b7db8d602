"""What a cache must lose or lacks: leftovers of killed writers, unneeded files, missing files."""

import contextlib
import stat
from collections.abc import Collection

from package_cache.cache.description import Description
from package_cache.cache.layout import DESCRIPTION, GROUPS, INSTALLER, LOCK, POOL, PROOFS, CacheFolder, pool_file
from package_cache.cache.pool_index import intact_packages


def remove_unfinished(cache: CacheFolder) -> None:
    """Remove what killed writers left behind, and folders in the place of package files; downloads stay.

    For the holder of the cache's lock.
    """
    inside = cache.inside
    for file in (DESCRIPTION, INSTALLER, PROOFS):
        inside.remove_abandoned(file)
    for name in _below(cache, GROUPS):
        if name.rpartition("/")[2].startswith(".new-"):
            with contextlib.suppress(OSError):
                inside.remove_folder(name)  # in one rename, by which an init form's script that is still at work ends
    for name in _below(cache, POOL):
        no_rename_replaces = name.endswith(".deb") and inside.kind(name) == stat.S_IFDIR
        if name.startswith(f"{POOL}/.new-") or no_rename_replaces:
            inside.remove(name)


def is_complete(cache: CacheFolder, description: Description) -> bool:
    """Return whether every file that a description names is intact, and nothing else is in the cache.

    Raises `OSError` if something other than a package file cannot be read.
    """
    inside = cache.inside
    sizes = [status.st_size for status in map(inside.status, _below(cache, POOL)) if stat.S_ISREG(status.st_mode)]
    return (
        (len(sizes), sum(sizes)) == (description.packages, description.size)
        and set(_below(cache, GROUPS)) == {group.folder for group in description.groups}
        and not any(name[0] == "." for name in inside.names() if name != LOCK)
        and all(inside.sha256(name) == digest for name, digest in description.digests().items())
        and len(intact_packages(cache)) == description.packages
    )


def remove_unneeded(cache: CacheFolder, description: Description, digests: Collection[str]) -> None:
    """Remove other groups than those described, and other package files, for the holder of the cache's lock.

    Each group goes in one step, and before its package files: a visible group is complete.
    """
    folders = {group.folder for group in description.groups}
    for name in _below(cache, GROUPS):
        if name not in folders:
            cache.inside.remove_folder(name)
    wanted = {pool_file(digest) for digest in digests}
    for name in _below(cache, POOL):
        if name not in wanted:
            cache.inside.remove(name)


def _below(cache: CacheFolder, folder: str) -> list[str]:
    """Return the names of what is in a folder of the cache, from the cache on."""
    return [f"{folder}/{name}" for name in cache.inside.names(folder)]
