"""Builds the image of the init container, without a daemon: what a Dockerfile would say, said to our own tools.

    python runtime/build_image.py --cache package_cache --output docker://localhost:5000/runtime:1

From the bottom: Debian's newest release with its Python and YAML, made by mmdebstrap from signed archives; the library
and `runtime/` at /opt/runtime; the cache at /opt/package_cache, in layers as those of `package-cache image`. Those
that change often lie on top.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import package_cache
from package_cache.cache.consistent_read import once_settled
from package_cache.cache.expectations import Expectation, expectations
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.cache.platform_subset import Part, read_part
from package_cache.cli.options import cache_option, fill_option, given_options, mirror_options
from package_cache.errors import PackageCacheError
from package_cache.escaping import visible
from package_cache.filesystem.temporary import temporary_folder
from package_cache.image.export import put_image
from package_cache.image.kubernetes import read_manifests
from package_cache.image.layers import add_cache
from package_cache.oci.skopeo import Destination
from package_cache.oci.writer import Descriptor, LayerFile, Layout
from package_cache.process import need_tools
from package_cache.releases.base_root import release_root
from package_cache.releases.distributions import newest_release
from package_cache.sandbox.bootstrap import archive_root
from package_cache.sandbox.isolation import strongest_isolation
from package_cache.settings import Options
from package_cache.tools import ARCHIVES, REGISTRIES, containers

RUNTIME = Path(__file__).parent
LIBRARY = Path(package_cache.__file__).parent
ARCHITECTURE = "amd64"
PACKAGES = ("python3-yaml",)

LEFT_OUT = ("./var/lib/apt/lists/*", "./var/cache/*", "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/info/*")
"""What no init script reads; the copyright files stay."""

CONFIG = {
    "Entrypoint": ["/usr/bin/python3", "/opt/runtime/init.py"],
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONPATH=/opt/runtime/lib", "PYTHONDONTWRITEBYTECODE=1"],
}
"""Of the image (OCI Image Format Specification, Image Configuration)."""


def build_image(cache: CacheFolder, to: Destination, options: Options) -> tuple[str, Sequence[Expectation]]:
    """Build and copy the image; return its digest, and what to expect of the cache in it."""
    need_tools(*ARCHIVES, *REGISTRIES, "mmdebstrap", *containers())
    release = newest_release("debian", ARCHITECTURE)
    isolation = strongest_isolation()
    root = release_root(release, options, isolation, include=PACKAGES)
    with temporary_folder() as folder:
        base = Path(folder) / "root.tar"
        archive_root(root, base, isolation, without=LEFT_OUT)
        title = f"{release.system.name} with {', '.join(PACKAGES)}"
        parts: list[Part] = []

        def write(layout: Layout) -> Descriptor:
            parts[:] = [read_part(cache, ARCHITECTURE)]
            return _write(layout, title, base, cache, parts[0])

        digest = put_image(lambda layout: once_settled(cache, lambda: write(layout)), to, options).digest
        found = parts[0].description
        return digest, (Expectation(INSTALLER, found.installer_digest), *expectations(found.groups))


def _write(layout: Layout, title: str, base: Path, cache: CacheFolder, part: Part) -> Descriptor:
    layers = [
        layout.add_archive(title, base),
        layout.add_layer("the runtime", _files(), compressed=True),
        *add_cache(layout, cache, part, at="opt/package_cache/"),
    ]
    annotations = {
        "org.opencontainers.image.title": "package cache runtime",
        "org.opencontainers.image.version": package_cache.__version__,
        "package-cache.manifest-digest": part.description.manifest_digest,
    }
    created = part.description.created
    return layout.add_image(ARCHITECTURE, layers, created=created, annotations=annotations, config=CONFIG)


def _files() -> Iterator[LayerFile]:
    for folder, place in ((RUNTIME, "opt/runtime"), (LIBRARY, f"opt/runtime/lib/{LIBRARY.name}")):
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.name != Path(__file__).name:
                yield LayerFile(f"{place}/{path.relative_to(folder)}", path.read_bytes())


@click.command()
@cache_option
@click.option("--output", required=True, metavar="DESTINATION", help="As of package-cache image.")
@fill_option
@mirror_options
def main(*, cache: Path, output: str, fill: tuple[Path, ...], **rest: Any) -> None:
    """Build the image of the runtime's init container, with a cache in it."""
    folder = CacheFolder(cache)
    try:
        to = Destination.parse(output)
        manifests = read_manifests(fill, to, folder, ARCHITECTURE)
        digest, expected = build_image(folder, to, given_options(**rest))
        filled = [manifest.fill(to, digest, expected) for manifest in manifests]
    except PackageCacheError as error:
        click.echo(visible(f"error: {error}"), err=True)
        sys.exit(error.status.code)
    click.echo(visible("\n".join([output, digest, *map(str, filled)])))


if __name__ == "__main__":
    main()
