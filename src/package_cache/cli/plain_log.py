"""Progress if standard error is not a terminal: lines for the log of a pipeline or a script.

A command that finishes within `QUIET` seconds prints none. After that it prints the phases so far, each further phase
when it starts, and the progress of the current phase after every `QUIET` seconds without a line.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from package_cache.escaping import visible_line
from package_cache.events import Event, Listener, Progress, Step, Warn
from package_cache.formatting import how_far

QUIET = 10.0
"""Seconds."""


class PlainLog:
    """Writes the progress of one run of the command by `write`, one line per call."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._began = time.monotonic()
        self._written = self._began
        """The time of the last line."""
        self._held: list[str] = []
        """Phases that are not written yet."""
        self._phase = ""
        self._unfinished: dict[str, Progress] = {}
        self._lock = threading.Lock()

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Yield a listener; during the block, lines are also written without events."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(max(self._written + QUIET - time.monotonic(), 0.01)):
                with self._lock:
                    self._write_what_is_due()

        thread = threading.Thread(target=watch, name="progress", daemon=True)
        thread.start()
        try:
            yield self._listen
        finally:
            ended.set()
            thread.join()
            self._unfinished.clear()

    def _listen(self, event: Event) -> None:
        with self._lock:
            match event:
                case Warn(text):
                    self._line(f"warning: {visible_line(text)}")
                case Step(text):
                    self._start(text)
                case Progress(step, done, total, _):
                    if done >= total:
                        self._unfinished.pop(step, None)
                        return
                    if step not in self._unfinished:
                        self._start(step)
                    self._unfinished[step] = event

    def _start(self, phase: str) -> None:
        self._phase = phase
        self._held.append(phase)
        if time.monotonic() - self._began >= QUIET:
            self._write_held()

    def _write_held(self) -> None:
        for phase in self._held:
            self._timed(visible_line(phase))
            self._written = time.monotonic()
        self._held.clear()

    def _write_what_is_due(self) -> None:
        if time.monotonic() < self._written + QUIET:
            return
        self._written = time.monotonic()
        if self._held:
            self._write_held()
        elif self._unfinished:
            amounts = (f"{visible_line(event.step)}: {how_far(event)}" for event in self._unfinished.values())
            self._timed("; ".join(amounts))
        else:
            self._timed(f"still {visible_line(self._phase or 'running')}")

    def _timed(self, text: str) -> None:
        self._line(f"{time.monotonic() - self._began:.0f} s: {text}")

    def _line(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a failed write does not change the result
            self._write(text)
