"""The command line of the benchmark: `./run bench --help`."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from containers.program import console, run_program
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.archive import measured_link, served
from bench.concurrency import CROWDS, crowds
from bench.machine import machine_facts
from bench.material import Material, prepare
from bench.measure import run_rounds
from bench.methods import GROUPS, METHODS, SYSTEMS
from bench.report import PROFILES, write_all, write_beside
from bench.results import results_to_merge
from package_cache.cli.options import default_state
from package_cache.events import Event, Step
from package_cache.filesystem.state import private_folder
from package_cache.process import CommandError

PROJECT = Path(__file__).parent.parent
DOCUMENT = PROJECT / "docs" / "benchmarks.md"


def names(known: Sequence[str]) -> dict[str, Any]:
    """Return the settings of an option that takes names of a known set with commas between, all by default."""

    def chosen(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
        for name in value.split(","):
            if name not in known:
                raise click.BadParameter(f"{name!r} is not one of {', '.join(known)}")
        return tuple(name for name in known if name in value.split(","))

    listed = ",".join(known)
    return {"metavar": "NAME,...", "default": listed, "callback": chosen, "help": f"Of {', '.join(known)}."}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("what", type=click.Choice(["methods", "concurrency"]), default="methods")
@click.option("--systems", **names(SYSTEMS))
@click.option("--groups", **names(tuple(GROUPS)))
@click.option("--methods", "method_names", **names([method.name for method in METHODS]))
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="After one to warm up.")
@click.option("--profile", type=click.Choice(PROFILES), default="memory", show_default=True, help="Where roots are.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=PROJECT / "bench" / "results",
    help="Folder of the JSON, which is added to, and of tables and plots.  [default: bench/results]",
)
@click.option("--report", is_flag=True, help="Measure nothing: write tables and plots from the JSON, and the document.")
def main(
    *,
    what: str,
    systems: Sequence[str],
    groups: Sequence[str],
    method_names: Sequence[str],
    rounds: int,
    profile: str,
    output: Path,
    report: bool,
) -> None:
    """Compare methods of installing groups of packages in disposable roots, or (`concurrency`) many at once.

    \b
    Example:
      ./run bench --systems ubuntu18.04 --groups ssh,nfs
    """
    if report:
        write_all(DOCUMENT, output)
        return
    state = private_folder(default_state())
    state.mkdir(parents=True, exist_ok=True)
    results = results_to_merge(output, profile, machine_facts(state))
    methods = [method for method in METHODS if method.name in method_names]
    crowd = what == "concurrency"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        each = sum(method.is_for(group) for method in methods for group in groups)
        total = CROWDS if crowd else len(systems) * each * (rounds + 1)
        task = progress.add_task("", total=total, completed=-1)

        def tell(what: str) -> None:
            progress.update(task, description=what, advance=1)

        for system in systems[:1] if crowd else systems:
            material = prepared(system, state, disk=profile == "disk")
            if crowd:
                results = results.merged(crowds=crowds(material, tell))
                continue
            if any(method.archive == "slow" for method in methods):
                results = results.merged(links=link_of(material))
            # Recompressed files where the cache has the archive's would measure the same as another method.
            other_files = any(digest != stored for digest, stored in material.stored().items())
            chosen = [one for one in methods if other_files or not (one.recompressed and one.checked)]
            for group in groups:
                results = results.merged(run_rounds(group, chosen, rounds, material, tell))
                results.write(output)
    results.write(output)
    write_beside(results, output)
    console.print(f"written: {output}")


def prepared(system: str, state: Path, *, disk: bool) -> Material:
    """Make a system's material, for all groups: so it is the same whichever are measured."""
    with console.status(f"preparing {system}") as status:

        def listen(event: Event) -> None:
            if isinstance(event, Step):
                status.update(f"preparing {system}: {event.text}")

        return prepare(system, tuple(GROUPS), state=state, disk=disk, listener=listen)


def link_of(material: Material) -> dict[str, dict[str, float]]:
    """Measure the slow link; nothing where there can be none: the method that needs it then says why."""
    archive = material.archive
    with contextlib.suppress(CommandError), material.container() as container, served("slow", archive, container):
        return {material.release.system.name: measured_link(container, archive)}
    return {}


if __name__ == "__main__":
    run_program(main)
