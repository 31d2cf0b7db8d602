"""The only access to files below a folder that others may change: a root, a volume, an image, a cache.

A name is resolved once, by openat2(2) or, on a kernel without it, component by component. Whatever is then read,
listed, written, renamed or removed is reached by that descriptor: no other process can swap a link in between. Nothing
blocks on a pipe, and no device is opened.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO

from package_cache.bounds import bound, excess, how_to_raise
from package_cache.errors import PackageCacheError
from package_cache.filesystem.openat2 import Links, demand_folder, libc, resolve
from package_cache.filesystem.unpack_layer import MOST_LINKS, followed

_BLOCK = 1 << 20
"""Bytes that are read at once."""


@dataclass(frozen=True)
class Inside:
    """A folder, and the names below it. Every method raises `OSError` with the full path of what it concerns."""

    path: Path
    links: Links = Links.NONE
    is_shared: bool = False
    """Others may replace the folder itself: its own name must not be a link either."""

    def open(self, name: str) -> BufferedReader:
        """Open a regular file to read it. Raises `OSError` (EINVAL) if it is something else."""
        with self._found(name) as found:
            return _reader(found)

    def read(self, name: str, bound: str) -> bytes:
        """Return the bytes of a regular file. Raises `OSError` (EFBIG) where it exceeds the bound of that name."""
        with self.open(name) as stream:
            return read_up_to(stream, bound, self.path / name.lstrip("/"))

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a regular file, as hexadecimal digits."""
        with self.open(name) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def digests(self, name: str, *algorithms: str) -> tuple[str, ...]:
        """Return the digests of a regular file that is read once, by algorithms of `hashlib`, as hexadecimal digits."""
        found = [hashlib.new(algorithm) for algorithm in algorithms]
        with self.open(name) as stream:
            while chunk := stream.read(_BLOCK):
                for digest in found:
                    digest.update(chunk)
        return tuple(digest.hexdigest() for digest in found)

    def names(self, name: str = ".") -> list[str]:
        """Return the sorted names in a folder."""
        with self._found(name) as found:
            return _names(found)

    def status(self, name: str) -> os.stat_result:
        """Return the status of what a name leads to, links followed as far as they may be."""
        with self._found(name) as found:
            return os.fstat(found)

    def kind(self, name: str) -> int:
        """Return the type of what has a name, a link itself included, as stat(2) has it; 0 if nothing has."""
        with contextlib.suppress(FileNotFoundError), self._parent(name) as (folder, last):
            return _kind(folder, last)
        return 0

    def size(self, name: str) -> int:
        """Return the bytes of a file, or of all in a folder; what goes meanwhile has none, no link is followed."""
        with contextlib.suppress(OSError), self._parent(name) as (folder, last):
            if _kind(folder, last) != stat.S_IFDIR:
                return os.stat(last, dir_fd=folder, follow_symlinks=False).st_size
            total = 0
            for _, _, names, here in os.fwalk(last, dir_fd=folder):
                for each in names:
                    with contextlib.suppress(OSError):
                        total += os.stat(each, dir_fd=here, follow_symlinks=False).st_size
            return total
        return 0

    def write(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        """Write a file so that a reader finds the old content or the new one, complete, also after a power cut.

        It grows beside it as `.<name>.new-*`. What a writer that was killed left under such a name is removed.
        """
        self.remove_abandoned(name)
        with self._parent(name) as (folder, last):
            descriptor, temporary = _new_beside(folder, last)
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(content)
                    settle(stream, mode=mode)
                    os.rename(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)  # while it is locked
            except BaseException:
                _remove(folder, temporary)
                raise
            _sync(folder)

    def remove_abandoned(self, name: str) -> None:
        """Remove what killed writers of a file left beside it; one that still writes holds a lock on its own."""
        with self._parent(name) as (folder, last):
            for other in filter(lambda each: each.startswith(f".{last}.new-"), _names(folder)):
                with contextlib.suppress(OSError), opened(other, os.O_PATH | os.O_NOFOLLOW, folder) as found:
                    if not stat.S_ISREG(os.fstat(found).st_mode):  # of no writer, and not opened
                        _remove(folder, other)
                        continue
                    with _reader(found) as stream:
                        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.unlink(other, dir_fd=folder)

    def append(self, name: str, content: bytes) -> None:
        """Add to the end of a regular file, which is made where it is missing."""
        with self._parent(name) as (folder, last):
            with contextlib.suppress(FileExistsError):
                os.close(_created(folder, last, 0o644))
            with self._found(name) as found, os.fdopen(_reopened(found, os.O_WRONLY | os.O_APPEND), "ab") as stream:
                stream.write(content)

    def create(self, name: str, source: BufferedIOBase) -> str:
        """Write a new file with the rest of a stream and return how: `reflink` or `copy`.

        A reflink shares extents until one of the two is written to (ioctl_ficlonerange(2)).
        """
        with self._parent(name) as (folder, last), os.fdopen(_created(folder, last), "wb") as writer:
            try:
                fcntl.ioctl(writer.fileno(), 0x40049409, source.fileno())  # FICLONE of linux/fs.h
                method = "reflink"
            except OSError:  # also where the source is no file (io.UnsupportedOperation)
                shutil.copyfileobj(source, writer, _BLOCK)
                method = "copy"
            settle(writer)
            return method

    def make_folder(self, name: str, *, mode: int = 0o777, exist_ok: bool = False) -> None:
        """Make a folder. With `exist_ok` a folder of that name is no error; a link or anything else is."""
        with self._parent(name) as (folder, last):
            try:
                os.mkdir(last, mode, dir_fd=folder)
            except FileExistsError:
                if not exist_ok or _kind(folder, last) != stat.S_IFDIR:
                    raise

    def make_new_folder(self, parent: str) -> str:
        """Make a folder of a new name, `<parent>/.new-*`, for our user alone, and return that name."""
        while True:
            name = f"{parent}/.new-{secrets.token_hex(4)}"
            with contextlib.suppress(FileExistsError):
                self.make_folder(name, mode=0o700)
                return name

    def set_mode(self, name: str, mode: int) -> None:
        """Set the mode of a folder."""
        with self._found(name) as found, _listable(found) as folder:
            os.fchmod(folder, mode)

    def sync(self, name: str = ".") -> None:
        """Make the names in a folder survive a power cut (fsync(2): a file's own fsync does not cover its name)."""
        with self._found(name) as found:
            _sync(found)

    def rename(self, old: str, new: str) -> None:
        """Rename a file or a folder, as rename(2)."""
        with self._parent(old) as (source, name), self._parent(new) as (target, place):
            os.rename(name, place, src_dir_fd=source, dst_dir_fd=target)

    def replace_folder(self, new: str, name: str) -> None:
        """Replace the folder `name` with the folder `new`, in one step, and remove the old one.

        Where the file system cannot exchange names (renameat2(2)), a reader may for a moment find nothing there.
        """
        try:
            self.rename(new, name)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            with self._parent(new) as (folder, first), self._parent(name) as (target, second):
                exchange = 2  # RENAME_EXCHANGE of linux/fs.h
                failed = libc["renameat2"](folder, os.fsencode(first), target, os.fsencode(second), exchange)
            if failed:
                self.rename(name, f"{new}.old")
                self.rename(new, name)
                new = f"{new}.old"
            self.remove(new)
        self.sync(name.rpartition("/")[0] or ".")

    def remove_folder(self, name: str) -> None:
        """Remove a folder so that a reader finds all of it or nothing: it takes the name `.new-*` first."""
        aside = self.make_new_folder(name.rpartition("/")[0] or ".")
        with self._parent(aside) as (folder, place):
            os.rmdir(place, dir_fd=folder)
        self.rename(name, aside)
        self.remove(aside)

    def remove(self, name: str) -> None:
        """Remove whatever has a name, a folder with its content; no link is followed. Nothing there is no error."""
        with contextlib.suppress(FileNotFoundError), self._parent(name) as (folder, last):
            _remove(folder, last)

    @contextlib.contextmanager
    def locked(self, name: str, *, wait: float) -> Iterator[None]:
        """Lock a file, created if missing, while the block runs. The kernel drops the lock when the process dies.

        Raises `PackageCacheError` if another process keeps it locked for `wait` seconds.
        """
        with _closing(self._lock_file(name)) as descriptor:
            try:
                lock(descriptor, wait)
            except BlockingIOError:
                message = f"cannot lock {self.path / name}: another process kept it locked for {wait:g} s"
                raise PackageCacheError(message, hint="wait for it to end, then run this again") from None
            yield

    def _lock_file(self, name: str) -> int:
        with self._parent(name) as (folder, last):
            while True:
                with contextlib.suppress(FileExistsError):
                    return _created(folder, last, 0o644)
                with contextlib.suppress(FileNotFoundError), opened(last, os.O_PATH | os.O_NOFOLLOW, folder) as found:
                    return _reopened(found, os.O_RDWR)

    @contextlib.contextmanager
    def _found(self, name: str) -> Iterator[int]:
        """Yield a descriptor (O_PATH) of what a name leads to."""
        with opened(self.path, os.O_PATH | (os.O_NOFOLLOW if self.is_shared else 0)) as folder:
            if self.is_shared and stat.S_ISLNK(os.fstat(folder).st_mode):
                raise OSError(errno.ELOOP, "is a symbolic link", str(self.path))
            with _named(self.path / name.lstrip("/")), _closing(resolve(folder, name, self.links)) as found:
                yield found

    @contextlib.contextmanager
    def _parent(self, name: str) -> Iterator[tuple[int, str]]:
        """Yield a descriptor (O_PATH) of the folder that holds a name, and the last part of the name."""
        parent, _, last = name.rpartition("/")
        if last in ("", ".", ".."):
            raise OSError(errno.EINVAL, "is no name of a file", str(self.path / name))
        with self._found(parent or ".") as folder, _named(self.path / name):
            demand_folder(folder)
            yield folder, last


def settle(stream: IO[bytes], *, mode: int = 0o644) -> None:
    """Set the mode of a file and flush it to the disk, so that it can be renamed to its place."""
    stream.flush()
    os.fchmod(stream.fileno(), mode)
    os.fsync(stream.fileno())


def lock(descriptor: int, wait: float) -> None:
    """Lock an open file or folder. Raises `BlockingIOError` if another process keeps it locked for `wait` seconds."""
    deadline = time.monotonic() + wait
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.05)


def open_regular(path: Path) -> BufferedReader:
    """Open a file by a path that the user named. Raises `OSError` if it is a pipe or a device, and opens neither."""
    with _named(path), opened(path, os.O_PATH) as found:
        return _reader(found)


def read_up_to(stream: IO[bytes], name: str, path: Path) -> bytes:
    """Return the rest of a stream. Raises `OSError` (EFBIG) where it exceeds the bound `name`, in bytes."""
    content = stream.read(bound(name) + 1)
    if len(content) > bound(name):
        raise OSError(errno.EFBIG, f"has {excess(name)}; {how_to_raise(name)}", str(path))
    return content


def resolved_inside(root: Path, inside: str) -> str:
    """Return where `inside` lies, as an absolute path inside `root` without symlinks, for who mounts something there.

    What does not exist counts as a plain name. To open something, use `Inside`.
    """

    def link(here: str, hops: int, _: bool) -> str | None:
        place = on_the_host(root, here)
        if place.is_symlink() and hops >= MOST_LINKS:
            raise PackageCacheError(f"cannot follow {inside} in {root}: too many symbolic links")
        return str(place.readlink()) if place.is_symlink() else None

    return followed(inside, link) or "/"


def on_the_host(root: Path, inside: str) -> Path:
    """Return the path for us of an absolute path inside `root`, as it stands; only for a root of our own making."""
    return root / PurePosixPath(inside).relative_to("/")


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the full path into each `OSError` of the block: with a descriptor, the system knows the last name only."""
    try:
        yield
    except OSError as error:
        name = error.filename if isinstance(error.filename, str) else ""
        if name.startswith("/") and "/proc/self/fd/" not in name:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _reopened(found: int, flags: int) -> int:
    """Open the regular file of a descriptor (O_PATH), by /proc: that very file, whatever its name leads to by now."""
    mode = os.fstat(found).st_mode
    if not stat.S_ISREG(mode):
        code = {stat.S_IFDIR: errno.EISDIR, stat.S_IFLNK: errno.ELOOP}.get(stat.S_IFMT(mode))
        raise OSError(code or errno.EINVAL, os.strerror(code) if code else "is not a regular file")
    return os.open(f"/proc/self/fd/{found}", flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _reader(found: int) -> BufferedReader:
    return os.fdopen(_reopened(found, os.O_RDONLY), "rb")


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def opened(path: str | Path, flags: int, folder: int | None = None) -> contextlib.AbstractContextManager[int]:
    """Return a descriptor, below a folder's if any, that is closed after the block."""
    return _closing(os.open(path, flags | os.O_CLOEXEC, dir_fd=folder))


def _listable(found: int) -> contextlib.AbstractContextManager[int]:
    """Open a folder again, so that it can be listed and flushed."""
    return opened(".", os.O_RDONLY | os.O_DIRECTORY, found)


def _names(found: int) -> list[str]:
    with _listable(found) as folder:
        return sorted(os.listdir(folder))  # noqa: PTH208 - pathlib knows no descriptors


def _sync(found: int) -> None:
    with _listable(found) as folder:
        os.fsync(folder)


def _kind(folder: int, name: str) -> int:
    """Return the type of what has a name, as stat(2) has it; 0 if nothing has."""
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    return 0


def _remove(folder: int, name: str) -> None:
    if _kind(folder, name) == stat.S_IFDIR:
        shutil.rmtree(name, dir_fd=folder)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _created(folder: int, name: str, mode: int = 0o600) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, mode, dir_fd=folder)


def _new_beside(folder: int, name: str) -> tuple[int, str]:
    """Return the descriptor and the name of a new, locked file beside another."""
    while True:
        temporary = f".{name}.new-{secrets.token_hex(4)}"
        try:
            descriptor = _created(folder, temporary)
        except FileExistsError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # else another one took it for abandoned before it was locked
            return descriptor, temporary
        os.close(descriptor)
