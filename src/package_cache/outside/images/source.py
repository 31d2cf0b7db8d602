"""Images that are only read: their manifest, configuration and single layers, from a registry, a folder or an archive.

From a registry by skopeo(1), which knows the protocol, credentials and certificates; a layer is fetched when it is
asked for. Every blob is checked against the digest by which it is named.
"""

import contextlib
import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import zstandard

from package_cache.outside.files import open_regular, sha256_of
from package_cache.outside.images.layered_files import LayeredFiles
from package_cache.outside.images.oci import platform_of
from package_cache.outside.images.skopeo import again, is_loopback, said_by_skopeo
from package_cache.outside.run import CommandError, run
from package_cache.outside.tar_stream import BROKEN, tar_stream
from package_cache.values.errors import PackageCacheError, ToolMissingError, UsageError, VerificationError
from package_cache.values.statuses import ExitStatus
from package_cache.values.system import DEFAULT_ARCHITECTURE

LIMIT = 1800.0
"""Seconds that fetching one layer may take."""

_FORMS = "docker://[HOST[:PORT]/]NAME[:TAG], oci:DIR[:TAG], or oci-archive:FILE[:TAG]"
_OTHER_TRANSPORTS = (
    "containers-storage", "dir", "docker-archive", "docker-daemon", "ostree", "sif", "tarball",
)  # fmt: skip
"""Of containers-transports(5). An image of such a name can be written with docker:// before it."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_INDEX_TYPES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_LARGEST_DOCUMENT = 32_000_000

MOST_LAYERS = 1000
"""Of an image; a container of more than 500 starts on no kernel (overlayfs)."""


@dataclass(frozen=True)
class SourceImage:
    """One image for one platform."""

    name: str
    digest: str
    """Of its own manifest."""
    architecture: str
    """As its configuration says it, in Go's words."""
    layers: tuple[str, ...]
    """Digests, the lowest first."""
    blobs: "_Layout | _Registry"

    def files(self) -> LayeredFiles:
        """Give its files, read from the top layer down."""
        return LayeredFiles([partial(self.open_layer, digest) for digest in reversed(self.layers)], self.name)

    @contextlib.contextmanager
    def open_layer(self, digest: str) -> Iterator[IO[bytes]]:
        """Open one layer's tar archive."""
        path = self.blobs.fetch(digest)
        _verify(path, digest)
        with open_regular(path) as file, _decompressed(file, f"the layer {digest}") as stream:
            yield stream


@contextlib.contextmanager
def source_image(
    reference: str, *, architecture: str | None = None, authfile: Path | None = None
) -> Iterator[SourceImage]:
    """Give the image that a reference names, for an architecture as dpkg names it; what was fetched is gone afterwards.

    Raises `UsageError` where it is no reference or has no such architecture, `PackageCacheError` with REGISTRY_FAILED
    where a registry does not give it, `VerificationError` where a blob is not what its name says.
    """
    transport, rest = _parsed(reference)
    with tempfile.TemporaryDirectory(prefix="package-cache-", dir=_roomy()) as folder:
        if transport == "docker":
            blobs: _Layout | _Registry = _Registry(rest, Path(folder), authfile)
        else:
            path, _, tag = rest.partition(":")
            layout = Path(path) if transport == "oci" else _unpacked(Path(path), Path(folder))
            blobs = _Layout(layout, tag, reference)
        yield _chosen(reference, blobs, architecture)


def _roomy() -> str | None:
    """Return the folder for layers: TMPDIR, else /var/tmp, which is on a disk where /tmp may be memory (hier(7))."""
    return "/var/tmp" if "TMPDIR" not in os.environ and Path("/var/tmp").is_dir() else None  # noqa: S108 - private


def _parsed(reference: str) -> tuple[str, str]:
    transport, colon, rest = reference.partition(":")
    if colon and transport in ("oci", "oci-archive"):
        if not rest.partition(":")[0]:
            raise UsageError(f"cannot read the image {reference!r}: it does not say where: write {_FORMS}")
        return transport, rest
    if colon and transport in _OTHER_TRANSPORTS:
        raise UsageError(f"cannot read the image {reference!r}: write {_FORMS}", hint="copy it there: skopeo copy")
    name = reference.removeprefix("docker://")
    shown = re.sub(r"[^/@]*@(?!sha256:)", "...@", name)  # a password must not get into a log
    if not re.fullmatch(r"[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]-]*", name, re.ASCII) or "//" in name:
        raise UsageError(f"cannot read the image {shown!r}: write {_FORMS}")
    if shown != name:
        hint = "use skopeo login, or --authfile"
        raise UsageError(
            f"cannot read the image {shown!r}: its name holds credentials, which others would see", hint=hint
        )
    return "docker", name


def _chosen(reference: str, blobs: "_Layout | _Registry", architecture: str | None) -> SourceImage:
    """Follow an index to the manifest of one platform."""
    content = blobs.document(None)
    manifest = _json(content, reference)
    if manifest.get("mediaType") in _INDEX_TYPES or isinstance(manifest.get("manifests"), list):
        named = _for_platform(manifest, reference, architecture)
        content = blobs.document(named)
        manifest = _json(content, reference)
    layers, config = manifest.get("layers"), manifest.get("config")
    if not isinstance(layers, list) or not isinstance(config, dict):
        hint = "push it again with a newer tool: this is not an OCI manifest, nor one of Docker's second schema"
        raise PackageCacheError(f"cannot read the image {reference}: its manifest names no layers", hint=hint)
    if len(layers) > MOST_LAYERS:
        message = f"cannot read the image {reference}: it has {len(layers)} layers, more than {MOST_LAYERS}"
        raise PackageCacheError(message, hint="build it with fewer: containers of more than 500 start nowhere")
    digests = tuple(_digest(layer, reference) for layer in layers)
    described = blobs.fetch(_digest(config, reference))
    _verify(described, _digest(config, reference))
    with described.open("rb") as stream:
        found = _json(stream.read(_LARGEST_DOCUMENT), reference)
    own = str(found.get("architecture", ""))
    if architecture and own and platform_of(architecture)["architecture"] != own:
        raise UsageError(f"cannot check {reference} for {architecture}: the image is for {own}")
    return SourceImage(reference, f"sha256:{hashlib.sha256(content).hexdigest()}", own, digests, blobs)


def _for_platform(index: Mapping[str, Any], reference: str, architecture: str | None) -> str:
    wanted = platform_of(architecture or DEFAULT_ARCHITECTURE)
    there = []
    entries = _entries(index)
    for entry in entries:
        platform = _table(entry, "platform")
        if len(entries) == 1 and not platform:
            return _digest(entry, reference)
        if platform.get("os", "linux") != "linux":  # "unknown": what else is said about an image
            continue
        variant = platform.get("variant", "")
        named = platform.get("architecture", "an architecture that its index does not name")
        there.append(f"{named}{'/' if variant else ''}{variant}")
        same = platform.get("architecture") == wanted["architecture"]
        if same and ("variant" not in wanted or variant in ("", wanted["variant"])):
            return _digest(entry, reference)
    message = f"cannot check {reference} for {architecture or DEFAULT_ARCHITECTURE}"
    if not there:
        raise UsageError(f"{message}: its index names no image for Linux", hint="name another image")
    hint = "name one of these with --architecture, as dpkg names it"
    raise UsageError(f"{message}: the image is for {', '.join(there)}", hint=hint)


def _entries(index: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the descriptors of an index, as far as they are some."""
    found = index.get("manifests")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _table(entry: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = entry.get(key)
    return found if isinstance(found, dict) else {}


def _digest(descriptor: object, reference: str) -> str:
    found = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(found, str) or not _DIGEST.fullmatch(found):
        raise PackageCacheError(f"cannot read the image {reference}: its manifest names a blob by no SHA-256")
    return found


def _json(content: bytes, reference: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise PackageCacheError(f"cannot read the image {reference}: {error}") from error
    if not isinstance(document, dict):
        raise PackageCacheError(f"cannot read the image {reference}: its manifest is no table")
    return document


@contextlib.contextmanager
def _decompressed(stream: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """Give what a file holds, whatever it is compressed with: its first bytes say it (RFC 1952, RFC 8878)."""
    magic = stream.read(4)
    stream.seek(0)
    try:
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(stream) as opened:
                yield opened  # type: ignore[misc]
        elif magic == b"\x28\xb5\x2f\xfd":
            with zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True) as opened:
                yield opened
        else:
            yield stream
    except (zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
        raise PackageCacheError(f"cannot unpack {name}", details=str(error)) from error


def _verify(path: Path, digest: str) -> None:
    if f"sha256:{sha256_of(path)}" != digest:
        hint = "find out who altered it; fetch or make the image again"
        raise VerificationError(f"cannot trust the blob {digest}: its bytes have another SHA-256", hint=hint)


class _Layout:
    """An OCI image layout in a folder."""

    def __init__(self, folder: Path, tag: str, name: str) -> None:
        self._folder, self._tag, self._name = folder, tag, name

    def document(self, digest: str | None) -> bytes:
        """Return a manifest; of no digest: what the reference itself names."""
        return self._read(self.fetch(digest or self._named()))

    def fetch(self, digest: str) -> Path:
        """Return a blob as a file on this machine."""
        path = self._folder / "blobs" / digest.replace(":", "/")
        if not path.is_file():
            raise PackageCacheError(f"cannot read the image {self._name}: the blob {digest} is not there")
        if path.stat().st_size <= _LARGEST_DOCUMENT:  # a layer is checked when it is opened
            _verify(path, digest)
        return path

    def _named(self) -> str:
        """Give the digest that the layout's index has for the tag; without a tag, the one image's."""
        if not (self._folder / "index.json").is_file():
            raise UsageError(f"cannot read the image {self._name}: there is no OCI layout (index.json is missing)")
        index = _json(self._read(self._folder / "index.json"), self._name)
        entries = _entries(index)
        tags = [str(_table(entry, "annotations").get("org.opencontainers.image.ref.name", "")) for entry in entries]
        chosen = [entry for entry, tag in zip(entries, tags, strict=True) if self._tag in ("", tag)]
        if len(chosen) != 1:
            there = ", ".join(filter(None, tags)) or "none"
            raise UsageError(f"cannot read the image {self._name}: name one of its tags; there are: {there}")
        return _digest(chosen[0], self._name)

    def _read(self, path: Path) -> bytes:
        with open_regular(path) as stream:
            return stream.read(_LARGEST_DOCUMENT)


def _unpacked(file: Path, folder: Path) -> Path:
    """Unpack an OCI image layout in a tar archive; its members are taken by name, links and all else are left."""
    name = f"oci-archive:{file}"
    try:
        with (
            open_regular(file) as opened,
            _decompressed(opened, name) as stream,
            tar_stream(stream) as (archive, members),
        ):
            for member in members:
                _take(archive, member, folder)
    except FileNotFoundError:
        raise UsageError(f"cannot read the image {name}: there is no such file") from None
    except BROKEN as error:
        raise PackageCacheError(f"cannot read the image {name}: {error}") from error
    return folder


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = member.name.removeprefix("./")
    if member.isfile() and re.fullmatch(r"index\.json|blobs/sha256/[0-9a-f]{64}", name, re.ASCII):
        source = archive.extractfile(member)
        assert source is not None
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)


class _Registry:
    """A registry, by skopeo."""

    def __init__(self, name: str, folder: Path, authfile: Path | None) -> None:
        self._name, self._folder = name, folder
        host = name.partition("/")[0] if "/" in name else ""
        self._options = ["--tls-verify=false"] if is_loopback(host) else []
        self._options += [f"--authfile={authfile}"] if authfile else []
        self._manifest: str | None = None
        """The digest of the last manifest: a tag may lead elsewhere by the time a layer is fetched."""

    def document(self, digest: str | None) -> bytes:
        content = self._run("inspect", "--raw", self._reference(digest)).encode()
        self._manifest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if digest not in (None, self._manifest):
            raise VerificationError(
                f"cannot trust the manifest {digest} of {self._name}: its bytes have another SHA-256"
            )
        return content

    def fetch(self, digest: str) -> Path:
        """Fetch one blob, also the configuration: skopeo calls both layers.

        That command is hidden and called deprecated in favour of `skopeo copy`, which fetches all layers. The other way
        to a single blob, `experimental-image-proxy`, needs a protocol over a socket.
        """
        found = self._blob(digest)
        if found is None:
            self._run("layers", self._reference(self._manifest), digest)
            found = self._blob(digest)
        if found is None:
            hint = "use a version of skopeo that knows `skopeo layers`, or copy the image to a folder: skopeo copy"
            raise ToolMissingError(f"cannot fetch a layer of {self._name}: skopeo did not write it", hint=hint)
        return found

    def _blob(self, digest: str) -> Path | None:
        """Give the file in which skopeo put a blob: one named by its digest, in a folder of its own making."""
        name = digest.removeprefix("sha256:")
        return next((path for path in sorted(self._folder.glob(f"**/{name}*")) if path.is_file()), None)

    def _reference(self, digest: str | None) -> str:
        name = self._name
        if digest:
            name = re.sub(r"(:[^/:@]*)?(@.*)?$", "", name, count=1) + f"@{digest}"
        return f"docker://{name}"

    def _run(self, verb: str, *words: str) -> str:
        argv = ["skopeo", "--insecure-policy", verb, *self._options, *again(), *words]
        try:
            return run(argv, timeout=LIMIT, cwd=self._folder).stdout
        except CommandError as error:
            said, hint = said_by_skopeo(error, self._name.partition("/")[0])
            if "--insecure-registry" in hint:
                hint = "the registry speaks plain HTTP, which is taken from a registry on this machine only"
            raise PackageCacheError(
                f"cannot read the image {self._name}", details=said, hint=hint, status=ExitStatus.REGISTRY_FAILED
            ) from error
