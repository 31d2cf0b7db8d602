"""Roots that a test wants gone: they may belong to ids that only a user namespace has."""

from pathlib import Path

from package_cache.outside.roots.isolation import Isolation
from package_cache.outside.roots.releases import as_root
from package_cache.outside.run import run


def remove_root(path: Path, isolation: Isolation) -> None:
    """Remove a root that `make_root` or `image_root` made, with its folder."""
    with as_root(isolation) as prefix:
        run([*prefix, "rm", "-rf", "--one-file-system", "--", str(path.parent)])
