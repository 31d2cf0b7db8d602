"""What writers that were killed left in a cache, and what a new cache no longer needs: for holders of its lock."""

import shutil
from collections.abc import Collection

from package_cache.cache.layout import GROUPS, CacheFolder, group_folder, pool_file


def remove_unfinished(cache: CacheFolder) -> None:
    """Remove what writers that were killed left behind; downloads that can be resumed stay."""
    for path in (cache.path / GROUPS).glob(".new-*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in cache.pool.glob(".new-*"):
        path.unlink(missing_ok=True)


def remove_unneeded(cache: CacheFolder, digests: Collection[str], groups: Collection[tuple[str, str]]) -> int:
    """Remove package files and groups that are not among those named (name and system); gives the files' bytes."""
    wanted = {pool_file(digest) for digest in digests}
    freed = 0
    for path in cache.pool.iterdir():
        if str(path.relative_to(cache.path)) not in wanted:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                freed += path.stat().st_size
                path.unlink()
    folders = {group_folder(name, system) for name, system in groups}
    for path in (cache.path / GROUPS).iterdir():
        if str(path.relative_to(cache.path)) not in folders:
            shutil.rmtree(path)
    return freed
