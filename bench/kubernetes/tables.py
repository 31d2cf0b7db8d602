"""The tables of docs/kubernetes.md, from what was measured."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bench.figures import percentile
from bench.markdown import table

Part = Mapping[str, Any]

COMPARED = "init form"
"""The way of `sshd` that the others are compared with."""


def report(parts: Mapping[str, Any]) -> str:
    """Give the tables of those parts that were measured."""
    pieces = [
        f"### {title}\n\n{_circumstances(parts[name])}\n{draw(parts[name]['found'])}"
        for name, title, draw in SECTIONS
        if name in parts
    ]
    return "\n".join(pieces)


def _circumstances(part: Part) -> str:
    machine = ", ".join(f"{name}: {value}" for name, value in part["machine"].items())
    before, after = part["load"]
    rounds = f" Rounds: {part['rounds']}." if part["rounds"] else ""
    return f"Machine: {machine}. Load average: {before:.1f} before, {after:.1f} after.{rounds}\n"


def pull(found: Part) -> str:
    """Give what is pulled at first, and after updates."""
    fresh = [
        [f"form `{form}`", str(one["layers"]), mb(one["bytes"]), str(one["requests"]), mb(one["uploaded"])]
        for form, one in found["fresh"].items()
    ]
    both = " · ".join(f"`{form}`" for form in found["fresh"])
    head = (
        "update of",
        "needed by",
        "its bytes",
        f"pulled: {both}",
        f"blobs: {both}",
        f"pushed: {both}",
        f"pulled, layers discarded: {both}",
        "a layer a group",
        "one layer",
    )
    updates = [
        [
            one["name"] + (f", {one['packages']} packages" if one["packages"] > 1 else ""),
            "; ".join(one["kin"]),
            mb(one["package_bytes"]),
            _of_forms(one, "bytes"),
            " · ".join(str(form["blobs"]) for form in one["forms"].values()),
            _of_forms(one, "uploaded"),
            _of_forms(one, "discarded"),
            mb(one["per_group"]),
            mb(one["one_layer"]),
        ]
        for one in found["updates"]
    ]
    every = found["every"]
    return (
        f"The cache: {found['packages']} packages, {mb(found['cache_bytes'])}. "
        "The whole image, into an empty store:\n\n"
        + table(("image", "layers", "pulled", "requests", "pushed"), fresh)
        + "\nThe next build, in which these packages are newer, into the store that has the image before it:\n\n"
        + table(head, updates)
        + f"\nOf the packages of one system, {every['updates']} had an update since its release. "
        f"Each alone would change layers of packages of {mb(every['p50'])} (median), {mb(every['p95'])} (95 in 100), "
        f"{mb(every['most'])} (the most), by reckoning.\n"
    )


def _of_forms(update: Part, what: str) -> str:
    return " · ".join(mb(form[what]) for form in update["forms"].values())


def stage(found: Part) -> str:
    """Give seconds and memory of the init form."""
    seconds = [
        [
            str(row["count"]),
            " and ".join(row["groups"]),
            row["place"],
            mb(found["copied"][" ".join(row["groups"])]),
            f"{percentile(row['seconds'], 50):.2f}",
            f"{percentile(row['seconds'], 95):.2f}",
            f"{statistics.median(row['whole']):.2f}" if row["whole"] else "–",
            mib(row["peak"]),
        ]
        for row in found["rows"]
    ]
    head = (
        "at once",
        "groups",
        "volume",
        "copied",
        "p50",
        "p95",
        "a whole `podman run`, median",
        "memory of all, peak",
    )
    memory = [
        [
            " and ".join(row["groups"]),
            row["place"],
            mib(row["peak"]),
            mib(row["anonymous"]),
            f"{row['smallest_mib']} MiB" if row["smallest_mib"] else "none that was tried",
        ]
        for row in found["memory"]
    ]
    return (
        "Seconds from the begin of its work to the end of the container:\n\n"
        + table(head, seconds)
        + "\nOne of them alone, by its own control group:\n\n"
        + table(("groups", "volume", "peak with page cache", "of it anonymous", "smallest limit that works"), memory)
    )


def sshd(found: Part) -> str:
    """Give seconds until sshd answers."""
    medians = {row["way"]: statistics.median(row["seconds"]) for row in found["rows"]}
    floor = next(iter(medians.values()))
    rows = [
        [
            row["way"],
            f"{medians[row['way']]:.2f}",
            f"{min(row['seconds']):.2f}–{max(row['seconds']):.2f}",
            f"{medians[row['way']] - floor:.2f}",
            f"× {medians[row['way']] / medians[COMPARED]:.2f}" if COMPARED in medians else "–",
        ]
        for row in found["rows"]
    ]
    link = found["link"]
    return (
        f"The slow link, as a download found it: {link['megabits_per_second']:.1f} Mbit/s, "
        f"{link['round_trip_ms']:.1f} ms.\n\n"
        + table(("way", "seconds, median", "least–most", "more than the first", f"against the {COMPARED}"), rows)
    )


def kill(found: Part) -> str:
    """Give what came of the kills."""
    counts = found["counts"]
    rows = [
        ["killed at work", str(counts["killed"])],
        *([f"– the installer then: {what}", str(number)] for what, number in counts["judgements"].items()),
        ["over before the kill came", str(counts["after_the_end"])],
        ["promises broken", str(counts["broken"])],
        ["run again, the volume whole", f"{counts['restarted']} of {counts['killed'] + counts['after_the_end']}"],
    ]
    at = [one["seconds"] for one in found["kills"] if one["killed"]]
    spread = f", from {min(at):.2f} to {max(at):.2f} s after its begin" if at else ""
    return f"An undisturbed run takes {found['duration']:.2f} s. Kills{spread}:\n\n" + table(("what", "count"), rows)


def mb(size: float) -> str:
    """Write bytes for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def mib(size: float) -> str:
    """Write bytes of memory for people."""
    return f"{size / 2**20:.1f} MiB"


SECTIONS: Sequence[tuple[str, str, Callable[[Part], str]]] = (
    ("sshd", "From a pod's start to sshd", sshd),
    ("pull", "What is pulled again", pull),
    ("stage", "The init container: seconds and memory", stage),
    ("kill", "The init container killed", kill),
)


def failures(parts: Mapping[str, Any]) -> Iterator[str]:
    """Tell what of the figures is a broken promise."""
    counts = parts.get("kill", {}).get("found", {}).get("counts")
    if counts and counts["broken"]:
        yield f"{counts['broken']} of the kills left a volume from which the installer broke its promise"
    if counts and counts["restarted"] < counts["killed"] + counts["after_the_end"]:
        yield "not each restart of a killed init container made the volume whole"
