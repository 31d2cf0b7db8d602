"""Output on a terminal: lines, progress bars and colours. Imported only if there is something to print."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from package_cache.escaping import visible_line
from package_cache.events import Event, Listener, Progress, Step, Warn
from package_cache.formatting import how_far


def talk() -> Console:
    """Return a console on standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def on_terminal() -> Iterator[Listener]:
    """Yield a listener that shows steps and progress bars; the bars disappear at the end of the block."""
    console = talk()
    bars = Bars(
        TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[amount]}", markup=False),
        TimeRemainingColumn(),
        console=console, transient=True,
    )  # fmt: skip
    tasks: dict[str, TaskID] = {}

    def listen(event: Event) -> None:
        match event:
            case Step(text):
                console.print(Text(visible_line(text), style="dim"))
            case Warn(text):
                console.print(Text("warning:", style="yellow"), Text(visible_line(text)))
            case Progress(step, done, total, _):
                amount = how_far(event)
                if step not in tasks:
                    tasks[step] = bars.add_task(visible_line(step), amount=amount)
                bars.update(tasks[step], completed=done, total=total, amount=amount)

    with bars:
        yield listen
