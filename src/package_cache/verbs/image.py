"""`image`: a cache as an OCI image, in a folder, a file or a registry."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.cache.being_written import once_settled
from package_cache.cache.description import read_description
from package_cache.cache.layout import DESCRIPTION, INSTALLER, CacheFolder, group_folder, pool_file
from package_cache.cache.part import Part, architectures_of, read_part
from package_cache.images.annotations import annotations_of
from package_cache.images.form import Form
from package_cache.images.init_form import CONFIG, description_files, program_files
from package_cache.images.layers import Cut, PooledPackage, cut
from package_cache.outside.files import exclusive
from package_cache.outside.oci import Descriptor, Layer, LayerFile, Layout
from package_cache.outside.skopeo import Destination, copy_image
from package_cache.outside.writing import writing_to
from package_cache.values.errors import CacheError
from package_cache.values.events import Listener, Progress, Step, ignore
from package_cache.verbs.busybox import static_busybox
from package_cache.verbs.options import Options

OTHER_IMAGE_LIMIT = 3600.0
"""Seconds to wait for another image that is being made."""


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


def image(
    cache: CacheFolder,
    to: Destination,
    form: Form,
    options: Options,
    listener: Listener = ignore,
    *,
    authfile: Path | None = None,
    insecure: bool = False,
) -> ImageResult:
    """Make an image of a cache and copy it to where it belongs; the same cache gives the same bytes.

    Raises `CacheError` where the cache is missing or damaged, `PackageCacheError` with REGISTRY_FAILED, NO_SPACE or
    READ_ONLY where the image cannot be put there; for `Form.INIT` also what `static_busybox` raises.
    """
    if not once_settled(cache, lambda: read_description(cache)).groups:
        raise CacheError(f"cannot make an image of {cache.path}: it has no groups", hint="build the cache again")
    with writing_to(options.state), _workshop(options.state) as folder:
        writer = _Writer(cache, folder, form, options, listener)
        result = once_settled(cache, lambda: writer.write(to))
        listener(Step(f"copying {result.digest} to {to.text}"))
        copy_image(folder, to.tag, to, authfile=authfile, insecure=insecure)
    return result


@contextlib.contextmanager
def _workshop(state: Path) -> Iterator[Path]:
    """Give a folder to write a layout to, ours alone, which is gone afterwards; also what a killed one left."""
    state.mkdir(parents=True, exist_ok=True)
    with exclusive(state / ".image.lock", wait=OTHER_IMAGE_LIMIT):
        folder = state / "image"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


_OF_ALL = (
    "org.opencontainers.image.created",
    "org.opencontainers.image.title",
    "org.opencontainers.image.version",
    "package-cache.form",
    "package-cache.manifest-digest",
)
"""The annotations that hold for every platform."""


class _Writer:
    """Writes the images of a cache into a layout."""

    def __init__(self, cache: CacheFolder, folder: Path, form: Form, options: Options, listener: Listener) -> None:
        self.cache, self.folder, self.form = cache, folder, form
        self.options, self.listener = options, listener

    def write(self, to: Destination) -> ImageResult:
        """Write them, and where there are several, their index."""
        shutil.rmtree(self.folder, ignore_errors=True)  # of a cache that somebody wrote to meanwhile
        self.layout = Layout(self.folder)
        parts = [read_part(self.cache, name) for name in architectures_of(read_description(self.cache))]
        made = [self._platform(part) for part in parts]
        platforms = tuple(platform for platform, _ in made)
        images = [descriptor for _, descriptor in made]
        if len(images) == 1:
            named = images[0]
        else:
            whole = annotations_of(parts[0], self.form)
            named = self.layout.add_index(images, {key: whole[key] for key in _OF_ALL})
        self.layout.finish(named, to.tag)
        blobs = {layer.digest: layer.size for platform in platforms for layer in platform.layers}
        return ImageResult(to.text, self.form, named.digest, platforms, len(blobs), sum(blobs.values()))

    def _platform(self, part: Part) -> tuple[Platform, Descriptor]:
        """Write the image of one architecture: layers of packages, then indexes, then, where wanted, the init form."""
        architecture = part.architecture
        layers = [*self._pool(part), self.layout.add_layer("indexes of all groups", _indexes(part), compressed=True)]
        annotations = annotations_of(part, self.form)
        if self.form is Form.INIT:
            busybox = static_busybox(architecture, self.options, self.listener)
            for title, files in (
                (f"busybox {busybox.version} and what stages groups", program_files(busybox.files)),
                ("descriptions of all groups", description_files(part.description)),
            ):
                layers.append(self.layout.add_layer(title, files, compressed=True))
            annotations["package-cache.busybox"] = busybox.version
        descriptor = self.layout.add_image(
            architecture,
            layers,
            created=part.description.created,
            annotations=annotations,
            config=CONFIG if self.form is Form.INIT else {},
        )
        return Platform(architecture, descriptor.digest, tuple(layers)), descriptor

    def _pool(self, part: Part) -> Iterator[Layer]:
        done, step = 0, f"writing layers for {part.architecture}"
        total = part.description.size
        self.listener(Progress(step, 0, total))
        for item in cut(_pooled(part)):
            yield self.layout.add_layer(_title(item), [self._file(package) for package in item.packages])
            done += sum(package.size for package in item.packages)
            self.listener(Progress(step, done, total))

    def _file(self, package: PooledPackage) -> LayerFile:
        digest = package.sha256
        return LayerFile(pool_file(digest), source=self.cache.package(digest), sha256=digest)


def _pooled(part: Part) -> list[PooledPackage]:
    users: dict[str, set[tuple[str, str]]] = {}
    packages = {}
    for item in part.groups:
        for package in item.packages:
            packages[package.sha256] = package
            users.setdefault(package.sha256, set()).add((item.group.name, item.group.system))
    return [
        PooledPackage(digest, package.size, package.name, frozenset(users[digest]))
        for digest, package in packages.items()
    ]


def _title(item: Cut) -> str:
    names = [package.name for package in item.packages]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{item.title}: {', '.join(names[:3])}{more}"


def _indexes(part: Part) -> Sequence[LayerFile]:
    files = [
        LayerFile(f"{group_folder(item.group.name, item.group.system)}/{name}", content)
        for item in part.groups
        for name, content in item.files.items()
    ]
    return [
        *files,
        LayerFile(DESCRIPTION, part.description.content()),
        LayerFile(INSTALLER, part.installer, 0o755),
    ]
