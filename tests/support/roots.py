"""Roots that a test wants gone, which may belong to ids that only a user namespace has, and what is mounted here."""

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


def mounts_that_may_be_ours() -> list[str]:
    """Return the lines of proc(5), mountinfo, but for those of podman, which other tests run meanwhile."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if not any(word in line for word in ("/podman", "/containers/", " /run/netns"))]
