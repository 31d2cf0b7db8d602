"""`package-cache build`."""

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from package_cache.build.builder import BuildResult, Order, build, up_to_date
from package_cache.cache.layout import CacheFolder
from package_cache.cli.lock import current_or_new_lock
from package_cache.cli.options import (
    DEFAULT_CACHE,
    NO_LIMIT,
    PATH,
    archive_options,
    given_manifest,
    given_options,
    given_signer,
    max_age_option,
    sign_options,
    verb,
)
from package_cache.cli.render import Renderer
from package_cache.deb.compression import LEVEL
from package_cache.events import Step
from package_cache.formatting import count, in_bytes
from package_cache.manifest.model import Manifest
from package_cache.manifest_lock import lock_digest, lock_path, refuse_old_lock
from package_cache.releases.sources import mirror_finder
from package_cache.settings import Options
from package_cache.signatures import Signer


@verb("build")
@archive_options
@click.option("--output", type=PATH, default=DEFAULT_CACHE, show_default=True, help="Folder of the cache.")
@click.option(
    "--recompress/--no-recompress",
    default=True,
    show_default=True,
    help="Recompress package files for fast unpacking by the dpkg of each OS release, or keep the archive's files.",
)
@click.option(
    "--recompress-level",
    type=click.IntRange(1, 19),
    default=LEVEL,
    show_default=True,
    help="Level of zstd. 19 makes packages 10 % smaller and takes 20 times as long: for caches that are pulled more "
    "often than built.",
)
@sign_options
@max_age_option("Refuse a lock that is older.  [default: max-age of the manifest]")
def build_command(
    renderer: Renderer,
    /,
    manifest: Path | None,
    output: Path,
    *,
    recompress: bool,
    recompress_level: int,
    sign_by: tuple[str, ...],
    signing_key: Path | None,
    max_age: datetime.timedelta | None,
    **rest: Any,
) -> int:
    """Download and verify the packages of a manifest's lock, and build a cache. Creates the lock if it is missing.

    Files that the cache already has are not downloaded or recompressed again. An interrupted build continues where it
    stopped.

    \b
    Examples:
      package-cache build --manifest package_cache_info --output package_cache
      package-cache build --mirror ubuntu=MIRROR --max-age 30d
      package-cache build --sign-by FINGERPRINT
    """
    read = given_manifest(manifest)
    if max_age is not None:
        read = replace(read, max_age=None if max_age == NO_LIMIT else max_age)
    level = recompress_level if recompress else None
    with given_signer(sign_by, signing_key) as signer:
        result = build_cache(renderer, read, CacheFolder(output), given_options(**rest), level=level, signer=signer)
    return renderer.result(_text(output, result), result)


def build_cache(
    renderer: Renderer,
    manifest: Manifest,
    cache: CacheFolder,
    options: Options,
    *,
    level: int | None = LEVEL,
    signer: Signer | None = None,
) -> BuildResult:
    """Build the cache of a manifest from its lock, which is created if it is missing."""
    lock = None
    if manifest.max_age is not None:
        lock = current_or_new_lock(renderer, manifest, options)
        refuse_old_lock(lock, lock_path(manifest), manifest.max_age, datetime.datetime.now(datetime.UTC))
    digest = lock_digest(manifest)
    if digest:  # a large lock takes long to read
        with renderer.listening() as listener:
            listener(Step("comparing the cache with the lock"))
            signed_by = signer.fingerprints if signer else ()
            unchanged = up_to_date(cache, digest, manifest.digest, level=level, signed_by=signed_by)
        if unchanged is not None:
            return unchanged
    lock = lock or current_or_new_lock(renderer, manifest, options)
    with renderer.listening() as listener:
        find = mirror_finder(options, manifest)
        return build(Order(lock, cache, find, listener, level, options.auth, signer))


def _text(output: Path, result: BuildResult) -> str:
    groups, packages = count(result.groups, "group folder"), count(result.packages, "package")
    total = f"{groups}, {packages}, {in_bytes(result.stored_bytes)}{_recordings(result)}"
    if not result.changed:
        return f"{output}: up to date: {total}"
    return (
        f"{output}: {total} ({in_bytes(result.downloaded_bytes)} downloaded; {result.recompressed} recompressed; "
        f"storing shared packages once saves {in_bytes(result.saved_bytes)})"
    )


def _recordings(result: BuildResult) -> str:
    if not result.recordings_dropped:
        return f", {count(result.recordings_kept, 'recording')}" if result.recordings_kept else ""
    return f", {count(result.recordings_kept, 'recording')} kept, {result.recordings_dropped} dropped"
