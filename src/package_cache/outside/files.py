"""Writing to the file system so that nobody ever sees half of it, and hashing what lies there."""

import contextlib
import ctypes
import errno
import fcntl
import glob
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO

from package_cache.values.bounds import bound, excess, how_to_raise
from package_cache.values.errors import PackageCacheError


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read it. Raises `OSError` also where it is a pipe or a device: that would be waited for."""
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return stream


def read_bounded(path: Path, name: str) -> bytes:
    """Return the bytes of a file. Raises `OSError` as above, and where it has more than the bound `name` (EFBIG)."""
    with open_regular(path) as stream:
        content = stream.read(bound(name) + 1)
    if len(content) > bound(name):
        raise OSError(errno.EFBIG, f"has {excess(name)}; {how_to_raise(name)}", str(path))
    return content


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, as hexadecimal digits. Raises `OSError` as above."""
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """Give the SHA-256 of a text in UTF-8, as hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def settle(stream: IO[bytes], *, mode: int = 0o644) -> None:
    """Set the mode of a file and flush it to the disk, so that it can be renamed to its place."""
    stream.flush()
    os.fchmod(stream.fileno(), mode)
    os.fsync(stream.fileno())


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that a reader finds the old content or the new one, whole, also after a power cut.

    It grows beside it as `.<name>.new-*`. What a writer that was killed left under such a name is removed.
    """
    remove_abandoned(path)
    descriptor, temporary = _new_beside(path)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            settle(stream, mode=mode)
            Path(temporary).replace(path)  # while it is locked
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_abandoned(path: Path) -> None:
    """Remove what writers of a file that were killed left beside it; one that still writes holds a lock on its own."""
    for other in path.parent.glob(f"{glob.escape(_prefix(path))}*"):
        with contextlib.suppress(OSError), other.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            other.unlink()


def _new_beside(path: Path) -> tuple[int, str]:
    while True:
        descriptor, temporary = tempfile.mkstemp(prefix=_prefix(path), dir=path.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # else another one took it for abandoned before it was locked
            return descriptor, temporary
        os.close(descriptor)


def _prefix(path: Path) -> str:
    return f".{path.name}.new-"


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut (fsync(2): the file's own fsync does not cover its name)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def exclusive(path: Path, *, wait: float = 60.0) -> Iterator[None]:
    """Hold the lock file `path`, made where it is missing, while the block runs.

    Waits at most `wait` seconds; raises `PackageCacheError` after that. The kernel drops it when a process dies.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        try:
            lock(descriptor, wait)
        except BlockingIOError:
            raise PackageCacheError(
                f"cannot have {path} for ourselves: another process kept it locked for {wait:g} s",
                hint="wait for it to end, then run this again",
            ) from None
        yield
    finally:
        os.close(descriptor)


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


def replace_folder(new: Path, place: Path) -> None:
    """Put the folder `new` at `place`, in one step where there was one before; both on one file system.

    What was there is removed. Where the file system cannot exchange names (renameat2(2)), a reader may for a moment
    find nothing there, but never half of it.
    """
    try:
        new.rename(place)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchange(new, place):
            aside = new.with_name(f"{new.name}.old")
            place.rename(aside)
            new.rename(place)
            new = aside
        shutil.rmtree(new)
    sync_folder(place.parent)


def remove_folder(place: Path) -> None:
    """Remove a folder so that a reader finds all of it or nothing: it takes the name `.new-*` first."""
    aside = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    place.rename(aside)
    shutil.rmtree(aside)


def _exchange(one: Path, other: Path) -> bool:
    at_current_folder, exchange_flag = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of linux/fs.h
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    return bool(libc.renameat2(at_current_folder, names[0], at_current_folder, names[1], exchange_flag) == 0)


def clone_or_copy(source: Path, target: Path) -> str:
    """Write a new file `target` with the bytes of `source` and return how: `reflink` or `copy`.

    A reflink shares extents until one of the two is written to (ioctl_ficlonerange(2)).
    """
    with open_regular(source) as reader, target.open("xb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), 0x40049409, reader.fileno())  # FICLONE of linux/fs.h
            method = "reflink"
        except OSError:
            shutil.copyfileobj(reader, writer, 1 << 20)
            method = "copy"
        settle(writer)
    return method
