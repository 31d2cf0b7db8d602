"""What a cache has too much or too little: what killed writers left, what nobody needs any more, what is missing."""

import contextlib
import os
import shutil
from collections.abc import Collection

from package_cache.cache.description import Description
from package_cache.cache.layout import GROUPS, CacheFolder, group_folder, pool_file
from package_cache.cache.stored import intact_packages
from package_cache.outside.files import remove_abandoned, remove_folder, sha256_of


def remove_unfinished(cache: CacheFolder) -> None:
    """Remove what killed writers left behind, and folders in the place of package files; downloads stay.

    For the holder of the cache's lock.
    """
    for file in (cache.description, cache.installer, cache.proofs):
        remove_abandoned(file)
    for path in (cache.path / GROUPS).glob(".new-*"):
        with contextlib.suppress(OSError):
            remove_folder(path)  # in one rename, by which an init form's script that is still at work ends
    for path in cache.pool.glob(".new-*"):
        path.unlink(missing_ok=True)
    for path in cache.pool.glob("*.deb"):
        if path.is_dir() and not path.is_symlink():  # no rename would replace it
            shutil.rmtree(path)


def is_whole(cache: CacheFolder, description: Description) -> bool:
    """Return whether every file that a description names is intact, and nothing else is in the cache.

    Raises `OSError` where something other than a package file cannot be read.
    """
    with os.scandir(cache.pool) as entries:
        sizes = [entry.stat().st_size for entry in entries if entry.is_file(follow_symlinks=False)]
    folders = {cache.group(group.name, group.system): group.files for group in description.groups}
    digests = {cache.installer: description.installer_digest}
    digests |= {folder / name: digest for folder, files in folders.items() for name, digest in files.items()}
    return (
        (len(sizes), sum(sizes)) == (description.packages, description.size)
        and set((cache.path / GROUPS).iterdir()) == set(folders)
        and not any(path.name[0] == "." for path in cache.path.iterdir() if path != cache.lock)
        and all(sha256_of(path) == digest for path, digest in digests.items())
        and len(intact_packages(cache)) == description.packages
    )


def remove_unneeded(cache: CacheFolder, digests: Collection[str], groups: Collection[tuple[str, str]]) -> None:
    """Remove groups and package files that are not among those named, for the holder of the cache's lock.

    Each group goes in one step, and before its package files: one that can be seen is whole.
    """
    folders = {group_folder(name, system) for name, system in groups}
    for path in (cache.path / GROUPS).iterdir():
        if str(path.relative_to(cache.path)) not in folders:
            remove_folder(path)
    wanted = {pool_file(digest) for digest in digests}
    for path in cache.pool.iterdir():
        if str(path.relative_to(cache.path)) not in wanted:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
