"""The action for GitHub against apt-get, in jobs of a local runner: the table of docs/ci.md.

    ./run bench action [--system ubuntu24.04] [--rounds 5] [--report]

Each job runs in a fresh root. apt-get reads the archive on the root's loopback or over the slow link; the action
restores an entry. Restoring is a copy here (tests/support/action.py): the runner's service takes longer.
"""

import json
import re
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from containers.program import console, run_program
from tests.support.action import prepared_job, runner_binds, write_action

from bench.__main__ import prepared
from bench.archive import Where, archive_lines, served
from bench.machine import machine_facts
from bench.markdown import table, write_between
from bench.material import Material, set_up
from bench.measure import FailedError, orders
from package_cache.cli.options import default_state
from package_cache.filesystem.paths import write_atomically
from package_cache.filesystem.state import private_folder
from package_cache.stage import stage

PROJECT = Path(__file__).parents[1]
DOCUMENT = PROJECT / "docs" / "ci.md"
RESULTS = PROJECT / "bench" / "results" / "action.json"
BEGIN, END = "<!-- table of ./run bench action: begin -->", "<!-- table of ./run bench action: end -->"

APT: Mapping[str, Where] = {"apt-get, archive on loopback": "loopback", "apt-get, 50 Mbit/s and 40 ms away": "slow"}
HIT = "the action, a hit"
LIMIT = 1800.0
"""Seconds that one job may take."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--system", default="ubuntu24.04", show_default=True)
@click.option("--groups", default="ssh,build", show_default=True, help="Names, with commas between them.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--report", "only_report", is_flag=True, help="Measure nothing: write the table into the document.")
def main(*, system: str, groups: str, rounds: int, only_report: bool) -> None:
    """Compare jobs that install groups by apt-get and by the action."""
    if not only_report:
        state = private_folder(default_state())
        material = prepared(system, state, disk=False)
        rows = [row for group in groups.split(",") for row in rows_of(material, group, rounds)]
        results = {"system": system, "machine": machine_facts(state), "rows": rows}
        write_atomically(RESULTS, json.dumps(results, indent=1).encode() + b"\n")
    write_between(DOCUMENT, BEGIN, END, report(json.loads(RESULTS.read_text(encoding="utf-8"))))


def rows_of(material: Material, group: str, rounds: int) -> list[dict[str, Any]]:
    """Return a group's seconds by each method, in rounds after one that does not count."""
    seconds: dict[str, list[float]] = {method: [] for method in (*APT, HIT)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_action(folder)
        (folder / "entries").mkdir()
        (folder / "package_cache_info").write_text(manifest(material, group), encoding="utf-8")
        entry = folder / "entries" / key_of(material, group, folder)
        stage([group], material.cache, entry)
        for number, order in enumerate(orders([*APT, HIT], rounds + 1, group)):
            for method in order:
                console.print(f"{group}: round {number}: {method}")
                took = job(material, group, folder, method)
                seconds[method] += [took] if number else []
    return [{"group": group, "method": method, "seconds": taken} for method, taken in seconds.items()]


def manifest(material: Material, group: str) -> str:
    """Return the manifest of a group."""
    return f"{group},{material.release.system.name},{' '.join(material.groups[group])}\n"


def key_of(material: Material, group: str, folder: Path) -> str:
    """Return the key of the entry that the action looks for, by a job that finds none and may not fall back."""
    log = _run(material, group, folder, "")[1]
    found = re.search(r"set-output:: key=(\S+)", log)
    if found is None:
        raise FailedError("cannot read the key of the action's cache", details=log)
    return f"{found[1]}0"


def job(material: Material, group: str, folder: Path, method: str) -> float:
    """Return the seconds of a job in a fresh root. Raise `FailedError` if it fails, or was no hit."""
    took, log, status = _run(material, group, folder, method)
    if status != 0 or (method == HIT and "packages from | the restored cache" not in log):
        raise FailedError(f"cannot measure {method} of {group}: the job ended with {status}", details=log[-3000:])
    return took


def _run(material: Material, group: str, folder: Path, method: str) -> tuple[float, str, int]:
    """Return the seconds, the log and the status of a job; for an unknown method, of the action."""
    where = APT.get(method, "")
    binds = {**runner_binds(folder), "/entries": folder / "entries", "/manifest": folder / "package_cache_info"}
    with material.container(binds) as container, served(where, material.archive, container):
        set_up(container, sources=archive_lines(material.release, where))
        container.run(["sh", "/bench/methods/prepare/unfit.sh"])  # a runner's image has no recording
        given = {"manifest": "package_cache_info", "groups": group, "fallback": "false"}
        install: dict[str, Any] = {"uses": "example/package-cache@v1", "with": given}
        if where:
            install = {"run": "sh /bench/methods/update_and_install.sh"}
        environment = {"PACKAGES": " ".join(material.groups[group]), "DEBIAN_FRONTEND": "noninteractive"}
        argv = prepared_job(container, [{"run": "cp /manifest package_cache_info"}, install], environment)
        began = time.monotonic()
        done = container.run(argv, check=False, timeout=LIMIT)
        return time.monotonic() - began, done.stdout + done.stderr, done.returncode


def report(results: Mapping[str, Any]) -> str:
    """Return the table."""
    machine = ", ".join(f"{key}: {value}" for key, value in results["machine"].items())
    found = {(row["group"], row["method"]): row["seconds"] for row in results["rows"]}
    groups = list(dict.fromkeys(group for group, _ in found))
    lines = []
    for method in (*APT, HIT):
        cells = []
        for group in groups:
            taken = found[group, method]
            part = statistics.median(taken) / statistics.median(found[group, HIT])
            cells.append(f"{statistics.median(taken):.2f} [{min(taken):.2f}–{max(taken):.2f}] ×{part:.1f}")
        lines.append([method, *cells])
    return f"\n{results['system']}, {machine}.\n\n{table(['seconds of a job', *groups], lines)}\n"


if __name__ == "__main__":
    run_program(main)
