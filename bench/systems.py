"""Each common group in each system, installed offline in a real root of it: the table of docs/systems.md.

    ./run bench systems [--systems debian12,ubuntu24.04] [--architecture arm64] [--report]

Makes a lock and a cache for each system by itself, so that one whose archive does not answer hides no other one.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from containers.program import console, run_program

from bench.machine import machine_facts
from bench.markdown import table, write_between
from package_cache.build.builder import Order, build
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import default_state, given_options
from package_cache.errors import PackageCacheError
from package_cache.filesystem.paths import write_atomically
from package_cache.filesystem.state import private_folder
from package_cache.formatting import in_bytes
from package_cache.manifest import read_manifest
from package_cache.releases.base_root import release_root
from package_cache.releases.distributions import release_of
from package_cache.releases.sources import mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.sandbox.isolation import Isolation, disposable_root, isolation_for
from package_cache.system import DEFAULT_ARCHITECTURE, System

PROJECT = Path(__file__).parents[1]
DOCUMENT = PROJECT / "docs" / "systems.md"
RESULTS = PROJECT / "bench" / "results" / "systems.json"
BEGIN, END = "<!-- table of ./run bench systems: begin -->", "<!-- table of ./run bench systems: end -->"

SYSTEMS = (
    *(f"ubuntu{version}" for version in ("16.04", "18.04", "20.04", "22.04", "24.04", "26.04")),
    *(f"debian{version}" for version in ("11", "12", "13")),
)
GROUPS = {
    "ssh": "openssh-client openssh-server",
    "nfs": "nfs-common",
    "samba": "cifs-utils",
    "build": "build-essential",
    "mpi": "openmpi-bin libopenmpi-dev",
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--systems", default=",".join(SYSTEMS), show_default=True, help="Names, with commas between them.")
@click.option("--architecture", default=DEFAULT_ARCHITECTURE, help="Another one than amd64 is emulated.")
@click.option("--report", "only_report", is_flag=True, help="Measure nothing: write the table into the document.")
def main(*, systems: str, architecture: str, only_report: bool) -> None:
    """Try each common group in each system; status 1 where one did not install."""
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    if not only_report:
        state, isolation = private_folder(default_state()), isolation_for(architecture)
        for system in (System.parse(name, architecture) for name in systems.split(",")):
            console.print(f"{system} ...")
            folder = state / "bench" / "systems" / title(system)
            rows = [row for row in rows if row["system"] != title(system)]
            rows += rows_of(system, GROUPS, folder, isolation)
        rows.sort(key=lambda row: (*place(SYSTEMS, row["system"]), *place(list(GROUPS), row["group"])))
        results = {"machine": machine_facts(state), "rows": rows}
        write_atomically(RESULTS, json.dumps(results, indent=1).encode() + b"\n")
    write_between(DOCUMENT, BEGIN, END, report(json.loads(RESULTS.read_text(encoding="utf-8"))))
    sys.exit(0 if all(row.get("status") == 0 for row in rows) else 1)


def place(known: Sequence[str], name: str) -> tuple[int, str]:
    """Return the order of a name: after the known ones by its letters."""
    return known.index(name) if name in known else len(known), name


def title(system: System) -> str:
    """Return a system's name in the table: with its architecture where that is emulated."""
    return system.name if system.architecture == DEFAULT_ARCHITECTURE else str(system)


def rows_of(system: System, groups: Mapping[str, str], folder: Path, isolation: Isolation) -> Iterator[dict[str, Any]]:
    """Lock, build and install groups (names and packages) for one system; a group's row says what came of it."""
    name = title(system)
    try:
        cache = cache_of(system, groups, folder)
        root = release_root(release_of(system), given_options(), isolation)
    except PackageCacheError as error:
        for group in groups:
            yield {"system": name, "group": group, "status": error.status.code, "reason": error.message}
        return
    for described in read_description(cache).groups:
        size = {"system": name, "group": described.name, "packages": described.packages, "bytes": described.size}
        yield {**size, **installed(root, isolation, cache, described.name)}


def cache_of(system: System, groups: Mapping[str, str], folder: Path) -> CacheFolder:
    """Lock and build groups (names and packages) for one system below a folder. Raises what `build` raises."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "package-cache.toml"
    path.write_text("".join(_table_of(system, group, packages) for group, packages in groups.items()), encoding="utf-8")
    manifest = read_manifest(path)
    options = given_options()
    cache = CacheFolder(folder / "package_cache")
    build(Order(make_lock(manifest, options), cache, mirror_finder(options, manifest)))
    return cache


def _table_of(system: System, group: str, packages: str) -> str:
    where = f'systems = ["{system.name}"]\narchitectures = ["{system.architecture}"]\n'
    return f'[[group]]\nname = "{group}"\n{where}packages = {json.dumps(packages.split())}\n'


def installed(root: Path, isolation: Isolation, cache: CacheFolder, group: str) -> dict[str, Any]:
    """Install a group in a disposable root without network, and say what the installer's result file says."""
    with disposable_root(root, isolation, binds={"/package_cache": cache.path}) as container:
        argv = ["sh", "/package_cache/install_group.sh", "--result", "/root/result", group]
        done = container.run(argv, check=False, timeout=900)
        lines = container.run(["cat", "/root/result"], check=False).stdout.splitlines()
    result = dict(line.split("=", 1) for line in lines if "=" in line)
    found = {"status": done.returncode, "reason": result.get("reason", ""), "seconds": result.get("seconds_total", "")}
    return {**found, "installed": int(result.get("installed") or 0)}


def report(results: Mapping[str, Any]) -> str:
    """Return the table."""
    machine = ", ".join(f"{key}: {value}" for key, value in results["machine"].items())
    head = ("system", "group", "closure", "bytes", "installed, offline", "seconds")
    rows = [
        (
            row["system"],
            row["group"],
            f"{row['packages']} packages" if "packages" in row else "–",
            in_bytes(row["bytes"]) if "bytes" in row else "–",
            f"{row['installed']} packages" if row["status"] == 0 else f"no: {row['reason']} ({row['status']})",
            str(row.get("seconds", "–")),
        )
        for row in results["rows"]
    ]
    return f"\nMachine: {machine}.\n\n{table(head, rows)}\n"


if __name__ == "__main__":
    run_program(main)
