"""What writers that were killed left in a cache, and what a new cache no longer needs: for holders of its lock."""

import shutil
from collections.abc import Collection

from package_cache.cache.layout import GROUPS, CacheFolder, group_folder, pool_file
from package_cache.outside.files import remove_abandoned, remove_folder


def remove_unfinished(cache: CacheFolder) -> None:
    """Remove what writers that were killed left behind; downloads that can be resumed stay."""
    for file in (cache.description, cache.installer):
        remove_abandoned(file)
    for path in (cache.path / GROUPS).glob(".new-*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in cache.pool.glob(".new-*"):
        path.unlink(missing_ok=True)


def remove_unneeded(cache: CacheFolder, digests: Collection[str], groups: Collection[tuple[str, str]]) -> None:
    """Remove groups and package files that are not among those named (name and system).

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
