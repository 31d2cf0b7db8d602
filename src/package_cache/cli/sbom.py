"""`package-cache sbom`."""

from pathlib import Path

import click

from package_cache.cache.layout import CacheFolder
from package_cache.cli.documents import library, output_option, refuse_unless_file, write_document
from package_cache.cli.options import PATH, cache_option, verb
from package_cache.cli.render import Renderer
from package_cache.formatting import count
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
@output_option
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
    refuse_unless_file(output)
    write: Writer = getattr(library(f"package_cache.sbom.{format_}", "sbom", format_), f"{format_}_text")
    read = read_lock_file(lock) if lock else None
    with renderer.listening() as listener:
        bill = bill_of(groups, CacheFolder(cache), read, listener)
    known = sum(bool(item.licences) for item in bill.packages)
    line = f"{count(len(bill.packages), 'package')}, licences known of {known}"
    return write_document(
        renderer, write(bill), output, line, {"packages": len(bill.packages), "licences_known": known}
    )
