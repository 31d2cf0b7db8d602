"""Many files from several mirrors: in parallel, resumed, tried again, and checked before they have their name.

for each round (a pause before all but the first)
  for each file that is still missing, its next mirror
    per server: one file alone, which shows whether it answers at all; then the rest in batches, in parallel
"""

import concurrent.futures
import contextlib
import os
import re
import threading
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from package_cache.outside.apt_helper import Fetch, fetch, present, without_password
from package_cache.outside.files import sha256_of
from package_cache.values.errors import ArchiveError, PackageCacheError, Problem, VerificationError
from package_cache.values.events import Listener, Progress, ignore

PARTIAL = ".partial"
"""The folder beside the targets where files grow. What a dead run left there is continued or swept away."""

BATCH = 25
"""Files for one call of apt-helper: each call costs about 20 ms, and tells of a broken file only at its end."""

SILENT = re.compile(
    r"(Could not (connect|resolve)|Cannot initiate|Unable to connect|Temporary failure|Something wicked)"
)
"""apt's words where a server did not even answer: then it is not asked for the next file, which could take as long."""

PERMANENT = re.compile(r"4(?!08|29)[0-9][0-9] ")
"""The HTTP statuses that another try would not change (RFC 9110, 15.5; 408 and 429 ask for patience)."""


@dataclass(frozen=True)
class Download:
    """A file that is wanted, and all the places that should have it, best first."""

    uris: tuple[str, ...]
    """Escaped as in any URI."""
    target: Path
    sha256: str
    size: int
    """In bytes."""

    @property
    def name(self) -> str:
        """The file's name at its source, as people know it."""
        return urllib.parse.unquote(PurePosixPath(urllib.parse.urlsplit(self.uris[0]).path).name)


@dataclass(frozen=True)
class Patience:
    """How long to wait for others."""

    timeout: float = 15.0
    """Whole seconds that a server may be silent."""
    pauses: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Seconds before each further round over the mirrors."""


def download(
    items: Sequence[Download],
    *,
    listener: Listener = ignore,
    parallel: int = 4,
    config: Path | None = None,
    patience: Patience | None = None,
) -> int:
    """Fetch files so that each target appears whole, with the right size and SHA-256, or not at all.

    Gives the bytes that were fetched: less than the sizes together where something was resumed or already there.
    `config` is an apt.conf(5) read before the machine's own. One process at a time may fill a folder: the caller locks.

    One broken file does not stop the others. In the end one error tells of all of them, each with its mirrors and
    apt's words: `VerificationError` where a file came wrong from every mirror that had it, else `ArchiveError`.
    """
    wanted = [_Wanted(item) for item in {item.target: item for item in items}.values() if not _is_there(item)]
    if not wanted:
        return 0
    run = _Run(wanted, parallel, config, patience or Patience(), listener)
    try:
        run.all_rounds()
    finally:
        run.clean_up()
    if failed := [one for one in wanted if not one.done]:
        raise _error(failed)
    return run.fetched


def _is_there(item: Download) -> bool:
    return present(item.target) == item.size and sha256_of(item.target) == item.sha256


class _Wanted:
    """A file on its way."""

    def __init__(self, item: Download) -> None:
        self.item = item
        self.partial = item.target.parent / PARTIAL / f"{item.target.name}.{item.sha256}"
        self.done = False
        self.untried: list[str] = []
        """The mirrors' URIs that this round has not come to yet."""
        self.words: dict[str, str] = {}
        """What was wrong at each URI, the last time."""
        self.wrong: set[str] = set()
        """The URIs that gave other bytes."""

    @property
    def hopeless(self) -> bool:
        """Whether another round would change nothing."""
        return all(uri in self.wrong or PERMANENT.match(self.words.get(uri, "")) for uri in self.item.uris)

    def next_from(self, silent: set[str]) -> str:
        """Give the next URI of this round, those of servers that do not answer last."""
        return min(self.untried, key=lambda uri: _server(uri) in silent)

    def failed(self, uri: str, words: str, *, wrong: bool = False) -> None:
        self.words[uri] = words
        (self.wrong.add if wrong else self.wrong.discard)(uri)


def _server(uri: str) -> str:
    split = urllib.parse.urlsplit(uri)
    return f"{split.scheme}://{split.netloc}"


Batch = list[tuple[_Wanted, str]]
"""Files with the URI to try."""


class _Run:
    """All rounds over all files of one call of `download`."""

    def __init__(
        self, wanted: list[_Wanted], parallel: int, config: Path | None, patience: Patience, listener: Listener
    ) -> None:
        self.wanted = wanted
        self.fetched = 0
        self._parallel = parallel
        self._config = config
        self._patience = patience
        self._listener = listener
        self._told = -1
        self._answering: set[str] = set()
        self._silent: set[str] = set()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    def all_rounds(self) -> None:
        for one in self.wanted:
            one.partial.parent.mkdir(parents=True, exist_ok=True)
        self._tell(0)
        for pause in (0.0, *self._patience.pauses):
            missing = [one for one in self.wanted if not one.done and not (one.words and one.hopeless)]
            if not missing:
                break
            time.sleep(pause)
            self._round(missing)

    def _round(self, missing: list[_Wanted]) -> None:
        for one in missing:
            one.untried = list(one.item.uris)
        while step := [(one, one.next_from(self._silent)) for one in missing if one.untried and not one.done]:
            by_server: dict[str, Batch] = {}
            for one, uri in sorted(step, key=lambda pair: len(pair[0].words)):
                one.untried.remove(uri)
                by_server.setdefault(_server(uri), []).append((one, uri))
            scouts = {server: batch[0] for server, batch in by_server.items() if server not in self._answering}
            self._run_batches([[scout] for scout in scouts.values()])
            rest: list[Batch] = []
            for server, batch in by_server.items():
                batch = batch[1:] if server in scouts else batch  # noqa: PLW2901
                if server in self._answering:
                    rest += self._split(batch)
                else:
                    for one, uri in batch:
                        one.failed(uri, "not asked: the server did not answer for another file")
            self._run_batches(rest)

    def _split(self, batch: Batch) -> list[Batch]:
        """Deal files out, big ones first, so that the batches take about as long as each other."""
        count = max(min(self._parallel, len(batch)), -(-len(batch) // BATCH))
        batch = sorted(batch, key=lambda pair: -pair[0].item.size)
        return [part for first in range(count) if (part := batch[first::count])]

    def _run_batches(self, batches: list[Batch]) -> None:
        with concurrent.futures.ThreadPoolExecutor(self._parallel) as pool:
            futures = [pool.submit(self._fetch, batch) for batch in batches]
            try:
                pending = set(futures)
                while pending:
                    _, pending = concurrent.futures.wait(pending, timeout=0.2)
                    self._tell()
            except BaseException:  # also Ctrl-C: the threads see it at their next look, and end their processes
                self._cancelled.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            for future in futures:
                future.result()

    def _fetch(self, batch: Batch) -> None:
        """Run one call, and take over what came. In a thread of its own."""
        files = [Fetch(uri, one.partial, one.item.sha256, one.item.size) for one, uri in batch]
        before = [present(file.partial) for file in files]
        words = fetch(files, timeout=self._patience.timeout, config=self._config, cancelled=self._cancelled.is_set)
        if self._cancelled.is_set():
            return
        for (one, uri), file, size, said in zip(batch, files, before, words, strict=True):
            now = present(file.partial) or present(file.refused)
            with self._lock:
                self.fetched += max(now - size, 0)
                (self._silent if SILENT.match(said) else self._answering).add(_server(uri))
                if not SILENT.match(said):
                    self._silent.discard(_server(uri))
            self._take(one, uri, file, said, resumed=size > 0)

    def _take(self, one: _Wanted, uri: str, file: Fetch, said: str, *, resumed: bool) -> None:
        refused = present(file.refused) > 0
        file.refused.unlink(missing_ok=True)
        whole = present(file.partial) >= file.size
        if whole and not refused and _holds(file):
            _publish(file.partial, one.item.target)
            one.done = True
        elif refused or whole:
            file.partial.unlink(missing_ok=True)
            if resumed:  # what a dead run left may be to blame: the same place gets another chance, from the start
                one.untried.insert(0, uri)
            one.failed(uri, f"other bytes than expected: {said}" if said else "other bytes than expected", wrong=True)
        else:
            one.failed(uri, said)

    def clean_up(self) -> None:
        """Sweep the folders of partial files, except what can be resumed by the next run."""
        keep = {one.partial for one in self.wanted if not one.done}
        for folder in {one.partial.parent for one in self.wanted}:
            with contextlib.suppress(OSError):
                for path in set(folder.iterdir()) - keep:
                    path.unlink()
                folder.rmdir()

    def _tell(self, done: int | None = None) -> None:
        """Tell how far it is, where that has changed."""
        total = sum(one.item.size for one in self.wanted)
        if done is None:
            done = sum(one.item.size if one.done else min(present(one.partial), one.item.size) for one in self.wanted)
        if done != self._told:
            self._told = done
            self._listener(Progress("downloading", done, total))


def _holds(file: Fetch) -> bool:
    return present(file.partial) == file.size and sha256_of(file.partial) == file.sha256


def _publish(partial: Path, target: Path) -> None:
    """Give a checked file its name, so that it survives a power cut whole."""
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        os.fchmod(descriptor, 0o644)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(target)


def _error(failed: list[_Wanted]) -> PackageCacheError:
    problems = []
    for one in failed:
        tried = "".join(f"\n    {without_password(uri)}: {one.words.get(uri, 'not tried')}" for uri in one.item.uris)
        problems.append(Problem(f"{one.item.name} ({one.item.size} bytes, SHA-256 {one.item.sha256}){tried}"))
    files = "1 file" if len(failed) == 1 else f"{len(failed)} files"
    if any(one.wrong for one in failed):
        return VerificationError(
            f"cannot get {files} with the bytes that the lock states",
            problems=problems,
            hint="try another mirror; if the archive itself has changed the file, lock again",
        )
    return ArchiveError(
        f"cannot download {files}",
        problems=problems,
        hint="check the network or name another mirror; what did come is kept, so running it again goes on from there",
    )
