"""`package-cache check`."""

import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from package_cache.cache.layout import CacheFolder
from package_cache.check.matrix import CheckOptions, check_matrix, check_one
from package_cache.check.method import Method
from package_cache.check.verdict import CheckResult, Prediction, Verdict
from package_cache.cli.options import (
    PATH,
    allow_outside_option,
    authfile_option,
    cache_option,
    default_state,
    given_manifest,
    state_option,
    verb,
)
from package_cache.cli.render import Renderer
from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.formatting import in_bytes, table
from package_cache.manifest.model import Where
from package_cache.names import ARCHITECTURE

Matrix = Mapping[str, CheckResult | PackageCacheError]
"""By the names of the images."""


@verb("check")
@click.argument("groups", metavar="[GROUP...]", nargs=-1)
@cache_option
@click.option("--image", metavar="REFERENCE", help="docker://[HOST[:PORT]/]NAME[:TAG], oci:DIR:TAG, oci-archive:FILE")
@click.option("--container", metavar="NAME", help="Container of podman, or else of docker; running or not.")
@click.option("--root", type=PATH, help="Folder with a root file system.")
@click.option(
    "--status", type=PATH, help="A dpkg status file, such as /var/lib/dpkg/status of a container; needs --system."
)
@click.option("--system", metavar="NAME", help="OS release of the status file, such as ubuntu18.04.")
@click.option(
    "--manifest",
    type=PATH,
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
    there", or why it cannot be installed; where something is recorded also the method: replay, or dpkg and why. Exits
    with 0 if there is no miss, else with the installer's status for the first miss.

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
        return renderer.result(_matrix_text(results), _dated(_matrix_value(results)), next(bad, ExitStatus.INSTALLED))
    _refuse_contradictions(where, install=install)
    with renderer.listening() as listener:
        result = check_one(groups, CacheFolder(cache), where, options, listener)
    head = f"{result.name}: {result.system or 'unknown system'} {result.architecture}".rstrip()
    text = "\n".join([head, *_digests(result), _table(result), *_details(result)])
    return renderer.result(text, _dated(_value_of(result)), result.status)


def _dated(value: dict[str, object]) -> dict[str, object]:
    """Return a value with the time: images change, and who reads it later must see how old it is."""
    return {"when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), **value}


def _refuse_contradictions(where: Where, *, install: bool) -> None:
    if [where.image, where.container, where.root, where.status].count(None) != 3:
        raise click.UsageError("name one system to check: --image, --container, --root or --status; or --manifest")
    if (where.status is None) != (where.system is None):
        raise click.UsageError("--status and --system need each other: add --system ubuntu18.04, or omit --system")
    if where.authfile is not None and where.image is None:
        raise click.UsageError("--registry-auth-file needs --image or --manifest")
    if install and not where.has_root:
        raise click.UsageError("--run needs --root or --image: the others have no root file system to copy")


def _value_of(result: CheckResult) -> dict[str, object]:
    runs = {run.group: run for run in result.runs}
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
            "method": item.method and item.method.method,
            "recording": item.method and item.method.recording,
            "method_note": item.method and item.method.note,
            "run": runs.get(item.group),
        }
        for item in result.verdicts
    ]
    head = {"checked": result.name, "system": result.system, "architecture": result.architecture}
    return {**head, "digest": result.digest, "asked_digest": result.asked, "groups": groups}


def _digests(result: CheckResult) -> Iterator[str]:
    """Yield the requested digest and the digest that was read: a digest of an index differs from its manifest's."""
    if result.asked:
        yield f"asked for {result.asked}"
    if result.digest:
        yield f"read      {result.digest}"


def _details(result: CheckResult) -> Iterator[str]:
    """Yield lines on each miss and on each trial installation."""
    for item in result.misses:
        yield from ("", f"{item.group}: {item.message}")
        yield from (f"    {reason.text}" for reason in item.reasons)
        yield f"    next step: {item.next_step}"
    if result.runs:
        yield ""
    for run in result.runs:
        how = "as predicted" if run.agreed else "NOT as predicted"
        by = ", by a replay" if run.method is Method.REPLAY else ""
        yield f"{run.group}: trial installation: status {run.status}, {how}{by}: {run.message}"


def _table(result: CheckResult) -> str:
    """Return the table of groups; the last column is there if something is recorded for one of them."""
    columns = ("group", "result", "packages", "size", "method")
    shown = len(columns) if any(map(_method, result.verdicts)) else len(columns) - 1
    return table(columns[:shown], [_row(item)[:shown] for item in result.verdicts])


def _row(item: Verdict) -> tuple[str, ...]:
    if item.prediction is Prediction.MISS:
        return item.group, f"miss: {_outcome(item)}", "", "", ""
    return item.group, item.prediction.value, str(len(item.packages)), in_bytes(item.size), _method(item)


def _method(item: Verdict) -> str:
    return item.method.text if item.method else ""


def _matrix_value(results: Matrix) -> dict[str, object]:
    images = []
    for name, result in results.items():
        value: dict[str, object] = {"name": name, "status": result.status.code, "error": None}
        if isinstance(result, PackageCacheError):
            value["error"] = {"message": result.message, "details": result.details, "hint": result.hint}
        else:
            value |= _value_of(result)
        images.append(value)
    return {"images": images}


def _matrix_text(results: Matrix) -> str:
    """Return a table of images and groups, and below it what prevents each miss."""
    checked = [result for result in results.values() if isinstance(result, CheckResult)]
    groups = tuple(dict.fromkeys(item.group for result in checked for item in result.verdicts))
    rows: list[tuple[str, ...]] = []
    lines = []
    for name, result in results.items():
        if isinstance(result, PackageCacheError):
            rows.append((name, f"error ({result.status.code})", *("" for _ in groups)))
            lines += ["", f"{name}: {result}"]
            continue
        outcomes = {item.group: _outcome(item) for item in result.verdicts}
        system = f"{result.system or 'unknown'} {result.architecture}".rstrip()
        rows.append((name, system, *(outcomes.get(group, "") for group in groups)))
        details = [*(_digests(result) if result.asked else ()), *_details(result)]
        lines += [f"{name}, {line}" if line and line[0] != " " else line for line in details]
    return "\n".join([table(("image", "system", *groups), rows), *lines])


def _outcome(item: Verdict) -> str:
    """Return a prediction in a word or two; for a hit also its method, if something is recorded for the group."""
    if item.prediction is Prediction.MISS:
        return f"{item.status.reason} ({item.status.code})"
    by = f" by {item.method.method.value}" if item.method and item.method.text else ""
    return f"{item.prediction.value}{by}"
