"""Recordings of arbitrary bytes, for tests in which only the files matter."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from package_cache.cache.checked_files import read_group
from package_cache.cache.description import DescribedGroup, read_description
from package_cache.cache.layout import DESCRIPTION, RECORDINGS, RELEASE, CacheFolder
from package_cache.cache.recordings import Recording, group_digest, publish_recordings, recording_file
from package_cache.filesystem.paths import sha256_of


def described(cache: Path, name: str, system: str = "ubuntu18.04") -> DescribedGroup:
    """Return what a cache's description says of a group."""
    groups = read_description(CacheFolder(cache)).groups
    return next(group for group in groups if (group.name, group.system) == (name, system))


def plain_recording(**fields: Any) -> Recording:
    """Return the facts on a recording for amd64, of the image `registry/job:1`, but for the named fields.

    `status` is the content of dpkg's status file before it.
    """
    architecture = fields.get("architecture", "amd64")
    before = hashlib.sha256(fields.pop("status", b"Package: dpkg\n")).hexdigest()
    facts: dict[str, Any] = {
        "file": recording_file(architecture, before),
        "architecture": architecture,
        "image": "registry/job:1",
        "digest": f"sha256:{'d' * 64}",
        "after": (),
        "status_before": before,
        "status_after": "a" * 64,
        "group_digest": "c" * 64,
        "packages": 2,
        "files": 31,
        "bytes": 11,
        "rules": ("/var/log/**",),
        "rules_digest": "b" * 64,
        "created": "2026-11-30T08:00:00+00:00",
        "installed_seconds": 1.45,
        "replayed_seconds": 0.15,
    }
    return Recording(**{**facts, **fields})


def make_recording(cache: Path, name: str, content: bytes, *, system: str = "ubuntu18.04", **fields: Any) -> Recording:
    """Return the facts on a recording, with this content, of a group as it is now."""
    read = read_group(CacheFolder(cache), described(cache, name, system))
    digest = group_digest(read.files, fields.get("architecture", "amd64"))
    return plain_recording(**{"group_digest": digest, "bytes": len(content), **fields})


def record(cache: Path, name: str, content: bytes = b"of an image", **fields: Any) -> Recording:
    """Publish a recording of a group."""
    recording = make_recording(cache, name, content, **fields)
    group = described(cache, name, fields.get("system", "ubuntu18.04"))
    publish_recordings(CacheFolder(cache), group, {recording: content})
    return recording


def restate(cache: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the facts on the first recording of a group, and all digests of them, as who can write to a cache does."""
    file = cache / described(cache, name).folder / RECORDINGS
    document = json.loads(file.read_text())
    change(document["recordings"][0])
    put(cache, name, json.dumps(document).encode())


def put(cache: Path, name: str, content: bytes) -> None:
    """Replace recordings.json of a group, and all digests of it."""
    folder, description = cache / described(cache, name).folder, cache / DESCRIPTION
    _replace(folder / RECORDINGS, content, folder / RELEASE, description)


def _replace(file: Path, content: bytes, *stating: Path) -> None:
    """Replace a file, and its digest in other files, of which each states those before it."""
    before = sha256_of(file)
    file.write_bytes(content)
    for index, other in enumerate(stating):
        text = other.read_text().replace(before, sha256_of(file))
        _replace(other, text.encode(), *stating[index + 1 :])
