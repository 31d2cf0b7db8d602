"""Temporary folders that are gone in the end, also where a signal comes while one is made or removed."""

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from package_cache.filesystem.plain_links import plain_path

_folders: set[Path] = set()

_ENOUGH = 1 << 20
"""Bytes, for what other programs write for a moment: control files, signatures."""


@contextlib.contextmanager
def temporary_folder(parent: str | None = None) -> Iterator[str]:
    """Yield the path of a new folder for our user alone, below `parent` or TMPDIR; it is removed after the block.

    Its path is plain: it goes into other programs' configuration.
    """
    path = plain_path(Path(parent or tempfile.gettempdir())) / f"package-cache-{secrets.token_hex(8)}"
    _folders.add(path)
    try:
        path.mkdir(mode=0o700)
        yield str(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _folders.discard(path)


def refuse_full_temporary_folder() -> None:
    """Raise `OSError` if temporary files cannot be written: another program that failed may have failed of that."""
    with tempfile.TemporaryFile() as file:
        file.write(bytes(_ENOUGH))


def remove_temporary_folders() -> None:
    """Remove what signals left; for the end of the program, when it hears none any more."""
    for path in _folders:
        shutil.rmtree(path, ignore_errors=True)
