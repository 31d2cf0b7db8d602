"""Writes what was measured where people read it: Markdown and plots beside the JSON, and the tables of the document."""

import os
from pathlib import Path

from bench.markdown import write_between
from bench.plots import MAIN_GROUPS, draw
from bench.results import Results, read_results
from bench.tables import report
from package_cache.filesystem.paths import write_atomically

PROFILES = ("memory", "disk")
BEGIN, END = "<!-- tables of ./run bench: begin -->", "<!-- tables of ./run bench: end -->"
MAIN_SYSTEM = "ubuntu18.04"


def write_beside(results: Results, folder: Path) -> None:
    """Write `<profile>.md` and the plots into the folder of the results."""
    write_atomically(folder / f"{results.profile}.md", report(results).encode())
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
            parts += ["\n", _with_plots(results, folder, document)]
    write_between(document, BEGIN, END, "".join([*parts, "\n"]))


def _with_plots(results: Results, folder: Path, document: Path) -> str:
    text = report(results)
    for system in results.systems:
        plot = folder / f"{results.profile}-{system}.svg"
        if plot.exists():
            link = os.path.relpath(plot, document.parent)
            heading = f"### {system}, profile `{results.profile}`\n"
            text = text.replace(heading, f"{heading}\n![Seconds by method and group in {system}]({link})\n")
    return text
