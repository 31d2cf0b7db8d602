"""`package-cache image`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from package_cache.cache.layout import CacheFolder
from package_cache.cli.documents import library
from package_cache.cli.options import (
    PATH,
    Given,
    authfile_option,
    cache_option,
    fill_option,
    given_options,
    given_signer,
    mirror_options,
    sign_options,
    verb,
)
from package_cache.cli.render import Renderer
from package_cache.events import Listener
from package_cache.formatting import count, in_bytes
from package_cache.image.attachments import attach, attachable_kinds, refuse_unless_attachable
from package_cache.image.export import Form, image
from package_cache.image.kubernetes import read_manifests
from package_cache.lock.file import read_lock_file
from package_cache.lock.model import Lock
from package_cache.oci.skopeo import Destination
from package_cache.sbom.facts import bill_of


@verb("image")
@cache_option
@click.option(
    "--output",
    required=True,
    metavar="DESTINATION",
    help="oci:DIR[:TAG], oci-archive:FILE[:TAG], or docker://HOST[:PORT]/NAME[:TAG]",
)
@click.option(
    "--form",
    type=click.Choice([form.value for form in Form]),
    default=Form.VOLUME.value,
    show_default=True,
    help="volume: only the cache, for image volumes and COPY --from. init: also a program that stages groups.",
)
@authfile_option
@click.option(
    "--insecure-registry",
    is_flag=True,
    help="Allow plain HTTP and unverified certificates. Always allowed for loopback addresses.",
)
@click.option(
    "--attach",
    "kinds",
    type=Given("KIND,...", attachable_kinds),
    default=(),
    help="Attach documents to the image: sbom (SPDX), provenance (in-toto, SLSA), or both. Needs --lock.",
)
@click.option("--lock", type=PATH, help="Lock from which the cache was built, for --attach.")
@fill_option
@sign_options
@mirror_options
def image_command(
    renderer: Renderer,
    /,
    *,
    cache: Path,
    output: str,
    form: str,
    authfile: Path | None,
    insecure_registry: bool,
    kinds: tuple[str, ...],
    lock: Path | None,
    fill: tuple[Path, ...],
    sign_by: tuple[str, ...],
    signing_key: Path | None,
    **rest: Any,
) -> int:
    """Make an OCI image of a cache, and push it. The same cache gives the same bytes. Needs neither root nor a daemon.

    A signed cache for one architecture stays signed. The images of one for several have a part of it each, which
    --sign-by signs.

    \b
    Examples:
      package-cache image --output docker://localhost:5000/package-cache:volume
      package-cache image --output docker://localhost:5000/package-cache:init --form init --fill deploy/node-cache.yaml
      package-cache image --output docker://localhost:5000/package-cache:1 --attach sbom --lock package-cache.lock
    """
    options, folder = given_options(**rest), CacheFolder(cache)
    destination = Destination.parse(output, authfile=authfile, insecure=insecure_registry)
    locked = _lock_of(kinds, lock, destination)
    manifests = read_manifests(fill, destination, folder)
    with given_signer(sign_by, signing_key) as signer, renderer.listening() as listener:
        _texts(kinds, folder, locked, (), listener)  # what cannot be written is said before an image is made
        made = image(folder, destination, Form(form), options, listener, signer=signer)
        texts = _texts(kinds, folder, locked, [(destination.name, made.digest)], listener)
        attached = attach(made, texts, destination, options, listener)
    filled = [manifest.fill(destination, made.digest, made.expected) for manifest in manifests]
    architectures = ", ".join(platform.architecture for platform in made.platforms)
    head = f"{made.reference}: {made.form.value} form, {architectures}, {count(made.layers, 'layer')}"
    lines = [f"{head}, {in_bytes(made.bytes)}", made.digest, *(f"{item.kind}: {item.digest}" for item in attached)]
    lines += map(str, filled)
    return renderer.result("\n".join(lines), {**vars(made), "attached": attached, "filled": filled})


def _lock_of(kinds: Sequence[str], lock: Path | None, to: Destination) -> Lock | None:
    """Read the lock, if anything is to be attached. Raises `UsageError` where that is impossible."""
    if not kinds:
        if lock is not None:
            raise click.UsageError("--lock is for --attach")
        return None
    if lock is None:
        raise click.UsageError("--attach needs --lock: the lock from which the cache was built")
    refuse_unless_attachable(to)
    return read_lock_file(lock)


def _texts(
    kinds: Sequence[str], cache: CacheFolder, lock: Lock | None, images: Sequence[tuple[str, str]], listener: Listener
) -> dict[str, str]:
    """Return the documents that are to be attached to images, which are names with digests."""
    texts = {}
    if lock and "sbom" in kinds:
        texts["sbom"] = library("package_cache.sbom.spdx", "sbom", "sbom").spdx_text(bill_of((), cache, lock, listener))
    if lock and "provenance" in kinds:
        module = library("package_cache.provenance", "provenance", "provenance")
        texts["provenance"] = module.provenance_text(cache, lock, images)
    return texts
