"""Clone and run the project on every host that the README names: `./run hosts --help`."""

import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from containers.podman import can_run, throwaway_podman
from containers.program import console, run_program

from bench import markdown
from hosts.cells import (
    ALL,
    PARTS,
    PROJECT,
    USERS,
    Outcome,
    chosen_cells,
    host,
    make_image,
    play,
)
from package_cache.errors import ToolMissingError
from package_cache.filesystem.paths import write_atomically
from package_cache.process import run

RESULTS = PROJECT / "hosts" / "results.json"
README = PROJECT / "README.md"
BEGIN, END = "<!-- table of ./run hosts: begin -->", "<!-- table of ./run hosts: end -->"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", metavar="[HOST]...", nargs=-1)
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), help="Only this part; repeatable.")
@click.option("--list", "only_list", is_flag=True, help="List the hosts, and run nothing.")
@click.option("--write", is_flag=True, help="Keep the results, and write them into the README's table.")
def main(*, names: Sequence[str], parts: Sequence[str], only_list: bool, write: bool) -> None:
    """Run the demo, a pod and a sample of the tests on hosts, each in a new container with an empty home, as root.

    HOST is a release and a user, such as debian13/root, or a release for all of its users; without names, all hosts.
    What is committed is cloned; the changes of the checkout are not seen. Ends with 1 if a part failed.

    \b
    Example:
      ./run hosts ubuntu26.04/sudo debian13/root --part demo
    """
    cells = chosen_cells(names)
    if only_list:
        click.echo("\n".join(map(str, cells)))
        return
    if reason := can_run():
        raise ToolMissingError(f"cannot make containers: {reason}")
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="package-cache-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        clone = folder / "clone"
        run(["git", "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(clone)], timeout=300)
        with throwaway_podman() as podman:
            for release in dict.fromkeys(cell.release for cell in cells):
                console.print(f"{release}: making a minimal host")
                make_image(podman, release, folder)
            for cell in cells:
                with host(podman, cell, clone) as name:
                    for part in parts or PARTS:
                        outcome, output = play(podman, name, cell, part)
                        outcomes.append(outcome)
                        console.print(f"{output}\n{cell} {part}: {in_words(outcome)}".strip(), markup=False)
    sys.stdout.write(table(outcomes))
    if write:
        kept = {outcome.key: outcome for outcome in (*read_results(), *outcomes)}
        rows = [dataclasses.asdict(outcome) for outcome in kept.values()]
        write_atomically(RESULTS, json.dumps(rows, indent=1, ensure_ascii=False).encode() + b"\n")
        markdown.write_between(README, BEGIN, END, f"\n{table(read_results())}\n")
    sys.exit(0 if all(outcome.good for outcome in outcomes) else 1)


def read_results() -> list[Outcome]:
    """Return what earlier runs kept."""
    return [Outcome(**row) for row in json.loads(RESULTS.read_text(encoding="utf-8"))] if RESULTS.exists() else []


def in_words(outcome: Outcome) -> str:
    """Return what a cell of the table says of a part."""
    if outcome.status == 0:
        return f"{outcome.seconds} s"
    if outcome.refused:
        return f"refused: {outcome.last.split(': ', 2)[-1]}"
    return f"**failed** (status {outcome.status}): {outcome.last}"


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the Markdown table of outcomes, a line for each host."""
    found = {outcome.key: outcome for outcome in outcomes}
    rows = []
    for cell in ALL:
        parts = [found.get((cell.release, cell.user, part)) for part in PARTS]
        if any(parts):
            name = cell.release.replace("debian", "Debian ").replace("ubuntu", "Ubuntu ")
            rows.append([name, USERS[cell.user], *(in_words(part) if part else "" for part in parts)])
    return markdown.table(["host", "user", *PARTS], rows)


if __name__ == "__main__":
    os.chdir(PROJECT)
    run_program(lambda: main(standalone_mode=False))
