"""What the system says against writing to a folder, as an error of ours with the next step."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from package_cache.errors import MAY_NOT, PackageCacheError, status_of_os_error
from package_cache.exit_codes import ExitStatus

NO_SPACE = "No space left on device"
"""strerror(3) of ENOSPC, in apt's words too."""


@contextlib.contextmanager
def writing_to(folder: Path, *, what: str = "write", option: str = "") -> Iterator[None]:
    """Raise as an error of ours what keeps the block from writing below `folder`.

    That is `PackageCacheError`, "cannot <what> to <folder>", with the status NO_SPACE or READ_ONLY; `option` is the one
    that names the folder, for the hint. Other errors, and what concerns other places, pass.
    """
    option = f" with {option}" if option else ""
    try:
        yield
    except OSError as error:
        name = error.filename  # of a failed write(2) none, of one in making the folder perhaps that of its parent
        path = Path(os.fsdecode(name)) if isinstance(name, str | bytes | os.PathLike) else folder
        if path.is_absolute() and not path.is_relative_to(folder) and not folder.is_relative_to(path):
            raise
        status = status_of_os_error(error)
        if status is ExitStatus.NO_SPACE:
            raise no_space(folder, error.strerror, what=what) from error
        if status is ExitStatus.INTERNAL:
            raise
        if error.errno in MAY_NOT:
            hint = f"name a folder that can be written to{option}, or make this one so"
            message = f"cannot {what} to {folder}: {error.strerror}"
        else:
            hint = f"name another folder{option}, or remove what is there"
            message = f"cannot {what} to {folder}: {error.filename or folder}: {error.strerror}"
        raise PackageCacheError(message, hint=hint, status=status) from error


def no_space(folder: Path, words: str | None, *, what: str = "write") -> PackageCacheError:
    """Make the error of a disk that is full, from the system's words."""
    hint = "make room there (see df, and df -i for inodes), then run this again"
    return PackageCacheError(f"cannot {what} to {folder}: {words}", hint=hint, status=ExitStatus.NO_SPACE)
