"""`package-cache verify`."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from package_cache.cache.layout import CacheFolder
from package_cache.cache.verify import verify
from package_cache.cli.options import (
    PATH,
    allow_outside_option,
    cache_option,
    file_options,
    given_manifest,
    given_options,
    manifest_option,
    mirror_option,
    state_option,
    verb,
)
from package_cache.cli.render import Renderer
from package_cache.errors import PackageCacheError, Problem
from package_cache.escaping import visible_line
from package_cache.events import Listener
from package_cache.exit_codes import ExitStatus
from package_cache.formatting import count, in_bytes
from package_cache.manifest_lock import current_lock
from package_cache.process import need_tools
from package_cache.releases.sources import mirror_finder
from package_cache.signatures import keyring
from package_cache.tools import PACKAGES

if TYPE_CHECKING:
    from package_cache.build.reproduce import ReproduceResult


@verb("verify")
@cache_option
@click.option(
    "--keyring",
    "keys",
    type=PATH,
    metavar="FILE",
    help="OpenPGP keys: every group must be signed by one of them that is valid.",
)
@click.option(
    "--from-archive",
    is_flag=True,
    help="Also download the archive's files of the manifest's lock again, recompress them, and compare.",
)
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="NUMBER", help="Compare only so many files, chosen at random."
)
@manifest_option
@allow_outside_option
@mirror_option
@file_options
@state_option
def verify_command(
    renderer: Renderer,
    /,
    cache: Path,
    keys: Path | None,
    *,
    from_archive: bool,
    sample: int | None,
    manifest: Path | None,
    **rest: Any,
) -> int:
    """Check every file of a cache against its SHA-256, the signatures of its groups, and where its files come from.

    \b
    Examples:
      package-cache verify --cache /mnt/package_cache --json
      package-cache verify --keyring keys.gpg
      package-cache verify --from-archive --sample 20
    """
    if not from_archive and (sample or manifest):
        raise click.UsageError("--sample and --manifest are for --from-archive")
    folder = CacheFolder(cache)
    with contextlib.ExitStack() as stack:
        trusted = stack.enter_context(keyring(keys)) if keys else None
        listener = stack.enter_context(renderer.listening())
        result = verify(folder, listener, trusted=trusted)
        try:
            compared = _reproduced(folder, manifest, sample, listener, rest) if from_archive else None
        except PackageCacheError as error:
            error.problems = (*map(Problem, result.problems), *error.problems)  # known, whatever the archive has
            raise
    problems = (*result.problems, *(compared.problems if compared else ()))
    value = {**vars(result), **({"from_archive": compared} if compared else {})}
    if not problems:
        text = f"{cache}: {count(result.files, 'file')}, {in_bytes(result.bytes)}: intact{', signed' if keys else ''}"
        return renderer.result(text + _compared(compared), value)
    if not renderer.json:
        for problem in problems:
            renderer.complain(visible_line(problem))
        renderer.complain(f"{cache}: {count(len(problems), 'problem')}; build or stage the cache again")
    return renderer.result("", value, ExitStatus.CACHE_DAMAGED)


def _reproduced(
    cache: CacheFolder, manifest: Path | None, sample: int | None, listener: Listener, rest: dict[str, Any]
) -> "ReproduceResult":
    from package_cache.build.reproduce import reproduce  # noqa: PLC0415 - slow to load

    need_tools(*PACKAGES)
    read, options = given_manifest(manifest), given_options(**rest)
    find = mirror_finder(options, read)
    return reproduce(current_lock(read), cache, find, listener, sample=sample, auth=options.auth)


def _compared(result: "ReproduceResult | None") -> str:
    if result is None:
        return ""
    same = result.same + result.same_content
    text = f"; {count(same, 'file')} made again from the archive"
    return f"{text}, {result.same_content} by another compressor" if result.same_content else text
