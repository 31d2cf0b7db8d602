"""Downloads many files from several mirrors: in parallel, resumed, retried, and verified before they are renamed.

for each round (a pause before all but the first)
  for each file that is still missing, its next mirror
    per server: one file alone, which shows whether it answers at all; then the rest in batches, in parallel
"""

import concurrent.futures
import contextlib
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from package_cache.apt.acquire_helper import Fetch, fetch, present
from package_cache.apt.network import how_to_trust
from package_cache.bounds import check_bound
from package_cache.errors import ArchiveError, PackageCacheError, Problem, VerificationError, unforeseen
from package_cache.events import Listener, Progress, ignore
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.confined import settle
from package_cache.filesystem.paths import sha256_of
from package_cache.filesystem.write_errors import NO_SPACE, writing_to
from package_cache.uris import UNAUTHORIZED, WANTS_A_LOGIN, without_credentials

PARTIAL = ".partial"
"""The folder beside the targets for partial files. Those of an interrupted run are resumed or deleted."""

PERMANENT = re.compile(r"4(?!08|29)[0-9][0-9] ")
"""The HTTP statuses that a retry would not change (RFC 9110, 15.5; 408 and 429 ask for a retry)."""

GONE = re.compile(r"(?:404|410) |File not found")
"""Apt's messages for a file that a server or a folder does not have (RFC 9110, 15.5.5 and 15.5.11)."""

BATCH = 50
"""About how many files one call of apt-helper fetches: each call costs a process and a connection that starts slowly,
and reports a broken file only at its end."""

PER_FILE = 50_000
"""The fixed cost of a file, in bytes that could be downloaded in the same time."""

SILENT = re.compile(r"Could not (connect|resolve)|Cannot initiate|Unable to connect|Temporary failure|Something wicked")
"""Apt's messages if a server did not answer: it is not asked for the next file, which could take as long."""


@dataclass(frozen=True)
class Patience:
    """How much to ask of others, and how long to wait for them."""

    timeout: float = 15.0
    """Whole seconds that a server may be silent."""
    window: float = 60.0
    """Seconds in which a call must bring at least `apt_helper.SLOWEST` bytes a second on average."""
    pauses: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Seconds before each further round over the mirrors."""
    parallel: int = 4
    """Calls at a time."""


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


def download(
    items: Sequence[Download],
    *,
    listener: Listener = ignore,
    auth: Path | None = None,
    patience: Patience | None = None,
) -> int:
    """Download files so that each target appears complete, with the right size and SHA-256, or not at all.

    Return the number of bytes downloaded, without resumed and existing ones.
    `auth` is an apt_auth.conf(5) instead of the machine's. One process at a time may fill a folder: the caller locks.

    One broken file does not stop the others. One error at the end reports all of them, each with its mirrors and
    apt's message: `VerificationError` if a mirror sent wrong bytes for a file that no mirror sent right, else
    `ArchiveError`, with the status NO_SPACE if our disk is full. Raises `PackageCacheError` if a file cannot be
    written.
    """
    wanted = [_Wanted(item) for item in {item.target: item for item in items}.values() if not item.is_at(item.target)]
    if not wanted:
        return 0
    for one in wanted:
        check_bound("package-bytes", one.item.size, one.item.name)
    run = _Run(wanted, auth, patience or Patience(), listener)
    try:
        with writing_to(wanted[0].item.target.parent, what="write downloads"):
            run.all_rounds()
    except OSError as error:
        raise unforeseen(error, "cannot write downloads") from error
    finally:
        run.clean_up()
    if failed := [one for one in wanted if not one.done]:
        raise _error(failed)
    return run.fetched


SHOWN = 3
"""The number of names in a message about files that failed for the same reason."""


def _server(uri: str) -> str:
    split = urllib.parse.urlsplit(uri)
    return f"{split.scheme}://{split.netloc}"


class _Wanted:
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


Batch = list[tuple[_Wanted, str]]
"""Files with the URI to try."""


@dataclass
class _Run:
    """All rounds over all files of one call of `download`."""

    wanted: list[_Wanted]
    _auth: Path | None
    _patience: Patience
    _listener: Listener
    fetched: int = 0
    _told: int = 0
    _answering: set[str] = field(default_factory=set)
    _silent: set[str] = field(default_factory=set)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def _size(self) -> int:
        return sum(one.item.size for one in self.wanted)

    def all_rounds(self) -> None:
        for folder in {one.partial.parent for one in self.wanted}:
            folder.mkdir(parents=True, exist_ok=True)
        self._listener(Progress("downloading", 0, self._size))
        for pause in (0.0, *self._patience.pauses):
            missing = [one for one in self.wanted if not one.done and not (one.words and one.hopeless)]
            if not missing or any(one.lacks_space for one in missing):
                break
            time.sleep(pause)
            for one in missing:
                one.untried = list(one.item.uris)
            while step := [(one, self._next_uri(one)) for one in missing if one.untried and not one.done]:
                self._step(step)

    def _next_uri(self, one: _Wanted) -> str:
        """Return a file's next URI; servers that do not answer come last."""
        uri = min(one.untried, key=lambda uri: _server(uri) in self._silent)
        one.untried.remove(uri)
        return uri

    def _step(self, step: Batch) -> None:
        """Try one URI of each file."""
        by_server: dict[str, Batch] = {}
        # The first file of a server should be small and without failures: the others wait for it.
        for one, uri in sorted(step, key=lambda pair: (len(pair[0].words), pair[0].item.size)):
            by_server.setdefault(_server(uri), []).append((one, uri))
        scouts = [batch.pop(0) for server, batch in by_server.items() if server not in self._answering]
        self._run_batches([[scout] for scout in scouts])
        batches: list[Batch] = []
        for server, batch in by_server.items():
            if server in self._answering:
                batches += self._split(batch)
            else:
                for one, uri in batch:
                    one.failed(uri, "not asked: the server did not answer for another file")
        self._run_batches(batches)

    def _split(self, batch: Batch) -> list[Batch]:
        """Distribute files over batches of about the same duration: large files first, each to the smallest batch.

        The number of batches is a multiple of the parallel calls, so that no batch runs alone at the end.
        """
        count = min(self._patience.parallel * -(-len(batch) // (self._patience.parallel * BATCH)), len(batch))
        batches: list[Batch] = [[] for _ in range(count)]
        work = [0] * count
        for one, uri in sorted(batch, key=lambda pair: -pair[0].item.size):
            least = work.index(min(work))
            batches[least].append((one, uri))
            work[least] += one.item.size + PER_FILE
        return batches

    def _run_batches(self, batches: list[Batch]) -> None:
        with concurrent.futures.ThreadPoolExecutor(self._patience.parallel) as pool:
            try:
                futures = [pool.submit(self._fetch, batch) for batch in batches]
                pending = set(futures)
                while pending:
                    _, pending = concurrent.futures.wait(pending, timeout=0.2)
                    self._tell()
            except BaseException:  # also Ctrl-C: the threads poll this, and end their processes
                self._cancelled.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        for future in futures:
            future.result()

    def _fetch(self, batch: Batch) -> None:
        """Run one call in a thread, and check the files that it downloaded."""
        orders = [Fetch(uri, one.partial, one.item.sha256, one.item.size) for one, uri in batch]
        before = [present(one.partial) for one, _ in batch]
        patience, cancelled = self._patience, self._cancelled.is_set
        said = fetch(orders, timeout=patience.timeout, window=patience.window, auth=self._auth, cancelled=cancelled)
        if self._cancelled.is_set():
            return
        for (one, uri), order, size, words in zip(batch, orders, before, said, strict=True):
            with self._lock:
                self.fetched += max((present(order.partial) or present(order.refused)) - size, 0)
                if SILENT.match(words):
                    self._silent.add(_server(uri))
                else:
                    self._answering.add(_server(uri))
                    self._silent.discard(_server(uri))
            one.take(order, words, resumed=size > 0)

    def clean_up(self) -> None:
        """Delete partial files, except those that the next run can resume."""
        keep = {one.partial for one in self.wanted if not one.done}
        for folder in {one.partial.parent for one in self.wanted}:
            with contextlib.suppress(OSError):
                for path in set(folder.iterdir()) - keep:
                    path.unlink()
                folder.rmdir()

    def _tell(self) -> None:
        """Report the progress if it has changed."""
        done = sum(one.arrived for one in self.wanted)
        if done != self._told:
            self._told = done
            self._listener(Progress("downloading", done, self._size))


def _told(cause: tuple[tuple[str, str], ...], files: list[_Wanted]) -> Iterator[str]:
    """Yield the lines about files that failed for the same reason: the cause once, by URI if it is a single file."""
    if len(files) > 1:
        names = ", ".join(one.item.name for one in files[:SHOWN])
        yield f"{len(files)} files: {names}{', ...' if len(files) > SHOWN else ''}"
        yield from dict.fromkeys(f"    {without_credentials(server)}: {words}" for server, words in cause)
        return
    item = files[0].item
    yield f"{item.name} ({item.size} bytes, SHA-256 {item.sha256})"
    for uri, (_, words) in zip(item.uris, cause, strict=True):
        yield f"    {without_credentials(uri)}: {words}"


_HOW_TO_GO_ON = (
    "lock the versions that it has now: package-cache lock --upgrade {}; "
    "or name a mirror that keeps old ones: --snapshot NAME=URI"
)


def _error(failed: list[_Wanted]) -> PackageCacheError:
    alike: dict[tuple[tuple[str, str], ...], list[_Wanted]] = {}
    for one in failed:
        cause = tuple((_server(uri), one.words.get(uri, "not tried")) for uri in one.item.uris)
        alike.setdefault(cause, []).append(one)
    problems = [Problem("\n".join(_told(cause, files))) for cause, files in alike.items()]
    files = "1 file" if len(failed) == 1 else f"{len(failed)} files"
    words = "\n".join(text for one in failed for text in one.words.values())
    gone = sorted({one.item.package for one in failed if one.is_gone and one.item.package})
    message = f"cannot download {files}"
    if any(one.lacks_space for one in failed):
        hint = f"free some space in {failed[0].item.target.parent}, then run this again: it resumes"
        return ArchiveError(f"{message}: no space left", problems=problems, hint=hint, status=ExitStatus.NO_SPACE)
    if any(one.wrong for one in failed):
        message = f"cannot get {files} with the bytes that the lock states"
        hint = "try another mirror; if the archive itself has changed the file, lock again"
        return VerificationError(message, problems=problems, hint=hint)
    if UNAUTHORIZED.search(words):
        hint = WANTS_A_LOGIN
    elif gone:
        message += f": the archive no longer has {', '.join(gone)} in the locked version"
        hint = _HOW_TO_GO_ON.format(" ".join(gone))
    else:
        hint = how_to_trust(words) or "check the network, or name another mirror; then run this again: it resumes"
    return ArchiveError(message, problems=problems, hint=hint)
