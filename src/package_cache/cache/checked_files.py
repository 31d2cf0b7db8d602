"""Files of a cache, read completely and checked against the digests of its description."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.file_content import HINT, CopiedFile, FileContent
from package_cache.cache.layout import INSTALLER, PACKAGE_LIST, RECORDINGS, CacheFolder, is_recording
from package_cache.cache.package_list import DescribedPackage, parse_list
from package_cache.cache.recording_list import Recording, parse_recordings
from package_cache.errors import CacheError, Problem


@dataclass(frozen=True)
class GroupContents:
    """A group for one OS release, or the part of it that one architecture needs."""

    group: DescribedGroup
    files: Mapping[str, bytes]
    """Of its folder, by name; all but the recordings."""
    packages: tuple[DescribedPackage, ...]
    recordings: Mapping[Recording, CopiedFile] = field(default_factory=dict)
    """They are large together: checked for their size only, until they are copied."""

    @property
    def folder(self) -> dict[str, FileContent]:
        """Return all files of its folder, by name."""
        return {**self.files, **{recording.file: content for recording, content in self.recordings.items()}}


def read_group(cache: CacheFolder, group: DescribedGroup) -> GroupContents:
    """Read all files of a group's folder. Raises `CacheError` if one is not what the description states."""
    files = {name: read_file(cache, group, name) for name in group.files if not is_recording(name)}
    recordings = {
        recording: CopiedFile(cache, f"{group.folder}/{recording.file}", group.files[recording.file], recording.bytes)
        for recording in _recorded(cache, group, files.get(RECORDINGS))
    }
    for copied in recordings.values():
        copied.check_size()
    return GroupContents(group, files, _parsed(cache, group, files[PACKAGE_LIST]), recordings)


def read_list(cache: CacheFolder, group: DescribedGroup) -> tuple[DescribedPackage, ...]:
    """Read the packages of a group, and nothing else of it. Raises `CacheError` as above."""
    return _parsed(cache, group, read_file(cache, group, PACKAGE_LIST))


def read_recordings(cache: CacheFolder, group: DescribedGroup) -> tuple[Recording, ...]:
    """Read the facts on a group's recordings, sorted by file. Raises `CacheError` as above.

    That is so, too, if they are not those of the files that the description names.
    """
    content = read_file(cache, group, RECORDINGS) if RECORDINGS in group.files else None
    return _recorded(cache, group, content)


def _recorded(cache: CacheFolder, group: DescribedGroup, content: bytes | None) -> tuple[Recording, ...]:
    path = str(cache.path / group.folder / RECORDINGS)
    recordings = parse_recordings(content, path) if content is not None else ()
    described = {item.file for item in recordings}
    problems = [Problem(f"does not have {name}", path) for name in group.recording_files if name not in described]
    problems += [
        Problem(f"names {item.file}, which the group does not have", path)
        for item in recordings
        if item.file not in group.files or item.architecture not in group.architectures
    ]
    if problems:
        raise CacheError(f"cannot read {path}", problems=problems, hint=HINT)
    return recordings


def _parsed(cache: CacheFolder, group: DescribedGroup, content: bytes) -> tuple[DescribedPackage, ...]:
    return parse_list(content, str(cache.path / group.folder / PACKAGE_LIST))


def read_file(cache: CacheFolder, group: DescribedGroup, name: str) -> bytes:
    """Return a file of a group's folder. Raises `CacheError` as above."""
    return _read(cache, f"{group.folder}/{name}", group.files[name], f"the group {group.name} for {group.system}")


def read_installer(cache: CacheFolder, description: Description) -> bytes:
    """Return the installer. Raises `CacheError` as above."""
    return _read(cache, INSTALLER, description.installer_digest, "the installer")


def _read(cache: CacheFolder, name: str, digest: str, what: str) -> bytes:
    path = cache.path / name
    try:
        content = cache.inside.read(name, "cache-file-bytes")
    except OSError as error:
        raise CacheError(f"cannot read {what}: {path}: {error.strerror}", hint=HINT) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise CacheError(f"cannot read {what}: {path} was altered", hint=HINT)
    return content
