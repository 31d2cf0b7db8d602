"""`package-cache sbom`."""

from pathlib import Path

import click

from package_cache.cache.layout import CacheFolder
from package_cache.cli.documents import (
    given_reader,
    library,
    output_option,
    refuse_unless_file,
    vulnerabilities_option,
    write_document,
)
from package_cache.cli.options import PATH, cache_option, verb
from package_cache.cli.render import Renderer
from package_cache.errors import UsageError
from package_cache.formatting import count
from package_cache.lock.file import read_lock_file
from package_cache.sbom.facts import Writer, bill_of, with_vulnerabilities


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
@vulnerabilities_option
@output_option
def sbom_command(
    renderer: Renderer,
    /,
    groups: tuple[str, ...],
    cache: Path,
    *,
    format_: str,
    lock: Path | None,
    vulnerabilities: tuple[Path, ...],
    output: Path | None,
) -> int:
    """Write a bill of materials (SBOM) of a cache, or of some of its groups: packages, sources, licences, hashes.

    The same cache gives the same bytes.

    \b
    Examples:
      package-cache sbom --lock package-cache.lock --output cache.spdx.json
      package-cache sbom ssh --cache package_cache --format cyclonedx --output ssh.cdx.json
      package-cache sbom --format cyclonedx --vulnerabilities osv-all.tar.xz --output cache.cdx.json
    """
    refuse_unless_file(output)
    if vulnerabilities and format_ != "cyclonedx":
        raise UsageError(
            "cannot write vulnerabilities as SPDX 2.3, which has no place for them", hint="add --format cyclonedx"
        )
    read_fixes = given_reader(vulnerabilities)
    write: Writer = getattr(library(f"package_cache.sbom.{format_}", "sbom", format_), f"{format_}_text")
    read = read_lock_file(lock) if lock else None
    with renderer.listening() as listener:
        bill = bill_of(groups, CacheFolder(cache), read, listener)
        if read_fixes:
            bill = with_vulnerabilities(bill, read_fixes, listener)
    known = sum(bool(item.licences) for item in bill.packages)
    line = f"{count(len(bill.packages), 'package')}, licences known of {known}"
    result = {"packages": len(bill.packages), "licences_known": known}
    if read_fixes:
        result["vulnerabilities"] = len({item.fix.vulnerability for item in bill.vulnerabilities})
        line += f", {result['vulnerabilities']} CVE numbers with a fix"
    return write_document(renderer, write(bill), output, line, result)
