"""`package-cache stage`."""

import datetime
from pathlib import Path

import click

from package_cache.cache.expectations import VARIABLE, Expectation
from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import NO_LIMIT, PATH, Given, cache_option, groups_argument, max_age_option, verb
from package_cache.cli.render import Renderer
from package_cache.formatting import count, in_bytes
from package_cache.stage import refuse_old_cache, stage


@verb("stage")
@groups_argument
@cache_option
@click.option("--to", type=PATH, required=True, help="Folder of the staged cache on the volume.")
@click.option(
    "--expect",
    "expected",
    type=Given("GROUP=SHA256", Expectation.parse),
    multiple=True,
    envvar=VARIABLE,
    help="Refuse a group whose Release has another SHA-256 than this, which show prints; may be repeated. "
    f"The variable {VARIABLE} has the same form, separated by spaces.",
)
@max_age_option("Refuse a cache that is older, or was built from an older lock.")
def stage_command(
    renderer: Renderer,
    groups: tuple[str, ...],
    cache: Path,
    *,
    to: Path,
    expected: tuple[Expectation, ...],
    max_age: datetime.timedelta | None,
) -> int:
    """Copy groups of a cache to a volume that a container mounts. Groups that were staged earlier stay.

    \b
    Examples:
      package-cache stage ssh nfs --to shared/package_cache
      package-cache stage ssh --cache package_cache --to shared/package_cache --max-age 30d
    """
    if max_age not in (None, NO_LIMIT):
        refuse_old_cache(CacheFolder(cache), max_age, datetime.datetime.now(datetime.UTC))
    with renderer.listening() as listener:
        result = stage(groups, CacheFolder(cache), to.absolute(), listener, expected=expected)
    names = ", ".join(result.groups)
    text = f"{to}: {names}: {count(result.files, 'new file')}, {in_bytes(result.bytes)} ({result.method})"
    return renderer.result(text, result)
