"""Init containers that wait at a gate, so that the clock runs around their own work and not around podman's.

A gate is two pipes in a folder that is mounted: who reads from one waits until somebody writes.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.kubernetes.ground import LIMIT, Ground
from package_cache.errors import PackageCacheError

GO = 'read go </gate/go; exec sh /init/stage_groups.sh "$@"'
GO_AND_STAY = 'read go </gate/go; sh /init/stage_groups.sh "$@"; status=$?; read end </gate/end; exit "$status"'
"""The second stays until it is let go, so that its control group can be read when its work is done."""

_AT_THE_GATE = 0.7
"""Seconds after the last container's start, until all of them wait."""


class Gate:
    """A gate whose containers are there or not yet."""

    def __init__(self, ground: Ground, folder: Path, script: str) -> None:
        self._ground, self._folder, self._script = ground, folder, script
        for name in ("go", "end"):
            os.mkfifo(folder / name)

    def start(self, volumes: Sequence[Path], words: Sequence[str], options: Sequence[str] = ()) -> list[str]:
        """Start an init container for each volume; give their names when all of them wait."""
        names = [f"gated-{number}" for number in range(len(volumes))]
        entry = f'["/bin/sh", "-c", {_quoted(self._script)}, "sh"]'
        for name, volume in zip(names, volumes, strict=True):
            self._ground.podman(
                "create", "--name", name, "--network", "none", "--entrypoint", entry, *options,
                "--volume", f"{self._folder}:/gate", "--volume", f"{volume}:/package_cache",
                self._ground.init_image, *words,
            )  # fmt: skip
        self._ground.podman("start", *names, timeout=LIMIT)
        time.sleep(_AT_THE_GATE)
        return names

    @contextlib.contextmanager
    def opened(self, count: int, *, before: Callable[[], None] = lambda: None) -> Iterator[float]:
        """Let all go and give the time of the clock; `before` is called at the last moment."""
        descriptor = _open_for_writing(self._folder / "go", LIMIT)
        try:
            before()
            began = time.time()
            with contextlib.suppress(BrokenPipeError):  # one that was killed before this
                os.write(descriptor, b"\n" * count)  # each reads one, byte by byte
            yield began
        finally:
            os.close(descriptor)

    def wait_for_end(self, watch: Callable[[], None]) -> None:
        """Call `watch` again and again until one that stays has done its work; then let it go with `let_go`."""
        deadline = time.monotonic() + LIMIT
        while True:
            watch()
            with contextlib.suppress(OSError):  # ENXIO: nobody reads yet (fifo(7))
                os.close(os.open(self._folder / "end", os.O_WRONLY | os.O_NONBLOCK))
                return
            if time.monotonic() > deadline:
                raise PackageCacheError("cannot go on: an init container does not end")
            time.sleep(0.002)


def _quoted(script: str) -> str:
    escaped = script.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _open_for_writing(pipe: Path, limit: float) -> int:
    """Open a pipe that somebody waits at, and not forever."""
    deadline = time.monotonic() + limit
    while True:
        try:
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            os.set_blocking(descriptor, True)
            return descriptor
