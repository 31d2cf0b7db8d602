"""OCI images as folders of blobs: the same files give the same bytes, wherever and whenever they are written.

    <layout>/oci-layout, index.json        OCI Image Layout Specification 1.0
    <layout>/blobs/sha256/<digest>         layers, configurations, manifests

Nothing here runs as root or asks a daemon: a layer is a tar archive whose owners, times and order are fixed.
"""

import gzip
import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any

from package_cache.errors import CacheError
from package_cache.filesystem.confined import open_regular

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"
"""The annotation by which a layout's index states the tag of an image."""

_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_LEVEL = 6

_PLATFORMS = {
    "armel": ("arm", "v5"),
    "armhf": ("arm", "v7"),
    "arm64": ("arm64", "v8"),
    "i386": ("386", ""),
    "mips64el": ("mips64le", ""),
    "ppc64el": ("ppc64le", ""),
}
"""Go's names for the architectures that dpkg names otherwise: GOARCH, and the variant of the specification's table."""


@dataclass(frozen=True)
class LayerFile:
    """A file of a layer."""

    path: str
    """In the image, without a slash before it."""
    content: bytes = b""
    mode: int = 0o644
    source: Path | None = None
    """The file on this machine that holds its content, instead of `content`."""
    sha256: str = ""
    """What the content of that file must hash to."""
    link: str = ""
    """The target of a symbolic link."""


@dataclass(frozen=True)
class Layer:
    """A layer in a layout."""

    title: str
    """A description of its content, for people."""
    digest: str
    """Of the blob, as `sha256:<hex>`."""
    size: int
    """Of the blob, in bytes."""
    diff_id: str
    """Digest of the tar archive; differs from the digest of a compressed blob."""
    media_type: str
    files: int


@dataclass(frozen=True)
class Descriptor:
    """A reference to a blob."""

    media_type: str
    digest: str
    size: int
    extra: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the JSON object of the specification."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **self.extra}


def platform_of(architecture: str) -> dict[str, str]:
    """Return the platform of the specification for an architecture as dpkg names it."""
    name, variant = _PLATFORMS.get(architecture, (architecture, ""))
    return {"architecture": name, "os": "linux", **({"variant": variant} if variant else {})}


class Layout:
    """An OCI image layout that is being written. Its folder must be empty or not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)

    def add_layer(self, title: str, files: Iterable[LayerFile], *, compressed: bool = False) -> Layer:
        """Write a layer of files and the folders above them, all of root's and of 1970.

        Raises `CacheError` if a file does not hold what it must.
        """
        chosen = sorted(files, key=lambda file: file.path)
        return self._add(title, len(chosen), lambda stream: _write(stream, chosen), compressed=compressed)

    def add_archive(self, title: str, archive: Path) -> Layer:
        """Write a layer, compressed, of a tar archive that a tool made."""
        with archive.open("rb") as reader:
            return self._add(title, 1, lambda stream: shutil.copyfileobj(reader, stream, 1 << 20), compressed=True)

    def _add(self, title: str, files: int, write: Callable[["_Hashed"], None], *, compressed: bool) -> Layer:
        with tempfile.NamedTemporaryFile(dir=self._blobs, prefix=".new-", delete=False) as stream:
            blob = _Hashed(stream)
            tar = _Hashed(gzip.GzipFile("", "wb", _LEVEL, blob, mtime=0)) if compressed else blob
            write(tar)
            tar.close()
        name = blob.digest
        Path(stream.name).chmod(0o644)
        Path(stream.name).rename(self._blobs / name)
        media_type = f"{_LAYER_TYPE}+gzip" if compressed else _LAYER_TYPE
        return Layer(title, f"sha256:{name}", blob.size, f"sha256:{tar.digest}", media_type, files)

    def add_image(
        self,
        architecture: str,
        layers: Sequence[Layer],
        *,
        created: str,
        annotations: Mapping[str, str],
        config: Mapping[str, Any],
    ) -> Descriptor:
        """Write the manifest and configuration of an image; `annotations` are its labels, too, but for long ones."""
        platform = platform_of(architecture)
        configuration: dict[str, Any] = {
            "created": created,
            **platform,
            # containerd 1.5.6 and 1.5.7 start no container with a longer label.
            "config": {**config, "Labels": {k: v for k, v in annotations.items() if len(f"{k}{v}".encode()) <= 4096}},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": created, "created_by": layer.title} for layer in layers],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self._add_json(_CONFIG_TYPE, configuration).document(),
            "layers": [Descriptor(layer.media_type, layer.digest, layer.size).document() for layer in layers],
            "annotations": dict(annotations),
        }
        return self._add_json(MANIFEST_TYPE, manifest, platform=platform)

    def add_index(self, images: Sequence[Descriptor], annotations: Mapping[str, str]) -> Descriptor:
        """Write the index of images for several platforms."""
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [image.document() for image in images],
            "annotations": dict(annotations),
        }
        return self._add_json(INDEX_TYPE, index)

    def add_artifact(
        self, kind: str, content: bytes, subject: Descriptor, annotations: Mapping[str, str]
    ) -> Descriptor:
        """Write a document about an image, its `subject` (OCI Image Specification 1.1, Guidelines for Artifact Usage).

        `kind` is its media type.
        """
        digest = hashlib.sha256(content).hexdigest()
        (self._blobs / digest).write_bytes(content)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": kind,
            "config": self._add_json(_EMPTY_TYPE, {}).document(),
            "layers": [Descriptor(kind, f"sha256:{digest}", len(content)).document()],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).document(),
            "annotations": dict(annotations),
        }
        return self._add_json(MANIFEST_TYPE, manifest, artifactType=kind, annotations=dict(annotations))

    def finish(self, image: Descriptor, tag: str) -> None:
        """Write the index that names the image; until then the folder is not a valid layout."""
        named = {**image.document(), "annotations": {REF_NAME: tag}}
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [named]}
        (self.folder / "index.json").write_bytes(_json(index))
        (self.folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))

    def _add_json(self, media_type: str, document: Mapping[str, Any], **extra: Any) -> Descriptor:
        content = _json(document)
        digest = hashlib.sha256(content).hexdigest()
        (self._blobs / digest).write_bytes(content)
        return Descriptor(media_type, f"sha256:{digest}", len(content), extra)


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


class _Hashed:
    """Hashes and counts what is written or read through it."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._count(data)
        return self._stream.write(data)

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._count(data)
        return data

    def _count(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Finish compression; the caller closes the file."""
        if isinstance(self._stream, gzip.GzipFile):
            self._stream.close()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _write(target: _Hashed, files: Sequence[LayerFile]) -> None:
    folders: set[PurePosixPath] = set()
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for file in files:
            for folder in list(PurePosixPath(file.path).parents)[-2::-1]:
                if folder not in folders:
                    folders.add(folder)
                    archive.addfile(_entry(str(folder), tarfile.DIRTYPE, 0o755))
            if file.link:
                entry = _entry(file.path, tarfile.SYMTYPE, 0o777)
                entry.linkname = file.link
                archive.addfile(entry)
                continue
            try:
                opened: IO[bytes] = open_regular(file.source) if file.source else BytesIO(file.content)
            except OSError as error:
                message = f"cannot make an image: {file.source}: {error.strerror}"
                raise CacheError(message, hint="build the cache again") from error
            with opened as stream:
                entry = _entry(file.path, tarfile.REGTYPE, file.mode)
                entry.size = stream.seek(0, 2)
                stream.seek(0)
                reader = _Hashed(stream)
                archive.addfile(entry, reader)
            if file.source and reader.digest != file.sha256:
                message = f"cannot make an image: {file.source} does not fit its hash"
                raise CacheError(message, hint="build the cache again")


def _entry(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)  # owner 0, time 0
    entry.type, entry.mode = kind, mode
    return entry
