"""`package-cache stage`."""

import datetime
from pathlib import Path

import click

from package_cache.cli.formatting import count, in_bytes
from package_cache.cli.options import (
    GivenPath,
    MaxAge,
    cache_option,
    given_cache,
    groups_argument,
    json_option,
    max_age_option,
)
from package_cache.cli.render import Renderer
from package_cache.max_age import refuse_old_cache
from package_cache.stage import stage


@click.command("stage")
@groups_argument
@cache_option
@click.option("--to", type=GivenPath(), required=True, help="Where the groups go.")
@max_age_option("Stage from no cache that is older, or made from an older lock.")
@json_option
@click.pass_obj
def stage_command(renderer: Renderer, groups: tuple[str, ...], cache: Path, to: Path, max_age: MaxAge | None) -> int:
    """Make groups of a cache visible on a volume that a container shares; those staged before stay.

    \b
    Example:
      package-cache stage ssh nfs --to shared/package_cache
    """
    if max_age is not None and max_age.limit is not None:
        refuse_old_cache(given_cache(cache), max_age.limit, datetime.datetime.now(datetime.UTC))
    with renderer.listening() as listener:
        result = stage(groups, given_cache(cache), to.absolute(), listener)
    names = ", ".join(result.groups)
    text = f"{to}: {names}: {count(result.files, 'new file')}, {in_bytes(result.bytes)} ({result.method})"
    return renderer.result(text, result)
