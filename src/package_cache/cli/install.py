"""`package-cache install`."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import (
    archive_options,
    cache_option,
    given_manifest,
    given_options,
    groups_argument,
    verb,
)
from package_cache.cli.render import Renderer
from package_cache.exit_codes import ExitStatus
from package_cache.install import install


@verb("install")
@groups_argument
@cache_option
@archive_options
def install_command(
    renderer: Renderer, /, groups: tuple[str, ...], cache: Path, manifest: Path | None, **rest: Any
) -> int:
    """Install groups on this machine from a local cache.

    Builds the default cache first if it is missing. Builds a missing cache that --cache names only with --manifest.

    \b
    Examples:
      sudo "$(command -v package-cache)" install ssh
      sudo "$(command -v package-cache)" install ssh nfs --cache /srv/package_cache
    """
    folder = CacheFolder(cache)
    is_named = click.get_current_context().get_parameter_source("cache") is not ParameterSource.DEFAULT
    if not folder.description.exists() and not (is_named and manifest is None):  # a mistyped name builds nothing
        from package_cache.cli.build import build_cache  # noqa: PLC0415 - slow to load

        read = given_manifest(manifest)
        build_cache(renderer, read, folder, given_options(**rest))
    status, facts = install(groups, folder, quiet=renderer.json)
    renderer.result("", facts, ExitStatus.of(status))
    return status
