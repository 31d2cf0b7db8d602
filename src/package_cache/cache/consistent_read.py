"""Reading from a cache while another process may write to it: what changed during the read is read again."""

import contextlib
import fcntl
import time
from collections.abc import Callable
from typing import TypeVar

from package_cache.cache.layout import DESCRIPTION, LOCK, CacheFolder
from package_cache.errors import CacheError

WRITER_LIMIT = 10.0
"""Seconds to wait for a writer that replaces what was asked for: that itself takes moments, whatever it downloads."""

Result = TypeVar("Result")


def once_settled(cache: CacheFolder, read: Callable[[], Result]) -> Result:
    """Return what `read` gives; where it raises because a writer is at work, call it again. Takes no lock for long.

    Raises what `read` raises (`CacheError`, `FileNotFoundError`) if no process writes, or one writes for too long.
    """
    deadline = time.monotonic() + WRITER_LIMIT
    while True:
        before = _seen(cache)
        try:
            return read()
        except (CacheError, FileNotFoundError):
            unchanged = _seen(cache) == before and not _has_writer(cache)
            if unchanged or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _seen(cache: CacheFolder) -> bytes:
    with contextlib.suppress(OSError):
        return cache.inside.read(DESCRIPTION, "cache-file-bytes")
    return b""


def _has_writer(cache: CacheFolder) -> bool:
    try:
        with cache.inside.open(LOCK) as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no lock file: no process has written since the cache came here
        return False
    return False
