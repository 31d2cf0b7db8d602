"""`package-cache check`."""

from pathlib import Path
from typing import Any

import click

from package_cache.check.matrix import CheckOptions, check_matrix, check_one, status_of_matrix
from package_cache.check.target import Where
from package_cache.cli.check_report import matrix_text, matrix_value, text_of, value_of
from package_cache.cli.options import (
    GivenPath,
    allow_outside_option,
    authfile_option,
    cache_option,
    given_cache,
    given_manifest,
    given_state,
    json_option,
    state_option,
)
from package_cache.cli.render import Renderer
from package_cache.names import ARCHITECTURE


@click.command("check")
@click.argument("groups", metavar="[GROUP...]", nargs=-1)
@cache_option
@click.option("--image", metavar="REFERENCE", help="docker://[HOST[:PORT]/]NAME[:TAG], oci:DIR:TAG, oci-archive:FILE")
@click.option("--container", metavar="NAME", help="A container that podman, or else docker, knows; running or not.")
@click.option("--root", type=GivenPath(), help="A root folder.")
@click.option(
    "--status",
    type=GivenPath(),
    help="A dpkg status file, such as /var/lib/dpkg/status of a container; with --system.",
)
@click.option("--system", metavar="NAME", help="The OS release that --status is of, such as ubuntu18.04.")
@click.option(
    "--manifest",
    type=GivenPath(),
    help="A package-cache.toml: all of its [[image]] tables are checked, whose groups they name.",
)
@allow_outside_option
@click.option(
    "--architecture",
    metavar="NAME",
    help="As dpkg names it.  [default: that of the dpkg which is there; of an image for several: amd64]",
)
@authfile_option
@click.option(
    "--run",
    "install",
    is_flag=True,
    help="Also install each group for real, in a throw-away copy of a root or an image, and note it in the cache.",
)
@state_option
@json_option
@click.pass_obj
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
    """Say whether groups will install offline in a container system, without running anything of it.

    For each group, or for all of the cache where none is named: what would be installed, that it is there already, or
    why it cannot be. The exit status is 0 where there is no miss, else the installer's own for the first one.

    \b
    Example:
      package-cache check ssh --image docker://localhost:5000/job:latest
      package-cache check --status status --system ubuntu18.04
      package-cache check --manifest package-cache.toml
    """
    if given["architecture"] and not ARCHITECTURE.fullmatch(given["architecture"]):
        raise click.UsageError(f"{given['architecture']!r} is not an architecture: write one as dpkg names it")
    where, options = Where(**given), CheckOptions(given_state(state), install=install)
    if manifest is not None:
        _refuse_beside_manifest(groups, where)
        read = given_manifest(manifest)
        with renderer.listening() as listener:
            rows = check_matrix(read, given_cache(cache), options, listener, authfile=where.authfile)
        return renderer.result(matrix_text(rows), matrix_value(rows), status_of_matrix(rows))
    _refuse_nonsense(where, install=install)
    with renderer.listening() as listener:
        result = check_one(groups, given_cache(cache), where, options, listener)
    return renderer.result(text_of(result), value_of(result), result.status)


def _refuse_beside_manifest(groups: tuple[str, ...], where: Where) -> None:
    if groups or where != Where(authfile=where.authfile):
        raise click.UsageError("--manifest names images and groups itself: leave out groups and other systems")


def _refuse_nonsense(where: Where, *, install: bool) -> None:
    if [where.image, where.container, where.root, where.status].count(None) != 3:
        raise click.UsageError("name one system to check: --image, --container, --root or --status; or --manifest")
    if (where.status is None) != (where.system is None):
        raise click.UsageError("--status needs --system, such as --system ubuntu18.04, and nothing else does")
    if where.authfile is not None and where.image is None:
        raise click.UsageError("--authfile goes with --image or --manifest")
    if install and not where.has_root:
        raise click.UsageError("--run goes with --root or --image: of the others there is no root to copy")
