"""`image`: a cache as an OCI image, in a folder, a file or a registry."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from package_cache.cache.consistent_read import once_settled
from package_cache.cache.description import read_description
from package_cache.cache.expectations import Expectation, expectations
from package_cache.cache.layout import INSTALLER, CacheFolder
from package_cache.cache.platform_subset import Part, architectures_of, read_part
from package_cache.errors import CacheError
from package_cache.events import Listener, Step, ignore
from package_cache.filesystem.paths import exclusive
from package_cache.filesystem.state import OPTION, private_folder
from package_cache.filesystem.write_errors import writing_to
from package_cache.image.busybox import static_busybox
from package_cache.image.init_variant import CONFIG, description_files, program_files
from package_cache.image.layers import add_cache
from package_cache.oci.skopeo import Destination, check_destination, copy_image
from package_cache.oci.writer import Descriptor, Layer, Layout
from package_cache.process import need_tools
from package_cache.settings import Options
from package_cache.signatures import Signer
from package_cache.tools import ARCHIVES, REGISTRIES

OTHER_IMAGE_LIMIT = 3600.0
"""Seconds to wait for another image that is being made."""

_OF_ALL = (
    "org.opencontainers.image.created",
    "org.opencontainers.image.title",
    "org.opencontainers.image.version",
    "package-cache.form",
    "package-cache.manifest-digest",
)
"""Annotations that hold for every platform."""


class Form(Enum):
    """What is in an image beside the cache, whose tree lies at the image's root in both."""

    VOLUME = "volume"
    """Nothing: for image volumes and `COPY --from`."""
    INIT = "init"
    """One layer more, by which it stages groups by itself (`init_variant`)."""


@dataclass(frozen=True)
class Platform:
    """An image for one architecture."""

    architecture: str
    """As dpkg names it."""
    digest: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class ImageResult:
    """What was made."""

    reference: str
    """Where it is."""
    form: Form
    digest: str
    """Of the image's manifest, or, where there are several architectures, of their index."""
    platforms: tuple[Platform, ...]
    layers: int
    """All different ones."""
    bytes: int
    """Of these."""
    media_type: str
    """Of the manifest or index."""
    manifest_bytes: int
    expected: tuple[Expectation, ...]
    """What containers can expect of its installer and of its groups."""


def image(
    cache: CacheFolder,
    to: Destination,
    form: Form,
    options: Options,
    listener: Listener = ignore,
    *,
    signer: Signer | None = None,
) -> ImageResult:
    """Make an image of a cache and copy it to where it belongs; the same cache gives the same bytes.

    Raises `CacheError` if the cache is missing or damaged, `PackageCacheError` with REGISTRY_FAILED, NO_SPACE or
    READ_ONLY where the image cannot be put there; for `Form.INIT` also what `static_busybox` raises; `UsageError` where
    it is signed and has several architectures, whose parts only a `signer` can sign.
    """
    need_tools(*REGISTRIES, *(ARCHIVES if form is Form.INIT else ()))
    if not once_settled(cache, lambda: read_description(cache)).groups:
        raise CacheError(f"cannot make an image of {cache.path}: it has no groups", hint="build the cache again")
    writer = _Writer(cache, form, options, listener, signer)
    named = put_image(lambda layout: once_settled(cache, lambda: writer.write(layout)), to, options, listener)
    blobs = {layer.digest: layer.size for platform in writer.platforms for layer in platform.layers}
    sizes = len(blobs), sum(blobs.values())
    return ImageResult(
        to.text, form, named.digest, tuple(writer.platforms), *sizes, named.media_type, named.size, writer.expected
    )


def put_image(
    write: Callable[[Layout], Descriptor],
    to: Destination,
    options: Options,
    listener: Listener = ignore,
    *,
    index_only: bool = False,
) -> Descriptor:
    """Copy the image, or the index of several, that `write` writes into a layout; return what names it.

    `index_only`: of an index, whose images are there already, nothing else is copied.
    The layout lies below the state meanwhile, and is gone afterwards.
    """
    check_destination(to)
    with writing_to(options.state, option=OPTION), _workshop(options.state) as folder:
        layout = Layout(folder)
        named = write(layout)
        layout.finish(named, to.tag)
        listener(Step(f"copying {named.digest} to {to.text}"))
        copy_image(folder, named.digest, to.tag, to, index_only=index_only)
    return named


@contextlib.contextmanager
def _workshop(state: Path) -> Iterator[Path]:
    """Yield a private folder for a layout; remove it afterwards, and what a killed run left of one before."""
    private_folder(state)
    with exclusive(state / ".image.lock", wait=OTHER_IMAGE_LIMIT):
        folder = state / "image"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class _Writer:
    """Writes the images of a cache into a layout."""

    def __init__(
        self, cache: CacheFolder, form: Form, options: Options, listener: Listener, signer: Signer | None
    ) -> None:
        self.cache, self.form, self.options, self.listener, self.signer = cache, form, options, listener, signer
        self.platforms: list[Platform] = []
        self.expected: tuple[Expectation, ...] = ()

    def write(self, layout: Layout) -> Descriptor:
        """Write one for each architecture, and where there are several, their index."""
        self.platforms = []  # blobs of a cache that somebody wrote to meanwhile stay behind: nothing names them
        description = read_description(self.cache)
        parts = [read_part(self.cache, name, description, self.signer) for name in architectures_of(description)]
        of_installer = Expectation(INSTALLER, description.installer_digest)
        self.expected = (of_installer, *expectations(group for part in parts for group in part.description.groups))
        images = [self._platform(layout, part) for part in parts]
        if len(images) == 1:
            return images[0]
        annotations = _annotations(parts[0], self.form)
        return layout.add_index(images, {key: annotations[key] for key in _OF_ALL})

    def _platform(self, layout: Layout, part: Part) -> Descriptor:
        layers = add_cache(layout, self.cache, part, listener=self.listener)
        annotations = _annotations(part, self.form)
        if self.form is Form.INIT:
            busybox = static_busybox(part.architecture, self.options, self.listener)
            title = f"busybox {busybox.version} and what stages groups"
            layers.append(layout.add_layer(title, program_files(busybox.files), compressed=True))
            described = description_files(part.description)
            layers.append(layout.add_layer("descriptions of all groups", described, compressed=True))
            annotations["package-cache.busybox"] = busybox.version
        named = layout.add_image(
            part.architecture,
            layers,
            created=part.description.created,
            annotations=annotations,
            config=CONFIG if self.form is Form.INIT else {},
        )
        self.platforms.append(Platform(part.architecture, named.digest, tuple(layers)))
        return named


def _annotations(part: Part, form: Form) -> dict[str, str]:
    """Return what an image says of itself, also as labels: by the keys of OCI's specification, and by ours."""
    description = part.description
    groups = [f"{item.group.name}-{item.group.system}" for item in part.groups]
    return {
        "org.opencontainers.image.created": description.created,
        "org.opencontainers.image.title": "package cache",
        "org.opencontainers.image.description": f"groups of system packages to install offline: {', '.join(groups)}",
        "org.opencontainers.image.version": description.manifest_digest.removeprefix("sha256:")[:12],
        "package-cache.built-by": description.built_by,
        "package-cache.form": form.value,
        "package-cache.groups": " ".join(groups),
        "package-cache.manifest-digest": description.manifest_digest,
    }
