"""`install`: on one machine or in CI, the cache's own installer against a local cache."""

from collections.abc import Sequence
from pathlib import Path

from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.outside.run import end, start

GRACE = 60.0
"""Seconds that the installer gets to leave dpkg in a sane state when it is interrupted."""


def install(groups: Sequence[str], cache: CacheFolder, result_file: Path | None = None) -> int:
    """Run the installer, its output going where ours goes, and give its status. Raises `CacheError` without a cache."""
    read_description(cache)
    option = ["--result", str(result_file)] if result_file else []
    argv = ["sh", str(cache.installer), "--cache", str(cache.path), *option, "--", *groups]
    process = start(argv, stdout=None, stderr=None)
    try:
        return process.wait()
    except BaseException:
        end(process, grace=GRACE)
        raise
