"""`package-cache gc`."""

import time
from pathlib import Path

import click

from package_cache.cache.gc import GcResult, gc
from package_cache.cli.formatting import count, in_bytes
from package_cache.cli.options import cache_option, given_cache, json_option
from package_cache.cli.render import Renderer


@click.command("gc")
@cache_option
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a file must have been unneeded, from the first gc on that saw it so.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@json_option
@click.pass_obj
def gc_command(renderer: Renderer, cache: Path, grace: float, *, dry_run: bool) -> int:
    """Remove package files that no group of a cache needs, such as those of groups that were staged anew.

    A file goes when two runs, at least the grace apart, have found it unneeded: a job may still be reading it.

    \b
    Example:
      package-cache gc --cache shared/package_cache
    """
    with renderer.listening():  # it may wait for another writer
        result = gc(given_cache(cache), grace, time.time(), dry_run=dry_run)
    return renderer.result(f"{cache}: {_text(result)}", result)


def _text(result: GcResult) -> str:
    verb = "would remove" if result.dry_run else "removed"
    parts = [f"{verb} {count(result.removed, 'file')}, {in_bytes(result.removed_bytes)}"]
    if result.waiting:
        parts.append(f"{count(result.waiting, 'unneeded file')}, {in_bytes(result.waiting_bytes)}, still waiting")
    parts.append(f"{count(result.kept, 'file')}, {in_bytes(result.kept_bytes)}, needed")
    if result.busy:
        parts.append("somebody stages to it: run it again later")
    return "; ".join(parts)
