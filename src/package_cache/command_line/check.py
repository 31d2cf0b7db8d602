"""`package-cache check`."""

from collections.abc import Iterator
from pathlib import Path

import click

from package_cache.command_line.amounts import in_bytes
from package_cache.command_line.options import cache_option, given_cache, json_option
from package_cache.command_line.render import Renderer
from package_cache.command_line.tables import table
from package_cache.outside.system_files import RootFiles
from package_cache.values.errors import UsageError
from package_cache.values.system import System
from package_cache.values.verdict import Prediction, Verdict
from package_cache.verbs.check import CheckResult, SeenSystem, check, seen_by_status, seen_in_files


@click.command("check")
@click.argument("groups", metavar="[GROUP...]", nargs=-1)
@cache_option
@click.option("--root", type=click.Path(file_okay=False, exists=True, path_type=Path), help="A root folder.")
@click.option(
    "--status",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A dpkg status file, such as /var/lib/dpkg/status of a container; with --system.",
)
@click.option("--system", metavar="NAME", help="The OS release that --status is of, such as ubuntu18.04.")
@click.option("--architecture", metavar="NAME", help="As dpkg names it.  [default: that of the dpkg which is there]")
@json_option
@click.pass_obj
def check_command(
    renderer: Renderer,
    /,
    *,
    groups: tuple[str, ...],
    cache: Path,
    root: Path | None,
    status: Path | None,
    system: str | None,
    architecture: str | None,
) -> int:
    """Say whether groups will install offline in a container system, without running anything of it.

    For each group, or for all of the cache where none is named: what would be installed, that it is there already, or
    why it cannot be. The exit status is 0 where there is no miss, else the installer's own for the first one.

    \b
    Example:
      package-cache check ssh --root /srv/jobs/root
      package-cache check --status status --system ubuntu18.04
    """
    seen = _seen(root, status, system, architecture)
    with renderer.listening() as listener:
        result = check(groups, given_cache(cache), seen, listener)
    return renderer.result(_text(result), _value(result), result.status)


def _seen(root: Path | None, status: Path | None, system: str | None, architecture: str | None) -> SeenSystem:
    given = [name for name, value in (("--root", root), ("--status", status)) if value is not None]
    if len(given) != 1:
        raise click.UsageError("name one system to check: --root or --status")
    if (status is None) != (system is None):
        raise click.UsageError("--status needs --system, such as --system ubuntu18.04, and nothing else does")
    if root is not None:
        return seen_in_files(str(root), RootFiles(root.absolute()), architecture)
    assert status is not None
    assert system is not None
    try:
        name = System.parse(system).name
    except ValueError as error:
        raise UsageError(f"cannot check {status}: {error}") from error
    return seen_by_status(str(status), status.read_bytes(), name, architecture)


def _value(result: CheckResult) -> dict[str, object]:
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
        }
        for item in result.verdicts
    ]
    head = {"checked": result.name, "system": result.system, "architecture": result.architecture}
    return {**head, "digest": result.digest, "groups": groups}


def _text(result: CheckResult) -> str:
    head = f"{result.name}: {result.system or 'no known system'} {result.architecture}".rstrip()
    rows = [_row(item) for item in result.verdicts]
    misses = (line for item in result.verdicts if item.prediction is Prediction.MISS for line in _miss(item))
    return "\n".join([head, table(("group", "result", "packages", "size"), rows), *misses])


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
