"""The one family of errors that the library raises. Every message begins with "cannot"."""

import errno
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from package_cache.escaping import visible_line
from package_cache.exit_codes import ExitStatus


@dataclass(frozen=True)
class Problem:
    """One problem in the user's input: where it is, what is wrong, what to write instead."""

    message: str
    file: str | None = None
    line: int | None = None
    """Counted from 1."""
    column: int | None = None
    """Counted from 1, in characters."""
    field: str | None = None
    """The path of a field in a structured file, such as `group[2].packages[0]`."""
    hint: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        where = ": ".join(part for part in (place, self.field) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}\n    {self.hint}" if self.hint else text

    def in_order(self) -> tuple[str, int, int]:
        """Return the key that sorts problems by their places."""
        return self.file or "", self.line or 0, self.column or 0


class PackageCacheError(Exception):
    """The base of all errors of the library.

    Its parts: `message` (one sentence that begins with "cannot"), `problems` (all of them, each with its position),
    `details` (unchanged output of a tool), `hint` (the next step), and `status` (the exit status).
    """

    status = ExitStatus.INTERNAL

    def __init_subclass__(cls, *, status: ExitStatus | None = None) -> None:
        cls.status = status or cls.status

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[Problem] = (),
        details: str = "",
        hint: str | None = None,
        status: ExitStatus | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.details = details
        self.hint = hint
        if status is not None:
            self.status = status

    def __str__(self) -> str:
        parts = [visible_line(self.message), *(str(problem) for problem in self.problems)]
        if self.details:
            parts.append(self.details.rstrip())
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "\n".join(parts)


def unforeseen(error: Exception, what: str) -> PackageCacheError:
    """Convert an exception of the system or a library, because untrusted input must not cause a traceback.

    `what` begins the message, such as "cannot go on".
    """
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return PackageCacheError(f"{what}: {name}{error.strerror or error}", status=status_of_os_error(error))
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename.rpartition('/')[2]}:{last.lineno}"
    return PackageCacheError(f"{what}: {type(error).__name__} in {place}: {error}", hint="report this, with the input")


MAY_NOT = (errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors of the system for missing permissions and read-only file systems."""

NO_PLACE = (
    errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL, errno.EXDEV,
    errno.ENXIO, errno.ENODEV, errno.ENOTEMPTY, errno.EBUSY, errno.ETXTBSY, errno.EFBIG, errno.EIO, errno.EOPNOTSUPP,
)  # fmt: skip
"""Errors of the system for a path that cannot be a file or folder: a link, a pipe, a device, another kind of file."""


def status_of_os_error(error: OSError) -> ExitStatus:
    """Return the exit status for an error of the system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ExitStatus.NO_SPACE
    return ExitStatus.READ_ONLY if error.errno in MAY_NOT + NO_PLACE else ExitStatus.INTERNAL


class UsageError(PackageCacheError, status=ExitStatus.USAGE):
    """An option, a name or a combination is invalid."""


class ManifestError(PackageCacheError, status=ExitStatus.BAD_MANIFEST):
    """The manifest has problems."""


class LockError(PackageCacheError, status=ExitStatus.BAD_LOCK):
    """The lock is missing, damaged, or stale."""


class ArchiveError(PackageCacheError, status=ExitStatus.ARCHIVE_UNREACHABLE):
    """No mirror of a repository gave a usable answer."""


class VerificationError(PackageCacheError, status=ExitStatus.NOT_VERIFIED):
    """A signature or a hash does not match."""


class PrecommandError(PackageCacheError, status=ExitStatus.PRECOMMAND_FAILED):
    """A precommand failed or timed out."""


class ToolMissingError(PackageCacheError, status=ExitStatus.TOOL_MISSING):
    """A tool of the system is not installed."""


class CacheError(PackageCacheError, status=ExitStatus.CACHE_DAMAGED):
    """The cache is missing, damaged, or lacks a requested group; the status says which."""
