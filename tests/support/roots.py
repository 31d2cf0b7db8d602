"""Roots that a test wants gone: they may belong to ids that only a user namespace has."""

import os
from pathlib import Path

from package_cache.process import run
from package_cache.sandbox.bootstrap import as_root
from package_cache.sandbox.isolation import Isolation


def remove_root(path: Path, isolation: Isolation) -> None:
    """Remove a root that `make_root` or `image_root` made, with its folder."""
    argv = ["rm", "-rf", "--one-file-system", "--", str(path.parent)]
    if os.geteuid() == 0:
        run(argv)
        return
    with as_root(isolation) as (prefix,):
        run([*prefix, *argv])
