"""`image --attach`: documents about an image, as artifacts that name it as their subject.

A registry that knows referrers lists them itself (OCI Distribution Specification 1.1, Listing Referrers). For others
their index is tagged `sha256-<digest>` (Referrers Tag Schema), where clients look for it; what was attached before,
such as a signature, stays in it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from package_cache.bounded_json import load_json
from package_cache.errors import PackageCacheError, UsageError
from package_cache.events import Listener, ignore
from package_cache.image.export import ImageResult, put_image
from package_cache.oci.skopeo import Destination, raw_manifest
from package_cache.oci.writer import Descriptor, Layout
from package_cache.settings import Options

MEDIA_TYPES = {"sbom": "application/spdx+json", "provenance": "application/vnd.in-toto+json"}
"""Of each kind of document (IANA, Media Types)."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)


def attachable_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds of a list with commas. Raises `ValueError` for others."""
    kinds = tuple(dict.fromkeys(text.split(",")))
    if unknown := [kind for kind in kinds if kind not in MEDIA_TYPES]:
        raise ValueError(f"it takes {' and '.join(MEDIA_TYPES)}, not {unknown[0]!r}")
    return kinds


@dataclass(frozen=True)
class Attached:
    """A document that was attached."""

    kind: str
    digest: str
    """Of its manifest."""


def refuse_unless_attachable(to: Destination) -> None:
    """Raise `UsageError` for a destination that holds one image only."""
    if to.transport == "oci-archive":
        hint = "push it to a registry, or write it to a folder: oci:DIR"
        raise UsageError(f"cannot attach anything to {to.text}: an archive holds one image", hint=hint)


def attach(
    made: ImageResult, documents: Mapping[str, str], to: Destination, options: Options, listener: Listener = ignore
) -> Sequence[Attached]:
    """Attach documents, by their kinds, to an image that was copied to `to`. Raises what `image` raises."""
    if not documents:
        return ()
    subject = Descriptor(made.media_type, made.digest, made.manifest_bytes)
    at = to.with_tag(made.digest.replace(":", "-"))
    attached: list[Attached] = []
    before = _referrers(at)
    listed: list[Descriptor] = []

    def write(layout: Layout, *, typed: bool) -> Descriptor:
        manifests = [
            layout.add_artifact(MEDIA_TYPES[kind], text.encode(), subject, {"package-cache.document": kind})
            for kind, text in documents.items()
        ]
        attached[:] = [Attached(kind, item.digest) for kind, item in zip(documents, manifests, strict=True)]
        listed[:] = [item if typed else replace(item, extra={}) for item in manifests]
        return layout.add_index(listed, {})

    def write_all(layout: Layout, *, typed: bool) -> Descriptor:
        new = {item.digest for item in listed}
        every = [*listed, *(item for item in before if item.digest not in new)]
        return layout.add_index([item if typed else replace(item, extra={}) for item in every], {})

    _put(write, at, options, listener)
    if {item.digest for item in before} - {item.digest for item in listed}:
        _put(write_all, at, options, listener, index_only=True)
    return attached


class _Write(Protocol):
    def __call__(self, layout: Layout, *, typed: bool) -> Descriptor: ...


def _put(write: _Write, at: Destination, options: Options, listener: Listener, *, index_only: bool = False) -> None:
    try:
        put_image(partial(write, typed=True), at, options, listener, index_only=index_only)
    except PackageCacheError:  # skopeo 1.9 copies no index that states types; where that is not why, it fails again
        put_image(partial(write, typed=False), at, options, listener, index_only=index_only)


def _referrers(at: Destination) -> list[Descriptor]:
    """Return what an index of referrers names; nothing where there is none, or something else. A stranger wrote it."""
    try:
        found = load_json(raw_manifest(at).encode() or b"{}")
    except (ValueError, RecursionError):
        return []
    items = found.get("manifests") if isinstance(found, dict) else None
    descriptors = []
    for item in items if isinstance(items, list) else []:
        match item:
            case {"mediaType": str(kind), "digest": str(digest), "size": int(size)} if _DIGEST.fullmatch(digest):
                extra = {key: item[key] for key in ("artifactType", "annotations") if key in item}
                descriptors.append(Descriptor(kind, digest, size, extra))
    return descriptors
