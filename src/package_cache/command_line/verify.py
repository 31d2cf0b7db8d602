"""`package-cache verify`."""

from pathlib import Path

import click

from package_cache.command_line.amounts import count, in_bytes
from package_cache.command_line.options import cache_option, given_cache, json_option
from package_cache.command_line.render import Renderer
from package_cache.values.statuses import ExitStatus
from package_cache.values.visible import visible_line
from package_cache.verbs.verify import verify


@click.command("verify")
@cache_option
@json_option
@click.pass_obj
def verify_command(renderer: Renderer, cache: Path) -> int:
    """Check that every byte of a cache still fits its hash.

    \b
    Example:
      package-cache verify --cache package_cache
    """
    with renderer.listening() as listener:
        result = verify(given_cache(cache), listener)
    if not result.problems:
        return renderer.result(f"{cache}: {count(result.files, 'file')}, {in_bytes(result.bytes)}: all fit", result)
    if not renderer.json:
        for problem in result.problems:
            renderer.complain(visible_line(problem))
        renderer.complain(f"{cache}: {count(len(result.problems), 'problem')}; build or stage it again")
    return renderer.result("", result, ExitStatus.CACHE_DAMAGED)
