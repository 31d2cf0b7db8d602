"""Images that are only read: their manifest, configuration and single layers, from a registry, a folder or an archive.

From a registry by skopeo(1), which knows the protocol, credentials and certificates; a layer is fetched when it is
read first. Whatever is named by a digest is hashed before it is parsed: the manifest of a reference with a digest,
those that an index names, configurations and layers; in layouts and archives as well.
"""

import contextlib
import gzip
import hashlib
import os
import re
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import zstandard

from package_cache.bounded_json import load_json
from package_cache.bounds import BoundError, bound, check_bound
from package_cache.errors import PackageCacheError, UsageError, VerificationError
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.confined import open_regular
from package_cache.filesystem.tar_stream import BROKEN, Deadline, Meter, tar_stream
from package_cache.filesystem.temporary import temporary_folder
from package_cache.oci.layered_files import LayeredFiles
from package_cache.oci.skopeo import again, is_loopback, said_by_skopeo
from package_cache.oci.writer import REF_NAME, platform_of
from package_cache.process import CommandError, find_tool, run
from package_cache.system import DEFAULT_ARCHITECTURE

LIMIT = 1800.0
"""Seconds that fetching one layer may take."""

_FORMS = "docker://[HOST[:PORT]/]NAME[:TAG], oci:DIR[:TAG], or oci-archive:FILE[:TAG], each also with @sha256:DIGEST"
_OTHER_TRANSPORTS = ("containers-storage", "dir", "docker-archive", "docker-daemon", "ostree", "sif", "tarball")
"""Of containers-transports(5). An image of such a name can be written with docker:// before it."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_INDEX_TYPES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_OTHER_BYTES = "[Dd]igest did not match|does not match expected|does not match provided"
_ALTERED = "find out who altered it; fetch or make the image again"


@dataclass(frozen=True)
class SourceImage:
    """One image for one platform."""

    name: str
    asked: str
    """The digest that the reference names, perhaps of an index; empty if it names none."""
    digest: str
    """Of its own manifest, which was read."""
    architecture: str
    """As its configuration says it, in Go's words."""
    layers: tuple[str, ...]
    """Digests, the lowest first."""
    blobs: "_Layout | _Registry"

    def files(self) -> LayeredFiles:
        """Return the files of the image, read from the top layer down."""
        return LayeredFiles([partial(self.open_layer, digest) for digest in reversed(self.layers)], self.name)

    @contextlib.contextmanager
    def open_layer(self, digest: str) -> Iterator[IO[bytes]]:
        """Open one layer's tar archive. The file that was hashed is read, whatever takes its name meanwhile."""
        with open_regular(self.blobs.fetch(digest, self.layers)) as file:
            if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != digest:
                raise _hash_differs(digest)
            file.seek(0)
            with _decompressed(file, f"the layer {digest}") as stream:
                yield stream


@contextlib.contextmanager
def source_image(
    reference: str, *, architecture: str | None = None, authfile: Path | None = None
) -> Iterator[SourceImage]:
    """Yield the image that a reference names, for an architecture as dpkg names it; remove fetched blobs afterwards.

    Raises `UsageError` if it is no reference or has no such architecture, `PackageCacheError` with REGISTRY_FAILED
    where a registry does not give it, `VerificationError` where a blob is not what its name says, `BoundError` where it
    is larger than the bounds allow.
    """
    transport, rest, asked = _parsed(reference)
    # Without TMPDIR layers go to /var/tmp, which is on a disk where /tmp may be memory (hier(7)).
    parent = "/var/tmp" if "TMPDIR" not in os.environ and Path("/var/tmp").is_dir() else None  # noqa: S108 - private
    with temporary_folder(parent) as folder:
        if transport == "docker":
            blobs: _Layout | _Registry = _Registry(rest, Path(folder), authfile)
        else:
            path, _, tag = rest.partition(":")
            layout = Path(path) if transport == "oci" else _unpacked(Path(path), Path(folder))
            blobs = _Layout(layout, tag, reference)
        yield _chosen(reference, blobs, asked, architecture)


def _parsed(reference: str) -> tuple[str, str, str]:
    """Return the transport of a reference, what it names there, and the digest, which is empty where it has none."""
    what = f"cannot read the image {reference!r}"
    transport, colon, rest = reference.partition(":")
    if colon and transport in ("oci", "oci-archive"):
        found = re.fullmatch("(.*?)(?:@(sha256:[0-9a-f]{64}))?", rest, re.ASCII | re.DOTALL)
        assert found
        place, asked = found.groups("")
        if not place.partition(":")[0]:
            raise UsageError(f"{what}: it does not say where: write {_FORMS}")
        return transport, place, asked
    if colon and transport in _OTHER_TRANSPORTS:
        raise UsageError(f"{what}: write {_FORMS}", hint="copy it there: skopeo copy")
    name = reference.removeprefix("docker://")
    shown = re.sub(r"[^/@]*@(?!sha256:)", "...@", name)  # a password must not get into a log
    what = f"cannot read the image {shown!r}"
    if not re.fullmatch(r"[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]-]*", name, re.ASCII) or "//" in name:
        raise UsageError(f"{what}: write {_FORMS}")
    if shown != name:
        hint = "use skopeo login, or --authfile"
        raise UsageError(f"{what}: its name holds credentials, which others would see", hint=hint)
    name, at, asked = name.partition("@")
    if at and not _DIGEST.fullmatch(asked):
        raise UsageError(f"{what}: {asked!r} is no digest", hint="write sha256: and 64 digits")
    return "docker", name, asked


def _chosen(reference: str, blobs: "_Layout | _Registry", asked: str, architecture: str | None) -> SourceImage:
    """Follow an index to the manifest of one platform."""
    content = blobs.document(asked)
    manifest = _json(content, reference)
    if manifest.get("mediaType") in _INDEX_TYPES or isinstance(manifest.get("manifests"), list):
        named = _for_platform(manifest, reference, architecture)
        content = blobs.document(named)
        manifest = _json(content, reference)
    layers, config = manifest.get("layers"), manifest.get("config")
    if not isinstance(layers, list) or not isinstance(config, dict):
        hint = "push it again with a newer tool: this is not an OCI manifest, nor one of Docker's second schema"
        raise PackageCacheError(f"cannot read the image {reference}: its manifest names no layers", hint=hint)
    check_bound("image-layers", len(layers), f"the image {reference}")
    digests = tuple(_digest(layer, reference) for layer in layers)
    found = _json(blobs.document(_digest(config, reference), is_config=True), reference)
    own = str(found.get("architecture", ""))
    if architecture and own and platform_of(architecture)["architecture"] != own:
        raise UsageError(f"cannot check {reference} for {architecture}: the image is for {own}")
    return SourceImage(reference, asked, _sha256(content), own, digests, blobs)


def _for_platform(index: Mapping[str, Any], reference: str, architecture: str | None) -> str:
    wanted = platform_of(architecture or DEFAULT_ARCHITECTURE)
    there = []
    entries = _entries(index, "platform")
    for entry, platform in entries:
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


def _entries(index: Mapping[str, Any], key: str) -> list[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Return the entries of an index that are descriptors, each with its table of that name, which may be missing."""
    found = index.get("manifests")
    entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    return [(entry, table if isinstance(table := entry.get(key), dict) else {}) for entry in entries]


def _digest(descriptor: object, reference: str) -> str:
    found = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(found, str) or not _DIGEST.fullmatch(found):
        raise PackageCacheError(f"cannot read the image {reference}: its manifest names a blob by no SHA-256")
    return found


def _json(content: bytes, reference: str) -> dict[str, Any]:
    try:
        document = load_json(content)
    except (ValueError, RecursionError) as error:
        raise PackageCacheError(f"cannot read the image {reference}: {error}") from error
    if not isinstance(document, dict):
        raise PackageCacheError(f"cannot read the image {reference}: its manifest is no table")
    return document


@contextlib.contextmanager
def _decompressed(stream: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """Yield the decompressed content of a file; its first bytes name the compression (RFC 1952, RFC 8878)."""
    magic = stream.read(4)
    stream.seek(0)
    timed: Any = Deadline(stream, name)
    opened: contextlib.AbstractContextManager[Any] = contextlib.nullcontext(stream)
    if magic[:2] == b"\x1f\x8b":
        opened = gzip.GzipFile(fileobj=timed)
    elif magic == b"\x28\xb5\x2f\xfd":
        decompressor = zstandard.ZstdDecompressor(max_window_size=bound("zstd-window-bytes"))
        opened = decompressor.stream_reader(timed, read_across_frames=True)
    try:
        with opened as content:
            yield content
    except (zstandard.ZstdError, zlib.error, gzip.BadGzipFile) as error:
        if "requires too much memory" in str(error):
            raise BoundError("zstd-window-bytes", name) from error
        raise PackageCacheError(f"cannot unpack {name}", details=str(error)) from error


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _hash_differs(digest: str) -> VerificationError:
    return VerificationError(f"cannot trust the blob {digest}: its bytes have another SHA-256", hint=_ALTERED)


def _document(path: Path, digest: str = "") -> bytes:
    """Return a document, with the given digest if any. Raises `VerificationError`, `BoundError`."""
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        check_bound("image-document-bytes", size, f"the document {digest or path.name} of an image")
        content = stream.read(size)
    if digest and _sha256(content) != digest:
        raise _hash_differs(digest)
    return content


class _Layout:
    """An OCI image layout in a folder."""

    def __init__(self, folder: Path, tag: str, name: str) -> None:
        self._folder, self._tag, self._name = folder, tag, name

    def document(self, digest: str, *, is_config: bool = False) -> bytes:
        """Return a manifest, without a digest that which the reference itself names, or an image's configuration."""
        named = digest or self._named()
        return _document(self.fetch(named), named)

    def fetch(self, digest: str, layers: Sequence[str] = ()) -> Path:
        """Return a blob as a file on this machine; its bytes are not checked yet."""
        path = self._folder / "blobs" / digest.replace(":", "/")
        if not path.is_file():
            raise PackageCacheError(f"cannot read the image {self._name}: the blob {digest} is not there")
        check_bound("image-bytes", path.stat().st_size, f"the blob {digest} of {self._name}")
        return path

    def _named(self) -> str:
        """Return the digest that the layout's index has for the tag; without a tag, that of its only image."""
        if not (self._folder / "index.json").is_file():
            raise UsageError(f"cannot read the image {self._name}: there is no OCI layout (index.json is missing)")
        index = _json(_document(self._folder / "index.json"), self._name)
        tagged = [(entry, str(annotations.get(REF_NAME, ""))) for entry, annotations in _entries(index, "annotations")]
        chosen = [entry for entry, tag in tagged if self._tag in ("", tag)]
        if len(chosen) != 1:
            there = ", ".join(tag for _, tag in tagged if tag) or "none"
            raise UsageError(f"cannot read the image {self._name}: name one of its tags; there are: {there}")
        return _digest(chosen[0], self._name)


def _unpacked(file: Path, folder: Path) -> Path:
    """Unpack an OCI image layout in a tar archive; its members are taken by name, links and all else are left."""
    name = f"oci-archive:{file}"
    taken = 0
    try:
        with (
            open_regular(file) as opened,
            _decompressed(opened, name) as stream,
            tar_stream(stream, Meter(f"the image {name}")) as (archive, members),
        ):
            for member in members:
                taken += member.size
                check_bound("image-bytes", taken, f"the image {name}")
                path = member.name.removeprefix("./")
                if member.isfile() and re.fullmatch(r"index\.json|blobs/sha256/[0-9a-f]{64}", path, re.ASCII):
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    source = archive.extractfile(member)
                    assert source is not None
                    with (folder / path).open("wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
    except FileNotFoundError:
        raise UsageError(f"cannot read the image {name}: there is no such file") from None
    except BROKEN as error:
        hint = "name an archive as skopeo copy writes it"
        raise UsageError(f"cannot read the image {name}: {error}", hint=hint) from error
    return folder


class _Registry:
    """A registry, by skopeo."""

    def __init__(self, name: str, folder: Path, authfile: Path | None) -> None:
        self._name, self._folder = name, folder
        self._options = [f"--authfile={authfile}"] if authfile else []
        self._manifest = ""
        """The digest of the last manifest: a tag may lead elsewhere by the time a layer is fetched."""
        self._fetched: dict[str, int] = {}
        """The sizes of the layers that were fetched."""

    def document(self, digest: str, *, is_config: bool = False) -> bytes:
        """Return a manifest, as `_Layout` does, or the configuration of the image that the last manifest describes."""
        named, options = (self._manifest, ("--config",)) if is_config else (digest, ())
        content = self._run("inspect", "--raw", *options, *self._tls("--tls-verify"), self._reference(named)).encode()
        check_bound("image-document-bytes", len(content), f"a document of {self._name}")
        found = _sha256(content)
        if is_config and found != digest:
            raise _hash_differs(digest)
        if not is_config:
            self._manifest = found
        if digest not in ("", found):
            message = f"cannot trust the manifest {digest} of {self._name}: its bytes have another SHA-256 ({found})"
            raise VerificationError(message, hint="find out who answers for that registry")
        return content

    def fetch(self, digest: str, layers: Sequence[str]) -> Path:
        """Fetch one of the image's layers into an OCI layout. Its bytes are not checked yet.

        `skopeo copy` fetches no blob that the layout has: an empty file stands for each of the other layers.
        """
        place = self._place(digest)
        if digest not in self._fetched:
            place.parent.mkdir(parents=True, exist_ok=True)
            for other in layers:
                self._place(other).touch()
            place.unlink()
            options = ("--quiet", "--dest-oci-accept-uncompressed-layers", *self._tls("--src-tls-verify"))
            self._run("copy", *options, self._reference(self._manifest), f"oci:{self._folder}")
            self._fetched[digest] = place.stat().st_size
        return place

    def _place(self, digest: str) -> Path:
        return self._folder / "blobs" / digest.replace(":", "/")

    def _tls(self, option: str) -> list[str]:
        host = self._name.partition("/")[0] if "/" in self._name else ""
        return [f"{option}=false"] if is_loopback(host) else []

    def _reference(self, digest: str) -> str:
        name = self._name
        if digest:
            name = re.sub(r":[^/:]*$", "", name, count=1) + f"@{digest}"
        return f"docker://{name}"

    def _run(self, verb: str, *words: str) -> str:
        left = max(bound("image-bytes") - sum(self._fetched.values()), 1)
        limits = [f"--data={bound('helper-memory-bytes')}", f"--fsize={left}", "--core=0"]
        argv = [find_tool("skopeo"), "--insecure-policy", verb, *self._options, *again(), *words]
        try:
            return run(["prlimit", *limits, *argv], timeout=LIMIT, cwd=self._folder).stdout
        except CommandError as error:
            altered = f"cannot trust the image {self._name}: a blob has another SHA-256"
            for pattern, refusal in (
                ("file too large|SIGXFSZ", BoundError("image-bytes", f"the image {self._name}")),  # RLIMIT_FSIZE
                ("exceeded maximum allowed size", BoundError("image-document-bytes", f"a document of {self._name}")),
                (_OTHER_BYTES, VerificationError(altered, details=error.output, hint=_ALTERED)),
            ):
                if re.search(pattern, error.output):
                    raise refusal from error
            said, hint = said_by_skopeo(error, self._name.partition("/")[0])
            if "--insecure-registry" in hint:
                hint = "the registry speaks plain HTTP, which is accepted from a registry on this machine only"
            message = f"cannot read the image {self._name}"
            raise PackageCacheError(message, details=said, hint=hint, status=ExitStatus.REGISTRY_FAILED) from error
