"""One file on its way from its mirrors to its name: what was tried, and the check before the rename."""

import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from package_cache.apt.acquire_helper import Fetch, present
from package_cache.filesystem.paths import settle, sha256_of
from package_cache.filesystem.write_errors import NO_SPACE

PARTIAL = ".partial"
"""The folder beside the targets where files grow. What a dead run left there is continued or swept away."""

PERMANENT = re.compile(r"4(?!08|29)[0-9][0-9] ")
"""The HTTP statuses that another try would not change (RFC 9110, 15.5; 408 and 429 ask for patience)."""

GONE = re.compile(r"(?:404|410) |File not found")
"""apt's words for a file that a server or a folder does not have (RFC 9110, 15.5.5 and 15.5.11)."""


@dataclass(frozen=True)
class Download:
    """A file that is wanted, and all the places that should have it, best first."""

    uris: tuple[str, ...]
    """Escaped as in any URI."""
    target: Path
    sha256: str
    size: int
    """In bytes."""
    package: str = ""
    """The name by which `lock --upgrade` takes a newer version of it."""

    @property
    def name(self) -> str:
        """The file's name at its source, as people know it."""
        return urllib.parse.unquote(PurePosixPath(urllib.parse.urlsplit(self.uris[0]).path).name)

    @property
    def is_there(self) -> bool:
        """Whether the target holds the right bytes already."""
        return self.is_at(self.target)

    def is_at(self, path: Path) -> bool:
        """Return whether a file holds the right bytes."""
        return present(path) == self.size and sha256_of(path) == self.sha256


class Wanted:
    """A download in work."""

    def __init__(self, item: Download) -> None:
        self.item = item
        self.partial = item.target.parent / PARTIAL / f"{item.target.name}.{item.sha256}"
        self.done = False
        self.untried: list[str] = []
        """The URIs that this round has not come to yet."""
        self.words: dict[str, str] = {}
        """What was wrong at each URI, the last time."""
        self.wrong: set[str] = set()
        """The URIs that gave other bytes."""

    @property
    def hopeless(self) -> bool:
        """Whether another round would change nothing: every mirror answered, and none has the file."""
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
        """The bytes that are here, at most the file's size."""
        return self.item.size if self.done else min(present(self.partial), self.item.size)

    def fetch_from(self, uri: str) -> Fetch:
        """Return the order to fetch it from one mirror."""
        return Fetch(uri, self.partial, self.item.sha256, self.item.size)

    def failed(self, uri: str, words: str, *, wrong: bool = False) -> None:
        """Remember what was wrong at a mirror."""
        self.words[uri] = words
        (self.wrong.add if wrong else self.wrong.discard)(uri)

    def take(self, order: Fetch, said: str, *, resumed: bool) -> None:
        """Check what came, whatever apt said of it, and give it its name; or remember what was wrong."""
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
            if resumed:  # what a dead run left may be to blame: the same place gets another chance, from the start
                self.untried.insert(0, order.uri)
            self.failed(order.uri, f"other bytes than expected: {said}".rstrip(": "), wrong=True)
        else:
            self.failed(order.uri, said)
