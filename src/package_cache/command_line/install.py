"""`package-cache install`."""

from pathlib import Path
from typing import Any

import click

from package_cache.command_line.options import (
    archive_options,
    cache_option,
    given_cache,
    given_manifest,
    given_options,
    groups_argument,
    json_option,
)
from package_cache.command_line.render import Renderer
from package_cache.values.statuses import ExitStatus
from package_cache.verbs.install import install


@click.command("install")
@groups_argument
@cache_option
@archive_options
@json_option
@click.pass_obj
def install_command(
    renderer: Renderer, /, groups: tuple[str, ...], cache: Path, manifest: Path | None, **rest: Any
) -> int:
    """Install groups on this machine from a local cache, which is built first where it is not there.

    \b
    Example:
      sudo package-cache install ssh
    """
    folder = given_cache(cache)
    if not folder.description.exists():
        from package_cache.command_line.build import build_cache  # noqa: PLC0415 - takes as long to load as all the rest

        read = given_manifest(manifest)
        build_cache(renderer, read, folder, given_options(**rest))
    outcome = install(groups, folder, quiet=renderer.json)
    known = {status.code: status for status in ExitStatus}
    renderer.result("", outcome.facts, known.get(outcome.status, ExitStatus.INTERNAL))
    return outcome.status
