"""One call of `apt-helper download-file`: several files, one after the other, by apt's own acquire code.

So credentials (apt_auth.conf(5)), every transport of the machine's apt, and what it is told of the way to the net
(`network`) count. How many calls there are, and from which mirror, is decided in `downloads`.
"""

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.apt.network import NOT_THIS_MACHINES, network_lines
from package_cache.filesystem.plain_links import plain_path
from package_cache.filesystem.temporary import temporary_folder
from package_cache.process import end, start
from package_cache.uris import without_credentials

LOOK_EVERY = 0.1
"""Seconds between two looks at a running call."""

SLOWEST = 1024
"""Bytes a second that a call must bring: else a server that drips, or stalls at every file, could hold us for hours."""


@dataclass(frozen=True)
class Fetch:
    """One file of a call."""

    uri: str
    partial: Path
    """Where it is written. What lies there already is continued, where the server can and has not changed it."""
    sha256: str
    size: int
    """In bytes."""

    @property
    def refused(self) -> Path:
        """The path where apt-helper leaves a file whose hash is wrong."""
        return self.partial.with_name(self.partial.name + ".FAILED")


def present(path: Path) -> int:
    """Return a file's size in bytes, 0 if it does not exist."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def fetch(
    files: Sequence[Fetch], *, timeout: float, window: float, auth: Path | None, cancelled: Callable[[], bool]
) -> list[str]:
    """Fetch files. Return apt's message for each missing file, "" for the others; the caller checks the bytes.

    `timeout` is how many whole seconds a server may be silent; the whole call must bring `SLOWEST` bytes a second in
    every `window` seconds. `auth` is an apt_auth.conf(5) read instead of the machine's. The call ends early, with empty
    messages, when `cancelled()` becomes true. Raises `ToolMissingError`.
    """
    argv = ["apt-helper", "download-file"]
    for file in files:  # apt's method `file` leaves a symbolic link; `copy` gives a file
        argv += [re.sub(r"^file:", "copy:", file.uri), str(file.partial), f"SHA256:{file.sha256}"]
    with temporary_folder() as folder:  # a killed apt leaves files
        config = Path(folder, "apt.conf")
        config.write_text(_config(timeout, auth))
        process = start(argv, env={"APT_CONFIG": str(config), "TMPDIR": folder})
        watch = _Watch(files, window)
        try:
            while True:
                try:
                    return _words(files, process.communicate(timeout=LOOK_EVERY)[1])
                except subprocess.TimeoutExpired:
                    if cancelled():
                        return [""] * len(files)
                    if reason := watch.objection():
                        return _words(files, end(process)[1], reason)
        finally:
            if process.poll() is None:
                end(process)


def _config(timeout: float, auth: Path | None) -> str:
    """Return the content of an `APT_CONFIG` file for a call."""
    lines = [
        *NOT_THIS_MACHINES,
        *network_lines(),
        # As root apt would fetch as the user _apt, who may write neither into a pool nor below a private home.
        'APT::Sandbox::User "root";',
        'Acquire::Retries "0";',  # the next mirror comes first, then a pause: apt-helper knows only one URI
        *(f'Acquire::{method}::Timeout "{timeout:.0f}";' for method in ("http", "https", "ftp")),
        *([f'Dir::Etc::netrc "{plain_path(auth)}";'] if auth else []),
    ]
    return "".join(f"{line}\n" for line in lines)


class _Watch:
    """Checks that a call makes progress, and that no server sends more than the stated size."""

    def __init__(self, files: Sequence[Fetch], window: float) -> None:
        self._files = files
        self._window = window
        self._began, self._total = time.monotonic(), sum(present(file.partial) for file in files)

    def objection(self) -> str:
        """Return why the call must end, "" if it may continue."""
        sizes = [present(file.partial) for file in self._files]
        for file, size in zip(self._files, sizes, strict=True):
            if size > file.size:
                return f"sent more than the {file.size} bytes of {file.uri.rpartition('/')[2]}"
        now, total = time.monotonic(), sum(sizes)
        if now - self._began < self._window:
            return ""
        if 0 <= total - self._total < SLOWEST * self._window:  # negative: a file was restarted
            return f"given up after less than {SLOWEST} bytes a second in {self._window:g} s"
        self._began, self._total = now, total
        return ""


def _words(files: Sequence[Fetch], errors: str, reason: str = "") -> list[str]:
    """Return apt's message about each file: `E: Failed to fetch <URI>  <words>`, perhaps with indented lines below."""
    said = {}
    for uri, words in re.findall(r"^E: Failed to fetch (\S+) +(.*(?:\n .*)*)", errors, re.MULTILINE):
        said[re.sub(r"^copy:", "file:", uri)] = " ".join(words.split())
    rest = reason or without_credentials(" ".join(errors.split()))[-300:] or "nothing came"
    return [
        said.get(without_credentials(file.uri)) or ("" if present(file.partial) == file.size else rest)
        for file in files
    ]
