"""Files by paths that the user named, or of our own making: what they do is the door's, `filesystem.confined`."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from package_cache.filesystem.confined import Inside, open_regular, read_up_to


def read_bounded(path: Path, bound: str) -> bytes:
    """Return the bytes of a file. Raises `OSError` as `open_regular`, and where it exceeds the bound of that name."""
    with open_regular(path) as stream:
        return read_up_to(stream, bound, path)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal digits. Raises `OSError` as above."""
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, as hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that a reader finds the old content or the new one: `Inside.write`."""
    Inside(path.parent).write(path.name, content, mode=mode)


@contextlib.contextmanager
def exclusive(path: Path, *, wait: float = 60.0) -> Iterator[None]:
    """Lock the file `path` while the block runs: `Inside.locked`."""
    with Inside(path.parent).locked(path.name, wait=wait):
        yield
