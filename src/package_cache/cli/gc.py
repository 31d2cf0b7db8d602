"""`package-cache gc`."""

import time
from pathlib import Path

import click

from package_cache.cache.gc import GcResult, gc
from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import cache_option, verb
from package_cache.cli.render import Renderer
from package_cache.formatting import count, in_bytes


@verb("gc")
@cache_option
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="Minimum time between the first gc that found a file unused and its removal.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
def gc_command(renderer: Renderer, cache: Path, grace: float, *, dry_run: bool) -> int:
    """Remove package files that no group of a cache uses, such as old versions on a volume.

    A file is removed after two runs found it unused, at least --grace seconds apart: a job may still read it.

    \b
    Examples:
      package-cache gc --cache shared/package_cache
      package-cache gc --cache shared/package_cache --dry-run
    """
    with renderer.listening():  # may wait for another writer
        result = gc(CacheFolder(cache), grace, time.time(), dry_run=dry_run)
    return renderer.result(f"{cache}: {_text(result)}", result)


def _text(result: GcResult) -> str:
    verb = "would remove" if result.dry_run else "removed"
    parts = [f"{verb} {count(result.removed, 'file')}, {in_bytes(result.removed_bytes)}"]
    if result.waiting:
        parts.append(f"{count(result.waiting, 'unused file')}, {in_bytes(result.waiting_bytes)}, in the grace period")
    parts.append(f"{count(result.kept, 'file')}, {in_bytes(result.kept_bytes)}, in use")
    if result.busy:
        parts.append("another process stages to it: run gc again later")
    return "; ".join(parts)
