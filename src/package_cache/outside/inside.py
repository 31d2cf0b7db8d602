"""Paths inside another root, resolved as a process in that root would."""

from pathlib import Path, PurePosixPath

from package_cache.outside.images.unpack_layer import MOST_LINKS, followed
from package_cache.values.errors import PackageCacheError


def resolved_inside(root: Path, inside: str) -> str:
    """Give where `inside` really lies, as an absolute path inside `root` without symlinks.

    The kernel would follow an absolute symlink below `root` to a file of the host; this does not (path_resolution(7)).
    What does not exist counts as a plain name.
    """

    def link(here: str, hops: int) -> str | None:
        place = on_the_host(root, here)
        if place.is_symlink() and hops >= MOST_LINKS:
            raise PackageCacheError(f"cannot follow {inside} in {root}: too many symbolic links")
        return str(place.readlink()) if place.is_symlink() else None

    return followed(inside, link) or "/"


def on_the_host(root: Path, inside: str) -> Path:
    """Give the path for us of an absolute path inside `root`, as it stands."""
    return root / PurePosixPath(inside).relative_to("/")
