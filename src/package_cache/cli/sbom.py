"""`package-cache sbom`."""

import importlib
import importlib.metadata
import json
import shlex
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from package_cache.cli.formatting import count
from package_cache.cli.options import GivenPath, cache_option, given_cache, json_option
from package_cache.cli.render import Renderer
from package_cache.errors import ToolMissingError, UsageError
from package_cache.filesystem.paths import write_atomically
from package_cache.filesystem.write_errors import writing_to
from package_cache.inventory import read_lock_file
from package_cache.sbom.facts import Writer, bill_of

FORMATS = ("spdx", "cyclonedx")


@dataclass(frozen=True)
class _Billed:
    path: Path
    packages: int
    licences_known: int


@click.command("sbom")
@click.argument("groups", metavar="[GROUP]...", nargs=-1)
@cache_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="spdx",
    show_default=True,
    help="SPDX 2.3 or CycloneDX 1.6, both as JSON.",
)
@click.option(
    "--lock",
    type=GivenPath(),
    help="The lock that the cache was built from: it knows where each file lies in its archive.",
)
@click.option(
    "--output",
    type=GivenPath(),
    help="A file.  [default: standard output]",
)
@json_option
@click.pass_obj
def sbom_command(
    renderer: Renderer,
    /,
    groups: tuple[str, ...],
    cache: Path,
    *,
    format_: str,
    lock: Path | None,
    output: Path | None,
) -> int:
    """Write a bill of materials of a cache, or of some of its groups: packages, sources, licences, hashes.

    The same cache gives the same bytes.

    \b
    Example:
      package-cache sbom ssh --cache package_cache --format cyclonedx --output ssh.cdx.json
    """
    _refuse_what_is_no_file(output)
    write = _writer(format_)
    read = read_lock_file(lock) if lock else None
    with renderer.listening() as listener:
        bill = bill_of(groups, given_cache(cache), read, listener)
    text = write(bill)
    if output is None:
        return renderer.result(text.rstrip("\n"), json.loads(text) if renderer.json else None)
    place = output.resolve()  # what a link leads to is replaced, not the link
    with writing_to(place.parent):
        write_atomically(place, text.encode())
    known = sum(bool(item.licences) for item in bill.packages)
    result = _Billed(output, len(bill.packages), known)
    return renderer.result(f"{output}: {count(len(bill.packages), 'package')}, licences known of {known}", result)


def _refuse_what_is_no_file(output: Path | None) -> None:
    """Raise `UsageError` for a device or a pipe, in whose place a file would be put, and where no folder is."""
    if output is None:
        return
    hint = "name a file; without --output it goes to standard output"
    try:
        is_file = stat.S_ISREG(output.stat().st_mode)
    except FileNotFoundError:
        is_file = True
    except OSError as error:
        raise UsageError(f"cannot write to {output}: {error.strerror}", hint=hint) from error
    if not is_file:
        raise UsageError(f"cannot write to {output}: it is not a file", hint=hint)
    if not output.resolve().parent.is_dir():
        raise UsageError(f"cannot write to {output}: there is no folder {output.resolve().parent}")


def _extra() -> list[str]:
    """Return what the extra `sbom` needs, as pip reads it, by this package's own metadata."""
    needed = importlib.metadata.requires("pod-package-cache") or []
    return [need.partition(";")[0].strip() for need in needed if need.replace("'", '"').endswith('extra == "sbom"')]


def _writer(format_: str) -> Writer:
    """Load the writer of a format only when it is asked for: its library is an extra, and slow to load."""
    try:
        module = importlib.import_module(f"package_cache.sbom.{format_}")
    except ModuleNotFoundError as error:
        raise ToolMissingError(
            f"cannot write {format_}: the Python package of {error.name} is not installed",
            hint=f"install it: {sys.executable} -m pip install {shlex.join(_extra())}",
        ) from error
    writer: Writer = getattr(module, f"{format_}_text")
    return writer
