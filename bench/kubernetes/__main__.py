"""Ways into pods, measured with real parts: `./run bench kubernetes --help`; explained in docs/kubernetes.md."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from containers.podman import can_run
from rich.console import Console

from bench.kubernetes import kill, pull, sshd, stage
from bench.kubernetes.ground import Ground, ground
from bench.kubernetes.material import PROJECT, prepare_seed
from bench.kubernetes.results import read_parts, write_parts
from bench.kubernetes.tables import failures, report
from bench.machine import machine_facts
from bench.markdown import write_between
from bench.rounds import Tell
from package_cache.cli.options import default_state
from package_cache.errors import PackageCacheError, ToolMissingError
from package_cache.filesystem.state import private_folder

DOCUMENT = PROJECT / "docs" / "kubernetes.md"
RESULTS = PROJECT / "bench" / "results" / "kubernetes.json"
BEGIN, END = "<!-- tables of ./run bench kubernetes: begin -->", "<!-- tables of ./run bench kubernetes: end -->"

PARTS: Mapping[str, Callable[[Ground, int, Tell], dict[str, Any]]] = {
    "pull": pull.measure,
    "stage": stage.measure,
    "sshd": sshd.measure,
    "kill": kill.measure,
}
IN_ROUNDS = ("stage", "sshd")

console = Console(stderr=True, highlight=False)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", metavar="[PART]...", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help=f"Of {', '.join(IN_ROUNDS)}.")
@click.option("--report", "only_report", is_flag=True, help="Measure nothing: write the tables into the document.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=RESULTS,
    help="The JSON, whose parts are replaced.  [default: bench/results/kubernetes.json]",
)
def main(*, parts: Sequence[str], rounds: int, only_report: bool, output: Path) -> None:
    """Measure ways into a pod with real containers, as root: pull, stage, sshd, kill; without names all of them.

    \b
    Example:
      ./run bench kubernetes pull kill
      ./run bench kubernetes --report
    """
    if not only_report:
        chosen = [name for name in PARTS if not parts or name in parts]
        measure(chosen, rounds, output)
        for line in failures(read_parts(output)):
            console.print(f"[red]broken:[/red] {line}")
        sys.stdout.write(report({name: part for name, part in read_parts(output).items() if name in chosen}))
        return
    write_between(DOCUMENT, BEGIN, END, f"\n{report(read_parts(output))}\n")


def measure(names: Sequence[str], rounds: int, output: Path) -> None:
    """Measure parts one after the other, and write the results after each."""
    if reason := can_run():
        raise ToolMissingError(f"cannot measure: {reason}")
    state = private_folder(default_state())
    state.mkdir(parents=True, exist_ok=True)
    tell("preparing the cache of the manifest, and what it is measured with")
    with ground(prepare_seed(state)) as here:
        for name in names:
            before = os.getloadavg()[0]
            found = PARTS[name](here, rounds, tell)
            part = {
                "machine": machine_facts(state),
                "load": [round(before, 2), round(os.getloadavg()[0], 2)],
                "rounds": rounds if name in IN_ROUNDS else None,
                "found": found,
            }
            write_parts(output, {**read_parts(output), name: part})
    console.print(f"written: {output}")


def tell(what: str) -> None:
    """Say what is going on, on a terminal in one line."""
    if console.is_terminal:
        console.print(f"\r\x1b[K{what}", end="", soft_wrap=True)
    else:
        console.print(what, soft_wrap=True)


def interrupted(*_: object) -> None:
    """End as at Ctrl-C: what was started is ended."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    signal.signal(signal.SIGTERM, interrupted)
    try:
        main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        console.print("interrupted")
        sys.exit(130)
    except PackageCacheError as error:
        console.print(f"[red]error:[/red] {error}")
        sys.exit(error.status.code)
