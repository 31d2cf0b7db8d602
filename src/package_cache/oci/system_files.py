"""The files of a container system: only read, never run."""

import errno
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from package_cache.errors import PackageCacheError
from package_cache.filesystem.confined import Inside
from package_cache.filesystem.openat2 import Links

NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL)
"""No regular file; also where links lead in circles, out of proc(5), or to names that are none."""

Found = TypeVar("Found")


class SystemFiles(Protocol):
    """Files by their absolute paths inside; symbolic links are followed as a process in that system would."""

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes; None if no regular file exists."""

    def names(self, folder: str) -> Sequence[str]:
        """Return the names in a folder; none if it does not exist."""

    def mode(self, path: str) -> int | None:
        """Return the type and mode of what is there, as stat(2) has them; None if it does not exist."""


class RootFiles:
    """The files of a root folder on this machine."""

    def __init__(self, root: Path) -> None:
        self._inside = Inside(root, Links.ROOT)

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes."""
        try:
            return _unless_missing(self._inside.read, path, "system-file-bytes")
        except OSError as error:
            message = f"cannot read {path} in {self._inside.path}: {error.strerror or error}"
            raise PackageCacheError(message) from error

    def names(self, folder: str) -> Sequence[str]:
        """Return the names in a folder."""
        return _unless_missing(self._inside.names, folder) or ()

    def mode(self, path: str) -> int | None:
        """Return type and mode."""
        status = _unless_missing(self._inside.status, path)
        return status.st_mode if status else None


def _unless_missing(call: Callable[..., Found], *words: str) -> Found | None:
    try:
        return call(*words)
    except OSError as error:
        if error.errno in NOTHING_THERE:
            return None
        raise


class OnlyFiles:
    """A system of which only some files are known: every program and every other file is taken to exist."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = contents

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file that is known."""
        return self._contents.get(path)

    def names(self, folder: str) -> Sequence[str]:
        """Return the names in a folder: none."""
        return ()

    def mode(self, path: str) -> int | None:
        """Return the mode of a program."""
        return stat.S_IFREG | 0o755
