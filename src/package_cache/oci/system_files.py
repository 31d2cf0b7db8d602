"""The files of a container system: only read, never run."""

import contextlib
import errno
import functools
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol, TypeVar

from package_cache.errors import PackageCacheError, ToolMissingError, UsageError
from package_cache.filesystem.confined import Inside
from package_cache.filesystem.openat2 import Links
from package_cache.oci.layered_files import LayeredFiles
from package_cache.process import SILENCE, CommandError, piped, run

NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL)
"""No regular file; also where links lead in circles, out of proc(5), or to names that are none."""

ENGINES = ("podman", "docker")
_BLOCK = 1 << 20

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


def container_files(name: str) -> LayeredFiles:
    """Return the files of the container that podman, or else docker, knows by that name, running or not.

    They are read from what the engine exports, a tar archive, which has nothing of the volumes that are mounted.
    Raises `ToolMissingError` if neither is here, `UsageError` where neither knows it.
    """
    engines = [(engine, path) for engine in ENGINES if (path := find_engine(engine))]
    if not engines:
        message = f"cannot read the container {name}: there is neither podman nor docker here"
        raise ToolMissingError(message, hint="use --root, --image or --status")
    if not name or name.startswith("-"):
        raise UsageError(f"cannot read the container {name!r}: that is no name")
    said = []
    for engine, path in engines:
        found = run([path, "container", "inspect", "--format", "{{.Id}}", name], check=False, timeout=60)
        if found.returncode == 0:
            return LayeredFiles([functools.partial(_exported, path, name)], f"the container {name}")
        said.append(f"{engine}: {found.stderr.strip() or f'ended with status {found.returncode}'}")
    message = f"cannot find the container {name}"
    raise UsageError(message, hint=f"see: {engines[0][0]} ps --all", details="\n".join(said))


def find_engine(name: str) -> str | None:
    """Return the path of an engine's program; None if it is not here."""
    return shutil.which(name)


@contextlib.contextmanager
def _exported(path: str, name: str) -> Iterator[IO[bytes]]:
    try:
        with piped([path, "export", name], silence=SILENCE) as stream:
            yield stream
            while stream.read(_BLOCK):  # what pads an archive's end: who writes it waits for a reader
                pass
    except CommandError as error:
        message = f"cannot read the container {name}: {Path(path).name} export {error.how}"
        raise PackageCacheError(message, details=error.output) from error
