"""The download of one file: the mirrors tried so far, and the verification before the rename."""

import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from package_cache.apt.acquire_helper import Fetch, present
from package_cache.filesystem.confined import settle
from package_cache.filesystem.paths import sha256_of
from package_cache.filesystem.write_errors import NO_SPACE

PARTIAL = ".partial"
"""The folder beside the targets for partial files. Those of an interrupted run are resumed or deleted."""

PERMANENT = re.compile(r"4(?!08|29)[0-9][0-9] ")
"""The HTTP statuses that a retry would not change (RFC 9110, 15.5; 408 and 429 ask for a retry)."""

GONE = re.compile(r"(?:404|410) |File not found")
"""Apt's messages for a file that a server or a folder does not have (RFC 9110, 15.5.5 and 15.5.11)."""


@dataclass(frozen=True)
class Download:
    """A file to download, and all URIs that should have it, best first."""

    uris: tuple[str, ...]
    """Escaped as in any URI."""
    target: Path
    sha256: str
    size: int
    """In bytes."""
    package: str = ""
    """The name by which `lock --upgrade` upgrades it."""

    @property
    def name(self) -> str:
        """The file's name at its source, unescaped."""
        return urllib.parse.unquote(PurePosixPath(urllib.parse.urlsplit(self.uris[0]).path).name)

    def is_at(self, path: Path) -> bool:
        """Return whether a file has the right size and SHA-256."""
        return present(path) == self.size and sha256_of(path) == self.sha256


class Wanted:
    """A download in progress."""

    def __init__(self, item: Download) -> None:
        self.item = item
        self.partial = item.target.parent / PARTIAL / f"{item.target.name}.{item.sha256}"
        self.done = False
        self.untried: list[str] = []
        """The URIs that this round has not tried yet."""
        self.words: dict[str, str] = {}
        """The last failure of each URI."""
        self.wrong: set[str] = set()
        """The URIs that sent wrong bytes."""

    @property
    def hopeless(self) -> bool:
        """Whether another round is pointless: every mirror answered, and none has the file."""
        return all(uri in self.wrong or PERMANENT.match(self.words.get(uri, "")) for uri in self.item.uris)

    @property
    def is_gone(self) -> bool:
        """Whether every mirror answered that it does not have the file."""
        return all(GONE.match(self.words.get(uri, "")) for uri in self.item.uris)

    @property
    def lacks_space(self) -> bool:
        """Whether our own disk is full."""
        return any(NO_SPACE in words for words in self.words.values())

    @property
    def arrived(self) -> int:
        """The number of bytes downloaded, at most the file's size."""
        return self.item.size if self.done else min(present(self.partial), self.item.size)

    def failed(self, uri: str, words: str, *, wrong: bool = False) -> None:
        """Record the failure of a mirror."""
        self.words[uri] = words
        (self.wrong.add if wrong else self.wrong.discard)(uri)

    def take(self, order: Fetch, said: str, *, resumed: bool) -> None:
        """Verify the downloaded file, whatever apt printed, and rename it; or record the failure."""
        refused = present(order.refused) > 0
        order.refused.unlink(missing_ok=True)
        whole = present(self.partial) >= self.item.size
        if whole and not refused and self.item.is_at(self.partial):
            with self.partial.open("rb") as stream:
                settle(stream)
            self.partial.replace(self.item.target)
            self.done = True
        elif refused or whole:
            self.partial.unlink(missing_ok=True)
            if resumed:  # the cause may be an interrupted run: try the same URI again, from the start
                self.untried.insert(0, order.uri)
            self.failed(order.uri, f"other bytes than expected: {said}".rstrip(": "), wrong=True)
        else:
            self.failed(order.uri, said)
