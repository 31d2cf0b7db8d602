"""`package-cache report`."""

from pathlib import Path

import click

from package_cache.cache.layout import CacheFolder
from package_cache.cli.documents import library, output_option, refuse_unless_file, write_document
from package_cache.cli.options import PATH, cache_option, document_day, verb
from package_cache.cli.render import Renderer
from package_cache.formatting import count
from package_cache.report.facts import report_of
from package_cache.report.results import read_check, read_outdated


@verb("report")
@cache_option
@click.option(
    "--check",
    "checks",
    type=PATH,
    multiple=True,
    help="What package-cache check --json printed: adds the images. May be repeated.",
)
@click.option("--outdated", type=PATH, help="What package-cache outdated --json printed: adds the updates.")
@output_option
def report_command(
    renderer: Renderer, /, cache: Path, *, checks: tuple[Path, ...], outdated: Path | None, output: Path | None
) -> int:
    """Write a page about a cache for its administrator: groups and their sizes, images that do not get their groups,
    updates, ends of support, recordings and trial installations.

    One HTML file without scripts. Ages count up to today, or to the day of SOURCE_DATE_EPOCH; the same cache, files and
    day give the same bytes.

    \b
    Examples:
      package-cache report --output report.html
      package-cache report --check check.json --outdated outdated.json --output report.html
    """
    refuse_unless_file(output)
    images = [image for path in checks for image in read_check(path)] if checks else None
    facts = report_of(CacheFolder(cache), document_day(), images, read_outdated(outdated) if outdated else None)
    if renderer.json and output is None:
        return renderer.result("", facts)
    text: str = library("package_cache.report.page", "report", "a page").page_text(facts)
    groups = sum(len(system.groups) for system in facts.systems)
    return write_document(renderer, text, output, f"{count(groups, 'group')}, as of {facts.day}", vars(facts))
