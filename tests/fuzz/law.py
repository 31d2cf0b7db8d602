"""The law for every input: what is ours to say is said, in bounded time, and counted."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus

Read = TypeVar("Read")

LIMIT = 1.0
"""Seconds of CPU time that reading one input may take: a hundred times what the slowest takes."""

WHOLE = re.compile(r"is not TOML: |is not JSON that can be read: |has no group$")
"""Messages about a file as a whole. For invalid TOML, tomllib's message has the position."""


@contextlib.contextmanager
def bounded(limit: float = LIMIT) -> Iterator[None]:
    """Check that what is in the block takes at most `limit` seconds of CPU time."""
    began = time.process_time()
    yield
    took = time.process_time() - began
    assert took < limit, f"took {took:.1f} s of CPU time"


def check_told(error: PackageCacheError, file: str) -> None:
    """Check that an error names the file, says a reason and can be shown."""
    assert error.message.startswith("cannot "), error.message
    text = str(error)
    assert file in text
    text.encode()  # raises if the text cannot be printed
    for problem in error.problems:
        assert problem.message
        assert problem.line or problem.field or WHOLE.match(problem.message), problem
        assert problem.file == file
        assert (problem.line or 1) >= 1
        assert (problem.column or 1) >= 1


def read_or_refused(
    reader: Callable[[], Read], error_type: type[PackageCacheError], file: str, *statuses: ExitStatus
) -> Read | PackageCacheError:
    """Return what was read in bounded time, or the error, with one of the statuses, that says what is wrong where."""
    try:
        with bounded():
            return reader()
    except error_type as error:
        assert error.status in statuses
        check_told(error, file)
        return error
