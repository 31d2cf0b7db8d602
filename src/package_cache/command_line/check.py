"""`package-cache check`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from package_cache.command_line.amounts import in_bytes
from package_cache.command_line.options import cache_option, default_state, given_cache, json_option, state_option
from package_cache.command_line.render import Renderer
from package_cache.command_line.tables import table
from package_cache.outside.container_files import container_files
from package_cache.outside.image_root import image_root
from package_cache.outside.image_source import source_image
from package_cache.outside.isolation import Isolation, strongest_isolation
from package_cache.outside.system_files import RootFiles
from package_cache.values.errors import UsageError
from package_cache.values.events import Listener
from package_cache.values.system import System
from package_cache.values.verdict import Prediction, Verdict
from package_cache.verbs.check import CheckResult, SeenSystem, check, seen_by_status, seen_in_files
from package_cache.verbs.prove import Run, prove, status_of


@dataclass(frozen=True)
class _Given:
    """Where the system is that is to be checked, as the command line says it."""

    image: str | None
    container: str | None
    root: Path | None
    status: Path | None
    system: str | None
    architecture: str | None
    authfile: Path | None
    run: bool
    state: Path | None


@click.command("check")
@click.argument("groups", metavar="[GROUP...]", nargs=-1)
@cache_option
@click.option("--image", metavar="REFERENCE", help="docker://[HOST[:PORT]/]NAME[:TAG], oci:DIR:TAG, oci-archive:FILE")
@click.option("--container", metavar="NAME", help="A container that podman, or else docker, knows; running or not.")
@click.option("--root", type=click.Path(file_okay=False, exists=True, path_type=Path), help="A root folder.")
@click.option(
    "--status",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A dpkg status file, such as /var/lib/dpkg/status of a container; with --system.",
)
@click.option("--system", metavar="NAME", help="The OS release that --status is of, such as ubuntu18.04.")
@click.option(
    "--architecture",
    metavar="NAME",
    help="As dpkg names it.  [default: that of the dpkg which is there; of an image for several: amd64]",
)
@click.option(
    "--authfile",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Credentials of registries.  [default: those of skopeo login, or $REGISTRY_AUTH_FILE]",
)
@click.option(
    "--run",
    is_flag=True,
    help="Also install each group for real, in a throw-away copy of --root or --image, and note it in the cache.",
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
    **given: Any,
) -> int:
    """Say whether groups will install offline in a container system, without running anything of it.

    For each group, or for all of the cache where none is named: what would be installed, that it is there already, or
    why it cannot be. The exit status is 0 where there is no miss, else the installer's own for the first one.

    \b
    Example:
      package-cache check ssh --image docker://localhost:5000/job:latest
      package-cache check ssh --container job
      package-cache check --status status --system ubuntu18.04
    """
    asked, folder = _Given(**given), given_cache(cache)
    with renderer.listening() as listener, _opened(asked, listener) as (seen, find_root):
        result = check(groups, folder, seen, listener)
        runs: tuple[Run, ...] = ()
        if asked.run:
            isolation = strongest_isolation()
            runs = prove(result, folder, find_root(isolation), isolation, listener)
    status = status_of(runs) if asked.run else result.status
    return renderer.result(_text(result, runs), _value(result, runs), status)


FindRoot = Callable[[Isolation], Path]


@contextmanager
def _opened(given: _Given, listener: Listener) -> Iterator[tuple[SeenSystem, FindRoot]]:
    """Give what can be seen of the one system that was named, and what makes a root of it, while the block runs."""
    named = [name for name in ("root", "status", "image", "container") if getattr(given, name) is not None]
    if len(named) != 1:
        raise click.UsageError("name one system to check: --image, --container, --root or --status")
    if (given.status is None) != (given.system is None):
        raise click.UsageError("--status needs --system, such as --system ubuntu18.04, and nothing else does")
    if given.authfile is not None and given.image is None:
        raise click.UsageError("--authfile goes with --image")
    if given.run and given.image is None and given.root is None:
        raise click.UsageError("--run goes with --root or --image: of the others there is no root to copy")
    if given.image is not None:
        with source_image(given.image, architecture=given.architecture, authfile=given.authfile) as image:
            state = given.state or default_state()
            yield (
                seen_in_files(given.image, image.files(), given.architecture, digest=image.digest),
                lambda isolation: image_root(image, state=state, isolation=isolation, listener=listener),
            )
    elif given.container is not None:
        yield seen_in_files(given.container, container_files(given.container), given.architecture), _no_root
    elif given.root is not None:
        root = given.root.absolute()
        yield seen_in_files(str(given.root), RootFiles(root), given.architecture), lambda _: root
    else:
        yield _by_status(given), _no_root


def _no_root(isolation: Isolation) -> Path:
    raise NotImplementedError(isolation)


def _by_status(given: _Given) -> SeenSystem:
    assert given.status is not None
    assert given.system is not None
    try:
        name = System.parse(given.system).name
    except ValueError as error:
        raise UsageError(f"cannot check {given.status}: {error}") from error
    return seen_by_status(str(given.status), given.status.read_bytes(), name, given.architecture)


def _value(result: CheckResult, runs: Sequence[Run]) -> dict[str, object]:
    came = {run.group: run for run in runs}
    groups = [
        {
            "name": item.group,
            "prediction": item.prediction,
            "status": item.status.code,
            "reason": "ok" if item.status.code == 0 else item.status.reason,
            "packages": item.packages,
            "bytes": item.size,
            "message": item.message,
            "next_step": item.next_step,
            "reasons": item.reasons,
            "apt": item.words,
            "run": came.get(item.group),
        }
        for item in result.verdicts
    ]
    head = {"checked": result.name, "system": result.system, "architecture": result.architecture}
    return {**head, "digest": result.digest, "groups": groups}


def _text(result: CheckResult, runs: Sequence[Run]) -> str:
    head = f"{result.name}: {result.system or 'no known system'} {result.architecture}".rstrip()
    rows = [_row(item) for item in result.verdicts]
    misses = (line for item in result.verdicts if item.prediction is Prediction.MISS for line in _miss(item))
    return "\n".join([head, table(("group", "result", "packages", "size"), rows), *misses, *_came(runs)])


def _came(runs: Sequence[Run]) -> Iterator[str]:
    """Tell what came of installing, a line each."""
    if runs:
        yield ""
    for run in runs:
        how = "as predicted" if run.agreed else "NOT as predicted"
        yield f"{run.group}: installed for real: status {run.status}, {how}: {run.message}"


def _row(item: Verdict) -> tuple[str, str, str, str]:
    if item.prediction is Prediction.MISS:
        return item.group, f"miss: {item.status.reason} ({item.status.code})", "", ""
    if item.prediction is Prediction.THERE:
        return item.group, item.prediction.value, "0", in_bytes(0)
    return item.group, item.prediction.value, str(len(item.packages)), in_bytes(item.size)


def _miss(item: Verdict) -> Iterator[str]:
    yield ""
    yield f"{item.group}: {item.message}"
    yield from (f"    {reason.text}" for reason in item.reasons)
    yield f"    next step: {item.next_step}"
