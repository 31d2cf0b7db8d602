"""`package-cache install`."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from package_cache.cli.options import (
    archive_options,
    cache_option,
    given_cache,
    given_manifest,
    given_options,
    groups_argument,
    json_option,
)
from package_cache.cli.render import Renderer
from package_cache.exit_codes import ExitStatus
from package_cache.install import install


@click.command("install")
@groups_argument
@cache_option
@archive_options
@json_option
@click.pass_obj
def install_command(
    renderer: Renderer, /, groups: tuple[str, ...], cache: Path, manifest: Path | None, **rest: Any
) -> int:
    """Install groups on this machine from a local cache.

    The default cache is built first if it is missing; a cache that --cache names only if --manifest is given too.

    \b
    Example:
      sudo "$(command -v package-cache)" install ssh
    """
    folder = given_cache(cache)
    is_named = click.get_current_context().get_parameter_source("cache") is not ParameterSource.DEFAULT
    if not folder.description.exists() and not (is_named and manifest is None):  # a name that has a typo builds nothing
        from package_cache.cli.build import build_cache  # noqa: PLC0415 - takes as long to load as all the rest

        read = given_manifest(manifest)
        build_cache(renderer, read, folder, given_options(**rest))
    outcome = install(groups, folder, quiet=renderer.json)
    known = {status.code: status for status in ExitStatus}
    renderer.result("", outcome.facts, known.get(outcome.status, ExitStatus.INTERNAL))
    return outcome.status
