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
            plots = {system: folder / f"{results.profile}-{system}.svg" for system in results.systems}
            links = {name: os.path.relpath(plot, document.parent) for name, plot in plots.items() if plot.exists()}
            parts += ["\n", report(results, links)]
    write_between(document, BEGIN, END, "".join([*parts, "\n"]))
