"""Each common group, recorded in each system and compared with a real installation: the table of docs/recordings.md.

    ./run bench recordings [--systems debian12,ubuntu24.04] [--groups ssh,nfs] [--report]

As root. Makes a lock and a cache for each system by itself, and for each group where its archive lacks some file. A
recording is made as `package-cache record` does, then the group is installed in two more disposable copies of the
root, by dpkg in one and by the recording in the other, and all files of both are compared (`tree_comparison.py`).
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from containers.program import console, run_program
from tests.support.lab import Container, Isolation, lab_isolation, lab_root, throwaway

import package_cache.recording
from bench import systems as common
from bench.machine import machine_facts
from bench.markdown import table, write_between
from bench.tree_comparison import Entry, RuleFile, differences, entries
from package_cache.cache.layout import CacheFolder
from package_cache.cache.recordings import Recording
from package_cache.cli.options import default_state, given_options
from package_cache.errors import PackageCacheError, UsageError
from package_cache.filesystem.paths import write_atomically
from package_cache.filesystem.state import private_folder
from package_cache.formatting import in_bytes
from package_cache.manifest.model import Where
from package_cache.recording.model import RecordOrder
from package_cache.recording.record import record
from package_cache.recording.rules import own_rules
from package_cache.releases.base_root import release_root
from package_cache.releases.distributions import release_of
from package_cache.sandbox.isolation import strongest_isolation
from package_cache.system import System

DOCUMENT = common.PROJECT / "docs" / "recordings.md"
RESULTS = common.PROJECT / "bench" / "results" / "recordings.json"
BEGIN, END = "<!-- table of ./run bench recordings: begin -->", "<!-- table of ./run bench recordings: end -->"
RULES = Path(package_cache.recording.__path__[0], "rules.toml")

GROUPS = {
    **common.GROUPS,
    "python": "python3-dev",
    "java": "default-jre-headless",
    "certificates": "ca-certificates",
    "rsync": "rsync",
    "postgresql": "postgresql",
}

SHOWN = 20
"""Differences of one recording that the results name; all are counted."""

LIMIT = 900.0
"""Seconds that an installation may take."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Installed:
    """What an installation left."""

    seconds: float
    method: str
    refusal: str
    """Why a recording was not used."""
    entries: Mapping[str, Entry]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--systems", default=",".join(common.SYSTEMS), show_default=True, help="Names, with commas between them.")
@click.option("--groups", default=",".join(GROUPS), show_default=True, help="Names, with commas between them.")
@click.option("--report", "only_report", is_flag=True, help="Measure nothing: write the table into the document.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=RESULTS, help="The JSON.")
def main(*, systems: str, groups: str, only_report: bool, output: Path) -> None:
    """Record each common group in each system, and compare; status 1 if anything differs or could not be tried."""
    rows: Rows = json.loads(output.read_text(encoding="utf-8"))["rows"] if output.exists() else []
    if not only_report:
        state = private_folder(default_state())
        if lab_isolation() is not Isolation.ROOT_NAMESPACES:
            raise PackageCacheError("cannot compare here: file by file takes root", hint="do it as root")
        asked = groups.split(",")
        if unknown := [group for group in asked if group not in GROUPS]:
            raise UsageError(f"cannot record {', '.join(unknown)}: there are {', '.join(GROUPS)}")
        for system in (System.parse(name) for name in systems.split(",")):
            console.print(f"{system.name} ...")
            rows = [row for row in rows if row["system"] != system.name or row["group"] not in asked]
            for row in rows_of(system, {group: GROUPS[group] for group in asked}, state):
                console.print(f"  {row['group']}: {row['result']}, {row['differing']} differences {row['why']}")
                rows = sorted([*rows, row], key=_place)
                results = {"machine": machine_facts(state), "rows": rows}
                write_atomically(output, json.dumps(results, indent=1).encode() + b"\n")
    if output == RESULTS:
        write_between(DOCUMENT, BEGIN, END, report(json.loads(output.read_text(encoding="utf-8"))))
    console.print(summary(rows))
    sys.exit(1 if any(row["differing"] or row["result"] == "failed" for row in rows) else 0)


def _place(row: Mapping[str, Any]) -> tuple[tuple[int, str], int]:
    """Return the order of a row: by the systems, then by the groups."""
    return common.place(common.SYSTEMS, row["system"]), list(GROUPS).index(row["group"])


def rows_of(system: System, groups: Mapping[str, str], state: Path) -> Iterator[dict[str, Any]]:
    """Lock, build, record and compare groups (names and packages) for one system; yield the row of each."""
    folder = state / "bench" / "recordings" / system.name
    try:
        root = lab_root(release_root(release_of(system), given_options(), strongest_isolation()), state)
    except PackageCacheError as error:
        for group in groups:
            yield _row(system, group, "failed", error.message)
        return
    try:
        caches = dict.fromkeys(groups, common.cache_of(system, groups, folder))
    except PackageCacheError:
        caches = {}  # then each by itself, so that one whose files the archive does not have hides no other
    for group, packages in groups.items():
        try:
            cache = caches.get(group) or common.cache_of(system, {group: packages}, folder / group)
            yield _recorded(system, group, cache, root, state)
        except PackageCacheError as error:
            yield _row(system, group, "failed", error.message)


def _recorded(system: System, group: str, cache: CacheFolder, root: Path, state: Path) -> dict[str, Any]:
    images = ((f"{system.name} of the matrix", Where(root=root)),)
    [image] = record(RecordOrder(cache, (group,), (), images, own_rules(), state)).images
    if image.error is not None:
        raise image.error
    [outcome] = image.outcomes
    if outcome.recording:
        return compared(system, group, outcome.recording, root, cache)
    return _row(system, group, outcome.kind.value, outcome.why, path=outcome.path)


def _row(system: System, group: str, result: str, why: str, **more: Any) -> dict[str, Any]:
    return {
        "system": system.name,
        "group": group,
        "result": result,
        "why": why,
        "differing": 0,
        "differences": [],
        **more,
    }


def compared(system: System, group: str, recording: Recording, root: Path, cache: CacheFolder) -> dict[str, Any]:
    """Install a recorded group by dpkg and by its recording; return the row of the recording."""
    row = _row(system, group, "recorded", "", packages=recording.packages, paths=recording.files, bytes=recording.bytes)
    row["rules"] = list(recording.rules)
    try:
        dpkg, replay = installed(root, cache, group, "--no-replay"), installed(root, cache, group)
    except PackageCacheError as error:
        return {**row, "result": "failed", "why": error.message}
    if replay.method != "replay":
        found = [f"it was not replayed: {replay.refusal}"]
    else:
        found = differences(dpkg.entries, replay.entries, RuleFile(RULES))
    seconds = {"dpkg_seconds": dpkg.seconds, "replay_seconds": replay.seconds}
    return {**row, **seconds, "differing": len(found), "differences": found[:SHOWN]}


def installed(root: Path, cache: CacheFolder, group: str, *options: str) -> Installed:
    """Install a group in a disposable root without network.

    Raise `CommandError` if it does not install.
    """
    binds = {"/opt/package_cache": cache.path}
    with throwaway(root, Isolation.ROOT_NAMESPACES, binds=binds) as container:
        argv = ["sh", "/opt/package_cache/install_group.sh", *options, "--result", "/run/result", group]
        container.run(argv, timeout=LIMIT)
        result = _result(container)
        seconds = float(result["seconds_total"])
        return Installed(seconds, result["method"], result.get("replay", ""), entries(container, newest(root)))


def newest(root: Path) -> float:
    """Return when a file of a root was modified last, in seconds since the epoch."""
    return max(os.lstat(f"{folder}/{name}").st_mtime for folder, _, names in os.walk(root) for name in names)


def _result(container: Container) -> dict[str, str]:
    lines = container.run(["cat", "/run/result"]).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def summary(rows: Rows) -> str:
    """Return one line: how many recordings there are, and how many differences."""
    counts = Counter(row["result"] for row in rows)
    systems, differing = {row["system"] for row in rows}, sum(row["differing"] for row in rows)
    others = ", ".join(f"{counts[kind]} {kind}" for kind in ("live", "refused", "failed"))
    return (
        f"{counts['recorded']} recordings in {len(systems)} systems, compared with real installations: "
        f"{differing} differences; {others}"
    )


def report(results: Mapping[str, Any]) -> str:
    """Return the summary, the table, and which rules the recordings used."""
    rows: Rows = results["rows"]
    machine = ", ".join(f"{key}: {value}" for key, value in results["machine"].items())
    head = ("system", "group", "result", "packages", "paths", "size", "rules", "dpkg (s)", "replay (s)", "differences")
    cells = [_cells(row) for row in rows]
    used = Counter(rule for row in rows for rule in row.get("rules", ()))
    rules = [(f"`{pattern}`", str(count)) for pattern, count in sorted(used.items())]
    parts = [f"{summary(rows)}.", f"Machine: {machine}. Seconds are of one run, with other work.", table(head, cells)]
    parts += ["Rules, and how many of these recordings needed each:", table(("rule", "recordings"), rules)]
    parts += [table(("system", "group", "why there is no recording"), reasons)] if (reasons := _reasons(rows)) else []
    return "".join(f"\n{part.rstrip()}\n" for part in parts) + "\n"


def _cells(row: Mapping[str, Any]) -> Sequence[str]:
    names = [row["system"], row["group"], row["result"]]
    if row["result"] != "recorded":
        return [*names, *["–"] * 7]
    seconds = [f"{row[name]:.2f}" for name in ("dpkg_seconds", "replay_seconds")]
    counts = [str(row["packages"]), str(row["paths"]), in_bytes(row["bytes"]), str(len(row["rules"]))]
    return [*names, *counts, *seconds, str(row["differing"])]


def _reasons(rows: Rows) -> list[Sequence[str]]:
    return [
        (row["system"], row["group"], row["why"].replace("|", "\\|")) for row in rows if row["result"] != "recorded"
    ]


if __name__ == "__main__":
    run_program(main)
