"""`package-cache provenance`."""

import re
from pathlib import Path

import click

from package_cache.cache.layout import CacheFolder
from package_cache.cli.documents import library, output_option, refuse_unless_file, write_document
from package_cache.cli.options import PATH, Given, cache_option, verb
from package_cache.cli.render import Renderer
from package_cache.formatting import count
from package_cache.lock.file import read_lock_file

_IMAGE = re.compile(r"(?:docker://)?([!-?A-~]+)@(sha256:[0-9a-f]{64})", re.ASCII)


def _image(text: str) -> tuple[str, str]:
    found = _IMAGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not NAME@sha256:...: write what package-cache image printed")
    return found[1], found[2]


@verb("provenance")
@cache_option
@click.option("--lock", type=PATH, required=True, help="Lock from which the cache was built.")
@click.option(
    "--image",
    "images",
    type=Given("NAME@DIGEST", _image),
    multiple=True,
    help="An image that was made of the cache: also a subject of the statement. May be repeated.",
)
@output_option
def provenance_command(
    renderer: Renderer, /, cache: Path, *, lock: Path, images: tuple[tuple[str, str], ...], output: Path | None
) -> int:
    """Write where a cache comes from: an in-toto statement with SLSA provenance v1.

    It names each file of the archive by its SHA-256, the Release files and keys that vouched for it, and what it was
    recompressed to, how and by what. verify --from-archive repeats that. The same cache gives the same bytes.

    \b
    Examples:
      package-cache provenance --lock package-cache.lock --output provenance.json
      package-cache provenance --cache /mnt/package_cache --lock package-cache.lock
    """
    refuse_unless_file(output)
    module = library("package_cache.provenance", "provenance", "provenance")
    read = read_lock_file(lock)
    text = module.provenance_text(CacheFolder(cache), read, images)
    files = len({package.sha256 for system in read.systems for package in system.packages})
    return write_document(renderer, text, output, f"{count(files, 'file')} of the archive", {"files": files})
