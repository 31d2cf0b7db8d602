"""The seconds from a pod's start to sshd, measured with real containers: `./run bench kubernetes --help`."""

import json
import os
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from containers.podman import can_run
from containers.program import console, run_program

from bench.kubernetes.pods import COMPARED, PROJECT, ground, measure
from bench.machine import machine_facts
from bench.markdown import table, write_between
from package_cache.cli.options import default_state
from package_cache.errors import ToolMissingError
from package_cache.filesystem.paths import write_atomically
from package_cache.filesystem.state import private_folder

DOCUMENT = PROJECT / "docs" / "kubernetes.md"
RESULTS = PROJECT / "bench" / "results" / "kubernetes.json"
BEGIN, END = "<!-- table of ./run bench kubernetes: begin -->", "<!-- table of ./run bench kubernetes: end -->"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="After one to warm up.")
@click.option("--report", "only_report", is_flag=True, help="Measure nothing: write the table into the document.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=RESULTS, help="The JSON.")
def main(*, rounds: int, only_report: bool, output: Path) -> None:
    """Measure how long pods take until sshd answers, by each method, as root.

    \b
    Example:
      ./run bench kubernetes --rounds 3 --output /tmp/results.json
    """
    if only_report:
        write_between(DOCUMENT, BEGIN, END, f"\n{report(json.loads(output.read_text(encoding='utf-8')))}\n")
        return
    if reason := can_run():
        raise ToolMissingError(f"cannot measure: {reason}")
    state = private_folder(default_state())
    state.mkdir(parents=True, exist_ok=True)
    console.print("preparing the cache, a mirror and the images")
    before = os.getloadavg()[0]
    with ground(state) as here:
        found = measure(here, rounds, console.print)
    load = [round(before, 2), round(os.getloadavg()[0], 2)]
    results = {"machine": machine_facts(state), "load": load, "rounds": rounds, **found}
    write_atomically(output, json.dumps(results, indent=1).encode() + b"\n")
    sys.stdout.write(report(results))


def report(results: Mapping[str, Any]) -> str:
    """Return the circumstances and the table as Markdown."""
    machine = ", ".join(f"{name}: {value}" for name, value in results["machine"].items())
    before, after = results["load"]
    link = results["link"]
    medians = {row["method"]: statistics.median(row["seconds"]) for row in results["rows"]}
    rows = [
        [
            row["method"],
            f"{medians[row['method']]:.2f}",
            f"{min(row['seconds']):.2f}–{max(row['seconds']):.2f}",
            f"× {medians[row['method']] / medians[COMPARED]:.2f}",
        ]
        for row in results["rows"]
    ]
    return (
        f"Machine: {machine}. Load average: {before:.1f} before, {after:.1f} after. Rounds: {results['rounds']}. "
        f"The slow link: {link['megabits_per_second']:.1f} Mbit/s, {link['round_trip_ms']:.1f} ms.\n\n"
        + table(("method", "seconds, median", "least–most", f"ratio to the {COMPARED}"), rows)
    )


if __name__ == "__main__":
    run_program(main)
