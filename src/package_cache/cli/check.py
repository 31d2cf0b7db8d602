"""`package-cache check`."""

from pathlib import Path
from typing import Any

import click

from package_cache.cache.layout import CacheFolder
from package_cache.check.matrix import CheckOptions, check_matrix, check_one
from package_cache.check.target import Where
from package_cache.cli.check_report import matrix_text, matrix_value, text_of, value_of
from package_cache.cli.options import (
    GivenPath,
    allow_outside_option,
    authfile_option,
    cache_option,
    default_state,
    given_manifest,
    state_option,
    verb,
)
from package_cache.cli.render import Renderer
from package_cache.exit_codes import ExitStatus
from package_cache.names import ARCHITECTURE


@verb("check")
@click.argument("groups", metavar="[GROUP...]", nargs=-1)
@cache_option
@click.option("--image", metavar="REFERENCE", help="docker://[HOST[:PORT]/]NAME[:TAG], oci:DIR:TAG, oci-archive:FILE")
@click.option("--container", metavar="NAME", help="Container of podman, or else of docker; running or not.")
@click.option("--root", type=GivenPath(), help="Folder with a root file system.")
@click.option(
    "--status",
    type=GivenPath(),
    help="A dpkg status file, such as /var/lib/dpkg/status of a container; needs --system.",
)
@click.option("--system", metavar="NAME", help="OS release of the status file, such as ubuntu18.04.")
@click.option(
    "--manifest",
    type=GivenPath(),
    help="Check all [[image]] tables of this package-cache.toml, each with the groups that it names.",
)
@allow_outside_option
@click.option(
    "--architecture",
    metavar="NAME",
    help="Architecture, as dpkg names it.  [default: that of the installed dpkg; of a multi-platform image: amd64]",
)
@authfile_option
@click.option(
    "--run",
    "install",
    is_flag=True,
    help="Also install each group in a disposable copy of the root or image, and record the result in the cache.",
)
@state_option
def check_command(
    renderer: Renderer,
    /,
    *,
    groups: tuple[str, ...],
    cache: Path,
    manifest: Path | None,
    install: bool,
    state: Path | None,
    **given: Any,
) -> int:
    """Predict whether groups install offline in an image, container or root, without running its programs.

    Prints for each named group, or for every group of the cache: the packages that would be installed, "already
    there", or why it cannot be installed. Exits with 0 if there is no miss, else with the installer's status for the
    first miss.

    \b
    Examples:
      package-cache check ssh --image docker://localhost:5000/job:latest
      package-cache check --status status --system ubuntu18.04
      package-cache check --manifest package-cache.toml
    """
    if given["architecture"] and not ARCHITECTURE.fullmatch(given["architecture"]):
        raise click.UsageError(
            f"{given['architecture']!r} is not an architecture: write it as dpkg names it, such as amd64"
        )
    where, options = Where(**given), CheckOptions(state or default_state(), install=install)
    if manifest is not None:
        if groups or where != Where(authfile=where.authfile):
            raise click.UsageError("--manifest names the images and groups: omit groups and other systems")
        read = given_manifest(manifest)
        with renderer.listening() as listener:
            results = check_matrix(read, CacheFolder(cache), options, listener, where.authfile)
        bad = (result.status for result in results.values() if result.status is not ExitStatus.INSTALLED)
        return renderer.result(matrix_text(results), matrix_value(results), next(bad, ExitStatus.INSTALLED))
    _refuse_contradictions(where, install=install)
    with renderer.listening() as listener:
        result = check_one(groups, CacheFolder(cache), where, options, listener)
    return renderer.result(text_of(result), value_of(result), result.status)


def _refuse_contradictions(where: Where, *, install: bool) -> None:
    if [where.image, where.container, where.root, where.status].count(None) != 3:
        raise click.UsageError("name one system to check: --image, --container, --root or --status; or --manifest")
    if (where.status is None) != (where.system is None):
        raise click.UsageError("--status and --system need each other: add --system ubuntu18.04, or omit --system")
    if where.authfile is not None and where.image is None:
        raise click.UsageError("--registry-auth-file needs --image or --manifest")
    if install and not where.has_root:
        raise click.UsageError("--run needs --root or --image: the others have no root file system to copy")
