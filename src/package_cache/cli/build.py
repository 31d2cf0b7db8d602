"""`package-cache build`."""

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from package_cache.build.builder import BuildResult, build, up_to_date
from package_cache.cache.layout import CacheFolder
from package_cache.cli.formatting import count, in_bytes
from package_cache.cli.lock import current_lock, lock_digest, lock_path
from package_cache.cli.options import (
    DEFAULT_CACHE,
    GivenPath,
    MaxAge,
    archive_options,
    given_cache,
    given_manifest,
    given_options,
    json_option,
    max_age_option,
)
from package_cache.cli.render import Renderer
from package_cache.deb.compression import LEVEL
from package_cache.events import Step
from package_cache.manifest.model import Manifest
from package_cache.max_age import refuse_old_lock
from package_cache.releases.sources import mirror_finder
from package_cache.settings import Options


@click.command("build")
@archive_options
@click.option(
    "--output",
    type=GivenPath(),
    default=DEFAULT_CACHE,
    show_default=True,
    help="The cache's folder.",
)
@click.option(
    "--recompress/--no-recompress",
    default=True,
    show_default=True,
    help="Store package files as each system's dpkg unpacks them fastest, or as the archive has them, if it can.",
)
@click.option(
    "--recompress-level",
    type=click.IntRange(1, 19),
    default=LEVEL,
    show_default=True,
    help="Of zstd. 19 makes packages 10 % smaller in 20 times the time: for those who pull more often than they build.",
)
@max_age_option("Build from no lock that is older.  [default: max-age of the manifest]")
@json_option
@click.pass_obj
def build_command(
    renderer: Renderer,
    /,
    manifest: Path | None,
    output: Path,
    *,
    recompress: bool,
    recompress_level: int,
    max_age: MaxAge | None,
    **rest: Any,
) -> int:
    """Download and verify what a manifest's lock names, and make the cache of it. Locks first if there is no lock.

    What is there already is not downloaded or recompressed again; an interrupted build goes on where it was.

    \b
    Example:
      package-cache build --manifest package_cache_info --output package_cache
    """
    read = given_manifest(manifest)
    cache, options = given_cache(output), given_options(**rest)
    if max_age is not None:
        read = replace(read, max_age=max_age.limit)
    result = build_cache(renderer, read, cache, options, level=recompress_level if recompress else None)
    return renderer.result(_text(output, result), result)


def build_cache(
    renderer: Renderer, manifest: Manifest, cache: CacheFolder, options: Options, *, level: int | None = LEVEL
) -> BuildResult:
    """Build the cache of a manifest from its lock, which is made where it is missing."""
    lock = None
    if manifest.max_age is not None:
        lock = current_lock(renderer, manifest, options)
        refuse_old_lock(lock, lock_path(manifest), manifest.max_age, datetime.datetime.now(datetime.UTC))
    digest = lock_digest(manifest)
    if digest:  # else a large lock would be read, which takes long
        with renderer.listening() as listener:
            listener(Step("comparing the cache with the lock"))
            unchanged = up_to_date(cache, digest, manifest.digest, level=level)
        if unchanged is not None:
            return unchanged
    lock = lock or current_lock(renderer, manifest, options)
    with renderer.listening() as listener:
        find = mirror_finder(options, manifest)
        return build(lock, cache, find, listener, level=level, auth=options.auth)


def _text(output: Path, result: BuildResult) -> str:
    what = (
        f"{count(result.groups, 'group folder')}, {count(result.packages, 'package')}, {in_bytes(result.stored_bytes)}"
    )
    if not result.changed:
        return f"{output}: up to date: {what}"
    return (
        f"{output}: {what} ({in_bytes(result.downloaded_bytes)} downloaded; {result.recompressed} recompressed; "
        f"storing shared packages once saves {in_bytes(result.saved_bytes)})"
    )
