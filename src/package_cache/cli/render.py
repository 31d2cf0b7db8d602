"""Rendering: messages on standard error, results as text or JSON on standard output.

All output of the command passes here or in `terminal.py`, through the filter `escaping`.
"""

import dataclasses
import io
import json as json_module
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import click

from package_cache.cli.plain_log import PlainLog
from package_cache.errors import PackageCacheError
from package_cache.escaping import visible, visible_line
from package_cache.events import Event, Listener, Warn
from package_cache.exit_codes import ExitStatus

JSON_FORMAT = 1
"""The version of the envelope that `--json` prints: format, verb, status, reason, and result or error."""


class Renderer:
    """Renders the output of one run of the command."""

    def __init__(self, *, json: bool, verb: str) -> None:
        self.json = json
        self.verb = verb
        self._log = PlainLog(self.complain)

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Yield a listener: with `--json` for warnings, on a terminal for steps and bars, else for a `PlainLog`."""
        if self.json:
            yield self._only_warnings
            return
        if sys.stderr is None or not sys.stderr.isatty():
            with self._log.listening() as listener:
                yield listener
            return
        from package_cache.cli.terminal import on_terminal  # noqa: PLC0415 - slow to import

        with on_terminal() as listener:
            yield listener

    def _only_warnings(self, event: Event) -> None:
        if isinstance(event, Warn):
            self.complain(f"warning: {visible_line(event.text)}")

    def complain(self, text: str) -> None:
        """Print lines on standard error."""
        click.echo(visible(text), err=True)

    def result(self, text: str, value: Any, status: ExitStatus = ExitStatus.INSTALLED) -> int:
        """Print a result, as `text` or with `--json` as `value` (a dataclass or plain data); return the status."""
        if self.json:
            self._envelope(status, result=value)
        elif text:
            click.echo(visible(text))
        return status.code

    def error(self, error: PackageCacheError) -> int:
        """Print an error; return its status."""
        if self.json:
            told = {
                "message": error.message,
                "problems": [dataclasses.asdict(problem) for problem in error.problems],
                "details": error.details,
                "hint": error.hint,
            }
            self._envelope(error.status, error=told)
        from package_cache.cli.terminal import talk  # noqa: PLC0415

        talk().print("[red]error:[/red]", end=" ")
        self.complain(str(error))
        return error.status.code

    def usage(self, error: click.UsageError) -> int:
        """Print an error in the command line; return its status."""
        if self.json:
            self._envelope(ExitStatus.USAGE, error={"message": error.format_message()})
        shown = io.StringIO()
        error.show(shown)
        self.complain(shown.getvalue().rstrip("\n"))
        return ExitStatus.USAGE.code

    def interrupted(self) -> int:
        """Print that a signal interrupted the command; return its status."""
        if self.json:
            self._envelope(ExitStatus.INTERRUPTED, error={"message": "interrupted"})
        self.complain("interrupted: completed work is kept; run the command again to continue")
        return ExitStatus.INTERRUPTED.code

    def _envelope(self, status: ExitStatus, **content: Any) -> None:
        reason = "ok" if status is ExitStatus.INSTALLED else status.reason
        head = {"format": JSON_FORMAT, "verb": self.verb, "status": status.code, "reason": reason}
        # ASCII works in every encoding and escapes all control characters.
        click.echo(json_module.dumps({**head, **content}, indent=1, default=_plain))


def _plain(value: Any) -> Any:
    """Return the JSON form of a value that `json` does not know."""
    if dataclasses.is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    return value.value if isinstance(value, Enum) else str(value)
