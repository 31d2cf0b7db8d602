"""Writes what was measured where people read it: Markdown and plots beside the JSON, and the tables of the document.

Plots are horizontal bars, named where they stand, so that nothing depends on telling colours apart.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.markdown import write_between
from bench.methods import METHODS, OTHER_IMAGE, OURS, PRESENT, REPLAY, REPLAY_ED25519, Method
from bench.replay_tables import replay_targets
from bench.results import Results, read_results
from bench.tables import report
from package_cache.filesystem.paths import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PROFILES = ("memory", "disk")
BEGIN, END = "<!-- tables of ./run bench: begin -->", "<!-- tables of ./run bench: end -->"
MAIN_SYSTEM = "ubuntu18.04"

COLOURS = {REPLAY: "#0072B2", REPLAY_ED25519: "#0072B2", OURS: "#56B4E9"}
OTHERS = "#B0B0B0"
"""Of ours, by a recording and by dpkg, and of the others: apart in lightness as well (Okabe and Ito's blues)."""

MAIN_GROUPS = ("ssh", "nfs", "build")


def write_beside(results: Results, folder: Path) -> None:
    """Write `<profile>.md` and the plots into the folder of the results."""
    write_atomically(folder / f"{results.profile}.md", report(results, targets=replay_targets(results)).encode())
    systems = results.systems
    for system in systems:
        draw(results, system, results.groups(system), folder / f"{results.profile}-{system}.svg")
    if systems:
        main = MAIN_SYSTEM if MAIN_SYSTEM in systems else systems[0]
        draw(results, main, MAIN_GROUPS, folder / f"{results.profile}.svg")


def write_all(document: Path, folder: Path) -> None:
    """Write everything anew from the JSON of all profiles in a folder, and a document's part between the two marks."""
    parts = []
    for path in (folder / f"{name}.json" for name in PROFILES):
        if path.exists():
            results = read_results(path)
            write_beside(results, folder)
            plots = {system: folder / f"{results.profile}-{system}.svg" for system in results.systems}
            links = {name: os.path.relpath(plot, document.parent) for name, plot in plots.items() if plot.exists()}
            parts += ["\n", report(results, links, replay_targets(results))]
    write_between(document, BEGIN, END, "".join([*parts, "\n"]))


def draw(results: Results, system: str, groups: Sequence[str], path: Path) -> None:
    """Write a plot of some groups of a system, one panel a group."""
    found = [group for group in groups if group in results.groups(system)]
    methods = [method for method in METHODS if method.name not in (PRESENT, OTHER_IMAGE)]
    methods = [method for method in methods if any(results.median(system, group, method.name) for group in found)]
    if not methods:
        return
    columns = min(3, len(found))
    rows = math.ceil(len(found) / columns)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.family": "sans-serif", "font.size": 9}):
        figure = Figure(figsize=(3.6 + 2.4 * columns, rows * (0.7 + 0.24 * len(methods))), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten()
        for panel, group in zip(panels, found, strict=False):
            _panel(panel, results, system, group, methods)
        for panel in panels[len(found) :]:
            panel.set_visible(False)
        figure.suptitle(f"Seconds to install a group in {system}: shorter is better", fontsize=10)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")


def _panel(panel: "Axes", results: Results, system: str, group: str, methods: Sequence[Method]) -> None:
    values = [results.median(system, group, method.name) for method in methods]
    colours = [COLOURS.get(method.name, OTHERS) for method in methods]
    bars = panel.barh(range(len(methods)), [value or 0 for value in values], color=colours)
    tried = [results.row(system, group, method.name) is not None for method in methods]
    labels = [
        f"{value:.2f}" if value else "failed" if there else "" for value, there in zip(values, tried, strict=True)
    ]
    panel.bar_label(bars, labels, padding=2, fontsize=8)
    panel.set_yticks(range(len(methods)), [method.title for method in methods])
    for label, method in zip(panel.get_yticklabels(), methods, strict=False):
        label.set_fontweight("bold" if method.name in COLOURS else "normal")
    panel.margins(x=0.18)
    if not panel.yaxis_inverted():
        panel.invert_yaxis()
    panel.set_title(group, fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(axis="y", length=0)
