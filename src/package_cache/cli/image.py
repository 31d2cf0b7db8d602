"""`package-cache image`."""

from pathlib import Path
from typing import Any

import click

from package_cache.cache.layout import CacheFolder
from package_cache.cli.formatting import count, in_bytes
from package_cache.cli.options import (
    authfile_option,
    cache_option,
    given_options,
    given_signer,
    mirror_options,
    sign_options,
    verb,
)
from package_cache.cli.render import Renderer
from package_cache.image.export import Form, image
from package_cache.oci.skopeo import Destination


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
      package-cache image --output docker://localhost:5000/package-cache:init --form init
    """
    options = given_options(**rest)
    destination = Destination.parse(output, authfile=authfile, insecure=insecure_registry)
    with given_signer(sign_by, signing_key) as signer, renderer.listening() as listener:
        made = image(CacheFolder(cache), destination, Form(form), options, listener, signer=signer)
    architectures = ", ".join(platform.architecture for platform in made.platforms)
    head = f"{made.reference}: {made.form.value} form, {architectures}, {count(made.layers, 'layer')}"
    return renderer.result(f"{head}, {in_bytes(made.bytes)}\n{made.digest}", made)
