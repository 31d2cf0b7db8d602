"""`package-cache sbom`."""

import importlib
import importlib.metadata
import json
import shlex
import stat
import sys
from pathlib import Path

import click

from package_cache.cache.layout import CacheFolder
from package_cache.cli.formatting import count
from package_cache.cli.options import PATH, cache_option, verb
from package_cache.cli.render import Renderer
from package_cache.errors import ToolMissingError, UsageError
from package_cache.filesystem.paths import write_atomically
from package_cache.filesystem.write_errors import writing_to
from package_cache.lock.file import read_lock_file
from package_cache.sbom.facts import Writer, bill_of


@verb("sbom")
@click.argument("groups", metavar="[GROUP]...", nargs=-1)
@cache_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(("spdx", "cyclonedx")),
    default="spdx",
    show_default=True,
    help="SPDX 2.3 or CycloneDX 1.6, both as JSON.",
)
@click.option(
    "--lock", type=PATH, help="Lock from which the cache was built: adds the origin of each file in its archive."
)
@click.option("--output", type=PATH, help="File to write.  [default: standard output]")
def sbom_command(
    renderer: Renderer, /, groups: tuple[str, ...], cache: Path, *, format_: str, lock: Path | None, output: Path | None
) -> int:
    """Write a bill of materials (SBOM) of a cache, or of some of its groups: packages, sources, licences, hashes.

    The same cache gives the same bytes.

    \b
    Examples:
      package-cache sbom --lock package-cache.lock --output cache.spdx.json
      package-cache sbom ssh --cache package_cache --format cyclonedx --output ssh.cdx.json
    """
    if output:
        _refuse_unless_file(output)
    write = _writer(format_)
    read = read_lock_file(lock) if lock else None
    with renderer.listening() as listener:
        bill = bill_of(groups, CacheFolder(cache), read, listener)
    text = write(bill)
    if output is None:
        return renderer.result(text.rstrip("\n"), json.loads(text) if renderer.json else None)
    place = output.resolve()  # replace the target of a link, not the link
    with writing_to(place.parent):
        write_atomically(place, text.encode())
    known = sum(bool(item.licences) for item in bill.packages)
    result = {"path": output, "packages": len(bill.packages), "licences_known": known}
    return renderer.result(f"{output}: {count(len(bill.packages), 'package')}, licences known of {known}", result)


def _refuse_unless_file(output: Path) -> None:
    """Raise `UsageError` for a device or a pipe, which a file would replace, and for a missing folder."""
    hint = "name a file, or omit --output to write to standard output"
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


def _writer(format_: str) -> Writer:
    """Import the writer of a format on demand: its library is optional, and slow to import."""
    try:
        module = importlib.import_module(f"package_cache.sbom.{format_}")
    except ModuleNotFoundError as error:
        needed = [need.partition(";") for need in importlib.metadata.requires("pod-package-cache") or ()]
        extra = [need.strip() for need, _, when in needed if when.replace("'", '"').endswith('extra == "sbom"')]
        raise ToolMissingError(
            f"cannot write {format_}: the Python package {error.name} is not installed",
            hint=f"install it: {sys.executable} -m pip install {shlex.join(extra)}",
        ) from error
    writer: Writer = getattr(module, f"{format_}_text")
    return writer
