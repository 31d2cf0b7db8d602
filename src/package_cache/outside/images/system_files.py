"""The files of a container system that does not run here, and nothing of which is ever run: only read."""

import errno
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from package_cache.outside.files import read_bounded
from package_cache.outside.inside import on_the_host, resolved_inside
from package_cache.values.errors import PackageCacheError


class SystemFiles(Protocol):
    """Files by their absolute paths inside; symbolic links are followed as a process in that system would."""

    def read(self, path: str) -> bytes | None:
        """Give a file's bytes; None where no regular file is there."""

    def names(self, folder: str) -> Sequence[str]:
        """Give the names in a folder; none where it is not there."""

    def mode(self, path: str) -> int | None:
        """Give the type and mode of what is there, as stat(2) has them; None where nothing is."""


class RootFiles:
    """Those of a root folder on this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, path: str) -> bytes | None:
        """Give a file's bytes."""
        mode = self.mode(path)
        if mode is None or not stat.S_ISREG(mode):
            return None
        try:
            return read_bounded(self._place(path), "system-file-bytes")
        except OSError as error:
            raise PackageCacheError(f"cannot read {path} in {self._root}: {error.strerror or error}") from error

    def names(self, folder: str) -> Sequence[str]:
        """Give the names in a folder."""
        mode = self.mode(folder)
        is_folder = mode is not None and stat.S_ISDIR(mode)
        return sorted(entry.name for entry in self._place(folder).iterdir()) if is_folder else ()

    def mode(self, path: str) -> int | None:
        """Give type and mode."""
        try:
            place = self._place(path)
            return (
                place.stat() if place == self._root else place.lstat()
            ).st_mode  # that folder may be named by a link
        except (FileNotFoundError, NotADirectoryError, PackageCacheError):  # the last: links in a circle
            return None
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):  # where a link leads
                return None
            raise

    def _place(self, path: str) -> Path:
        return on_the_host(self._root, resolved_inside(self._root, path))


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
