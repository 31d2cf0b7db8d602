"""Talk for people on a terminal: lines, bars and colours. Loaded only where there is something to say."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from package_cache.command_line.amounts import in_bytes
from package_cache.values.events import Event, Listener, Progress, Step, Warn


def talk() -> Console:
    """Give standard error as rich sees it."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def on_terminal() -> Iterator[Listener]:
    """Give a listener that shows steps and bars; the bars go at the end of the block."""
    console = talk()
    bars = Bars(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[amount]}"), TimeRemainingColumn(),
        console=console, transient=True,
    )  # fmt: skip
    with bars:
        yield _OnTerminal(console, bars).listen


class _OnTerminal:
    """Turns events into lines and bars."""

    def __init__(self, console: Console, bars: Bars) -> None:
        self._console = console
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def listen(self, event: Event) -> None:
        match event:
            case Step(text):
                self._console.print(f"[dim]{text}[/dim]", markup=True)
            case Warn(text):
                self._console.print(f"[yellow]warning:[/yellow] {text}")
            case Progress(step, done, total, unit):
                amount = f"{in_bytes(done)} of {in_bytes(total)}" if unit == "bytes" else f"{done} of {total} {unit}"
                if step not in self._tasks:
                    self._tasks[step] = self._bars.add_task(step, amount=amount)
                self._bars.update(self._tasks[step], completed=done, total=total, amount=amount)
