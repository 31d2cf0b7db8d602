"""Recordings in a cache: files of a group's folder, each with what installing the group into one image comes to.

Nothing here looks into such a file; `docs/cache-format.md` explains it. A recording is for the group as it was:
`group_digest` identifies that state.
"""

import contextlib
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from package_cache.cache.checked_files import read_group, read_recordings
from package_cache.cache.cleanup import remove_unfinished
from package_cache.cache.description import DescribedGroup, Description, read_description
from package_cache.cache.file_content import CopiedFile, FileContent, sha256_of, size_of
from package_cache.cache.layout import (
    GROUPS,
    INDEX,
    LOCK,
    PACKAGE_LIST,
    RECORDINGS,
    RELEASE,
    SIGNATURE,
    SIGNED_RELEASE,
    CacheFolder,
    by_hash,
    is_about_all,
    is_recording,
    recording_file,
)
from package_cache.cache.package_list import needed_on, parse_list
from package_cache.cache.publish import replace_groups
from package_cache.cache.recording_list import Recording, parse_recordings, recordings_text
from package_cache.cache.release import WITHOUT_BY_HASH, release_file, stated_digests
from package_cache.errors import CacheError
from package_cache.filesystem.write_errors import writing_to
from package_cache.signatures import Signer, need_signer

__all__ = [
    "Recording",
    "count_recordings",
    "fitting_recordings",
    "group_digest",
    "is_recording",
    "publish_recordings",
    "read_recordings",
    "recording_file",
    "with_recordings",
]

FORMAT = 2
"""Of a recording's lists; an installer goes by dpkg where it is another than its own."""

OTHER_WRITER_LIMIT = 3600.0
"""Seconds to wait for another writer: a build downloads while it holds the lock."""

Content = TypeVar("Content", bound=FileContent)


def group_digest(files: Mapping[str, bytes], architecture: str) -> str:
    """Return the digest of what a group is for an architecture, by the files of its folder.

    SHA-256 of the format of recordings as a line, of `<architecture>.group`, then of a line for each package file that
    this architecture may need: its SHA-256, sorted. It is the same for the folder of all architectures and for the
    part of one. Raises `CacheError` if the group is not for this architecture.
    """
    group_file = f"{architecture}.group"
    if group_file not in files:
        raise CacheError(f"cannot find {group_file}: the group is not for {architecture}", hint="build the cache again")
    groups = {name.removesuffix(".group"): text for name, text in files.items() if name.endswith(".group")}
    lines = b"".join(groups.values()).decode("utf-8", "replace").split("\n")
    requests = [line.removeprefix("package ") for line in lines if line.startswith("package ")]
    packages = needed_on(architecture, parse_list(files[PACKAGE_LIST], PACKAGE_LIST), tuple(groups), requests)
    digest = hashlib.sha256(f"{FORMAT}\n".encode() + files[group_file])
    digest.update("".join(f"{sha256}\n" for sha256 in sorted({item.sha256 for item in packages})).encode())
    return digest.hexdigest()


def with_recordings(
    files: Mapping[str, bytes],
    recordings: Mapping[Recording, Content],
    *,
    group: str,
    system: str,
    architectures: Collection[str],
    signer: Signer | None = None,
) -> dict[str, bytes | Content]:
    """Return the files of a group's folder with these recordings and no others, and the `Release` of all of it.

    A signature of the same `Release` stays. Raises what `Signer.sign` raises.
    """
    found: dict[str, bytes | Content] = {
        name: content for name, content in files.items() if not (is_about_all(name) or _is_recorded(name))
    }
    found.update({recording.file: content for recording, content in recordings.items()})
    if recordings:
        found[RECORDINGS] = recordings_text(recordings).encode()
    before = {name: content for name, content in files.items() if is_about_all(name)}
    is_signed = signer is not None or SIGNATURE in before
    offers_by_hash = is_signed and system not in WITHOUT_BY_HASH
    release = release_file(group, system, architectures, found, by_hash=offers_by_hash)
    if before.get(RELEASE) == release:
        return {**found, **before}
    if signer is None:
        return {**found, RELEASE: release}
    signature = signer.sign(release)
    indexes = {}
    if offers_by_hash:
        last = by_hash(stated_digests(before.get(RELEASE, b"")).get(INDEX, ""))
        indexes = {by_hash(sha256_of(files[INDEX])): files[INDEX], **({last: before[last]} if last in before else {})}
    return {**found, **indexes, RELEASE: release, SIGNED_RELEASE: signature.clear, SIGNATURE: signature.detached}


def fitting_recordings(
    cache: CacheFolder, folder: str, files: Mapping[str, bytes], architectures: Collection[str]
) -> dict[Recording, CopiedFile]:
    """Return the recordings in a folder of the cache that fit the group that will replace it, which has these files.

    What counts is the folder and its `Release`: a build that was killed has left the group out of the description.
    Damaged recordings do not fit. For the holder of the cache's lock.
    """
    with contextlib.suppress(OSError, CacheError):
        stated = stated_digests(cache.inside.read(f"{folder}/{RELEASE}", "cache-file-bytes"))
        content = cache.inside.read(f"{folder}/{RECORDINGS}", "cache-file-bytes")
        if hashlib.sha256(content).hexdigest() == stated.get(RECORDINGS):
            digests = {architecture: group_digest(files, architecture) for architecture in architectures}
            return {
                recording: CopiedFile(cache, f"{folder}/{recording.file}", stated[recording.file], recording.bytes)
                for recording in parse_recordings(content, RECORDINGS)
                if recording.group_digest == digests.get(recording.architecture)
                and _is_intact(cache, f"{folder}/{recording.file}", recording, stated.get(recording.file, ""))
            }
    return {}


def _is_intact(cache: CacheFolder, place: str, recording: Recording, digest: str) -> bool:
    with contextlib.suppress(OSError):
        return cache.inside.status(place).st_size == recording.bytes and cache.inside.sha256(place) == digest
    return False


def count_recordings(cache: CacheFolder) -> int:
    """Return how many recordings lie in the groups of a cache, whether they fit or not."""
    found = 0
    for folder in cache.inside.names(GROUPS):
        with contextlib.suppress(OSError):
            found += sum(map(is_recording, cache.inside.names(f"{GROUPS}/{folder}")))
    return found


def publish_recordings(
    cache: CacheFolder,
    group: DescribedGroup,
    recordings: Mapping[Recording, FileContent],
    *,
    dropped: Collection[str] = (),
    signer: Signer | None = None,
) -> None:
    """Add recordings to a group as `read_description` gave it, and remove those whose files are `dropped`.

    Others stay, also those that another process added meanwhile; of the same file the new one replaces the old one.
    The group's folder is replaced in one rename. The description does not name the group until that is done.

    Raises `CacheError` if the group has changed otherwise, is damaged, or is not what was recorded;
    `PackageCacheError` with NO_SPACE or READ_ONLY where the cache cannot be written.
    """
    with writing_to(cache.path), cache.inside.locked(LOCK, wait=OTHER_WRITER_LIMIT):
        remove_unfinished(cache)
        description = read_description(cache)
        current = next((one for one in description.groups if one.folder == group.folder), None)
        if current is None or _unrecorded(current) != _unrecorded(group):
            raise _changed(group)
        need_signer(current.signed_by, signer)
        read = read_group(cache, current)
        for recording, content in recordings.items():
            _check(group, recording, content, read.files)
        gone = {*dropped, *(recording.file for recording in recordings)}
        kept = {recording: content for recording, content in read.recordings.items() if recording.file not in gone}
        files = with_recordings(
            read.files,
            {**kept, **recordings},
            group=current.name,
            system=current.system,
            architectures=current.architectures,
            signer=signer,
        )
        digests = {name: sha256_of(content) for name, content in files.items()}
        is_same = digests[RELEASE] == current.files[RELEASE]
        signed_by = current.signed_by if is_same or signer is None else signer.fingerprints
        new = replace(current, files=digests, signed_by=signed_by)
        if new != current:
            groups = tuple(new if one is current else one for one in description.groups)
            described = replace(description, groups=groups)
            try:
                replace_groups(cache, described, {(new.name, new.system): files})
            except BaseException:  # a full disk, or a signal
                _describe_again(cache, {current.files[RELEASE]: description, new.files[RELEASE]: described}, new.folder)
                raise


def _describe_again(cache: CacheFolder, descriptions: Mapping[str, Description], folder: str) -> None:
    """Write the description that fits the folder as it is now; `descriptions` are by the SHA-256 of its `Release`."""
    with contextlib.suppress(OSError, KeyError):
        descriptions[cache.inside.sha256(f"{folder}/{RELEASE}")].write(cache)


def _is_recorded(name: str) -> bool:
    return name == RECORDINGS or is_recording(name)


def _unrecorded(group: DescribedGroup) -> DescribedGroup:
    """Return a group without what depends on its recordings."""
    files = {name: digest for name, digest in group.files.items() if not (is_about_all(name) or _is_recorded(name))}
    return replace(group, files=files, signed_by=())


def _changed(group: DescribedGroup) -> CacheError:
    message = f"cannot add recordings to the group {group.name} for {group.system}: it was changed meanwhile"
    return CacheError(message, hint="record it again")


def _check(group: DescribedGroup, recording: Recording, content: FileContent, files: Mapping[str, bytes]) -> None:
    """Raise `CacheError` for a recording of another state of the group, or one that no reader would accept."""
    parse_recordings(recordings_text([recording]).encode(), RECORDINGS)
    if recording.group_digest != group_digest(files, recording.architecture):
        raise _changed(group)
    if recording.bytes != size_of(content):
        raise ValueError(f"{recording.file} has {size_of(content)} bytes, not {recording.bytes}")
