"""Paths inside another root, resolved as a process in that root would."""

from pathlib import Path, PurePosixPath

from package_cache.values.errors import PackageCacheError


def resolved_inside(root: Path, inside: str) -> str:
    """Give where `inside` really lies, as an absolute path inside `root` without symlinks.

    The kernel would follow an absolute symlink below `root` to a file of the host; this does not (path_resolution(7)).
    What does not exist counts as a plain name.
    """
    done = PurePosixPath("/")
    waiting = list(reversed(PurePosixPath(inside).parts))
    hops = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            done = done.parent
            continue
        if part == "/":
            done = PurePosixPath("/")
            continue
        here = done / part
        on_host = on_the_host(root, str(here))
        if not on_host.is_symlink():
            done = here
            continue
        hops += 1
        if hops > 40:  # the kernel's own limit
            raise PackageCacheError(f"cannot follow {inside} in {root}: too many symbolic links")
        waiting.extend(reversed(on_host.readlink().parts))
    return str(done)


def on_the_host(root: Path, inside: str) -> Path:
    """Give the path for us of an absolute path inside `root`, as it stands."""
    return root / PurePosixPath(inside).relative_to("/")
