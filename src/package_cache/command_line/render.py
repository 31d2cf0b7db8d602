"""How everything looks: talk for people on standard error, results as text or JSON on standard output."""

import dataclasses
import json as json_module
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import click

from package_cache.values.errors import PackageCacheError
from package_cache.values.events import Event, Listener, Warn
from package_cache.values.statuses import ExitStatus

JSON_FORMAT = 1
"""Of the envelope that `--json` prints: format, verb, status, reason, and result or error."""


class Renderer:
    """Renders one run of the command."""

    def __init__(self, *, json: bool, verb: str) -> None:
        self.json = json
        self.verb = verb

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Give a listener: steps and bars on a terminal, in a pipe nothing but warnings."""
        if self.json or not sys.stderr.isatty():
            yield self._only_warnings
            return
        from package_cache.command_line.terminal import on_terminal  # noqa: PLC0415 - as long as all the rest to load

        with on_terminal() as listener:
            yield listener

    def _only_warnings(self, event: Event) -> None:
        if isinstance(event, Warn):
            click.echo(f"warning: {event.text}", err=True)

    def result(self, text: str, value: Any, status: ExitStatus = ExitStatus.INSTALLED) -> int:
        """Print a verb's result: `text` for people, `value` (a dataclass, or plain) for programs. Gives the status."""
        if self.json:
            self._envelope(status, result=value)
        elif text:
            click.echo(text)
        return status.code

    def error(self, error: PackageCacheError) -> None:
        """Tell an error."""
        if self.json:
            told = {
                "message": error.message,
                "problems": [dataclasses.asdict(problem) for problem in error.problems],
                "details": error.details,
                "hint": error.hint,
            }
            self._envelope(error.status, error=told)
        from package_cache.command_line.terminal import talk  # noqa: PLC0415

        talk().print("[red]error:[/red]", end=" ")
        click.echo(str(error), err=True)

    def usage(self, error: click.UsageError) -> None:
        """Tell what is wrong with the command line."""
        if self.json:
            self._envelope(ExitStatus.USAGE, error={"message": error.format_message()})
        error.show(sys.stderr)

    def interrupted(self) -> None:
        """Tell that a signal ended it."""
        if self.json:
            self._envelope(ExitStatus.INTERRUPTED, error={"message": "interrupted"})
        click.echo("interrupted: what was done so far is kept; run it again to go on", err=True)

    def _envelope(self, status: ExitStatus, **content: Any) -> None:
        reason = "ok" if status is ExitStatus.INSTALLED else status.reason
        head = {"format": JSON_FORMAT, "verb": self.verb, "status": status.code, "reason": reason}
        text = json_module.dumps({**head, **content}, indent=1, ensure_ascii=False, default=_plain)
        if not _can_be_printed(text):
            text = json_module.dumps({**head, **content}, indent=1, default=_plain)
        click.echo(text)


def _can_be_printed(text: str) -> bool:
    """Tell whether standard output has all signs: an image or a path may hold what no encoding has."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    """Return what JSON has for a value that `json` does not know."""
    if dataclasses.is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    return value.value if isinstance(value, Enum) else str(value)
