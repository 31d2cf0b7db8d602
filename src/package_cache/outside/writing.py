"""What the system says against writing to a folder, as an error of ours with the next step."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from package_cache.values.errors import PackageCacheError
from package_cache.values.statuses import ExitStatus

NO_SPACE = "No space left on device"
"""strerror(3) of ENOSPC, in apt's words too."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_MAY_NOT = (errno.EROFS, errno.EACCES, errno.EPERM)
_ODD = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL, errno.EXDEV, errno.ENXIO)
"""Something else is in the place of a file or a folder: a link, a pipe, a device."""


@contextlib.contextmanager
def writing_to(folder: Path, *, what: str = "write") -> Iterator[None]:
    """Tell as ours what keeps the block from writing below `folder`: no space or inode there, or no permission.

    Raises `PackageCacheError`, "cannot <what> to <folder>", with the status NO_SPACE or READ_ONLY. Other errors, and
    what concerns other places, pass.
    """
    try:
        yield
    except OSError as error:
        if not _concerns(folder, error):
            raise
        if error.errno in _NO_SPACE:
            raise no_space(folder, error.strerror, what=what) from error
        if error.errno in _MAY_NOT:
            hint = "name a folder that can be written to, or make this one so"
            message = f"cannot {what} to {folder}: {error.strerror}"
            raise PackageCacheError(message, hint=hint, status=ExitStatus.READ_ONLY) from error
        if error.errno in _ODD:
            hint = "remove it, or name another folder"
            message = f"cannot {what} to {folder}: {error.filename or folder}: {error.strerror}"
            raise PackageCacheError(message, hint=hint, status=ExitStatus.READ_ONLY) from error
        raise


def no_space(folder: Path, words: str | None, *, what: str = "write") -> PackageCacheError:
    """Make the error of a disk that is full, from the system's words."""
    hint = "make room there (see df, and df -i for inodes), then run this again"
    return PackageCacheError(f"cannot {what} to {folder}: {words}", hint=hint, status=ExitStatus.NO_SPACE)


def _concerns(folder: Path, error: OSError) -> bool:
    """Tell whether an error is about a folder: a failed write(2) names no file, one in making it names its parent."""
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return True
    path = Path(os.fsdecode(error.filename))
    return not path.is_absolute() or path.is_relative_to(folder) or folder.is_relative_to(path)
