"""`diff`: compare two locks, two caches, or one of each: packages per group and OS release, and bytes.

Recordings are compared where both are caches: a lock knows none.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from debian.debian_support import Version

from package_cache.cache.checked_files import read_list, read_recordings
from package_cache.cache.consistent_read import once_settled
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cache.package_list import DescribedPackage
from package_cache.cache.recording_list import Recording
from package_cache.errors import LockError
from package_cache.lock.file import read_lock_file
from package_cache.lock.model import Lock

GroupPlace = tuple[str, str]
"""A group's name and its OS release, all architectures together."""


@dataclass(frozen=True)
class Contents:
    """All groups of the lock or cache at a path."""

    path: Path
    kind: str
    """`lock` or `cache`."""
    groups: Mapping[GroupPlace, frozenset[DescribedPackage]]
    """The packages of a lock are described like those of a cache that stores the archive's own files."""
    recordings: Mapping[GroupPlace, Mapping[Recording, str]] = field(default_factory=dict)
    """The recordings of a cache, with the SHA-256 of their files."""


def read_contents(path: Path) -> Contents:
    """Read a lock (a file) or a cache (a folder). Raises `LockError` or `CacheError`."""
    if path.is_dir():
        cache = CacheFolder(path)
        return once_settled(cache, lambda: _of_cache(cache))
    try:
        return of_lock(path, read_lock_file(path))
    except LockError as error:
        hint = "name two locks, or the folders of two caches"
        raise LockError(error.message, problems=error.problems, hint=hint) from error


def _of_cache(cache: CacheFolder) -> Contents:
    groups = {(group.name, group.system): group for group in read_description(cache).groups}
    return Contents(
        cache.path,
        "cache",
        {place: frozenset(read_list(cache, group)) for place, group in groups.items()},
        {
            place: {recording: group.files[recording.file] for recording in read_recordings(cache, group)}
            for place, group in groups.items()
        },
    )


def of_lock(path: Path, lock: Lock) -> Contents:
    """Return the contents of a lock, which may not be written yet."""
    groups: dict[GroupPlace, dict[str, DescribedPackage]] = {}
    for system in lock.systems:
        packages = {
            item.key: DescribedPackage(item.name, item.version, item.architecture, item.size, item.sha256, item.sha256)
            for item in system.packages
        }
        for group in system.groups:
            found = groups.setdefault((group.name, system.system.name), {})
            for key in group.every_package:
                item = found.get(packages[key].sha256) or packages[key]
                more = (system.system.architecture,) if key in group.companions else ()
                found[item.sha256] = replace(item, companion_on=tuple(sorted({*item.companion_on, *more})))
    return Contents(path, "lock", {place: frozenset(found.values()) for place, found in groups.items()})


KINDS = ("up", "down", "new", "gone", "changed")
"""Kinds of changes of a package; `changed` means other bytes of the same version."""


@dataclass(frozen=True)
class Change:
    """The change of one package of a group."""

    kind: str
    name: str
    architecture: str
    before: str | None
    """The old version; None for a new package."""
    after: str | None
    companion: bool = False
    """Whether only packages that an older container has installed need it, and not the group."""


RECORDING_KINDS = ("new", "gone", "changed")


@dataclass(frozen=True, order=True)
class RecordingChange:
    """The change of one recording of a group, which is known by its architecture and dpkg's status before it."""

    kind: str
    """One of `RECORDING_KINDS`; `changed` means another file, or other facts on it."""
    file: str
    architecture: str
    image: str
    """Where it was recorded: the newer one, if both sides have it."""


@dataclass(frozen=True)
class GroupDifference:
    """The changes of one group for one OS release."""

    name: str
    system: str
    state: str
    """`same`, `changed`, `new` or `gone`."""
    packages_before: int
    packages_after: int
    bytes_before: int
    bytes_after: int
    changes: tuple[Change, ...]
    """Empty for a group that is new or gone as a whole."""
    recordings: tuple[RecordingChange, ...] = ()
    """The same, and empty if one side is a lock."""


@dataclass(frozen=True)
class Side:
    """One side of the comparison."""

    path: Path
    kind: str
    """`lock` counts the bytes of the archive's files, `cache` those of the stored files."""
    packages: int
    """The number of different files."""
    bytes: int


@dataclass(frozen=True)
class Difference:
    """The result of a comparison."""

    different: bool
    before: Side
    after: Side
    new_bytes: int
    """The bytes to download: files of `after` that `before` does not have."""
    changes: Mapping[str, int]
    """Number of packages by kind of change. A package in several groups of an OS release counts once."""
    recordings: Mapping[str, int]
    """Number of recordings by kind of change."""
    groups: tuple[GroupDifference, ...]


def diff(before: Path, after: Path) -> Difference:
    """Compare two locks or caches. Raises `LockError` or `CacheError` if one is unreadable."""
    return compared(read_contents(before), read_contents(after))


def compared(old: Contents, new: Contents) -> Difference:
    """Compare two inventories."""
    groups = tuple(_group(place, old, new) for place in sorted({*old.groups, *new.groups}))
    changes = {(group.system, change) for group in groups for change in group.changes}
    numbers = Counter(change.kind for _, change in changes)
    recordings = Counter(change.kind for group in groups for change in group.recordings)
    known = {item.original_sha256 for items in old.groups.values() for item in items}
    files = {item.original_sha256: item.size for items in new.groups.values() for item in items}
    return Difference(
        any(group.state != "same" for group in groups),
        _side(old),
        _side(new),
        sum(size for original, size in files.items() if original not in known),
        {kind: numbers[kind] for kind in KINDS},
        {kind: recordings[kind] for kind in RECORDING_KINDS},
        groups,
    )


def _side(contents: Contents) -> Side:
    packages = {item for items in contents.groups.values() for item in items}
    return Side(contents.path, contents.kind, len({item.sha256 for item in packages}), _bytes(packages))


def _bytes(packages: Iterable[DescribedPackage]) -> int:
    """Return the size of all files; each counts once."""
    return sum({item.sha256: item.size for item in packages}.values())


def _group(place: GroupPlace, old: Contents, new: Contents) -> GroupDifference:
    before, after = old.groups.get(place), new.groups.get(place)
    changes: tuple[Change, ...] = ()
    recordings: tuple[RecordingChange, ...] = ()
    if before is None or after is None:
        state = "new" if before is None else "gone"
    else:
        changes = tuple(_changes(before, after))
        if old.kind == new.kind == "cache":
            recordings = tuple(_recording_changes(old.recordings.get(place, {}), new.recordings.get(place, {})))
        state = "changed" if changes or recordings else "same"
    before, after = before or frozenset(), after or frozenset()
    return GroupDifference(*place, state, len(before), len(after), _bytes(before), _bytes(after), changes, recordings)


def _recording_changes(before: Mapping[Recording, str], after: Mapping[Recording, str]) -> list[RecordingChange]:
    """Return the changes of a group's recordings, sorted."""
    old = {recording.file: (recording, digest) for recording, digest in before.items()}
    new = {recording.file: (recording, digest) for recording, digest in after.items()}
    found = []
    for file in {*old, *new}:
        if old.get(file) != new.get(file):
            recording, _ = new.get(file) or old[file]
            kind = "new" if file not in old else "gone" if file not in new else "changed"
            found.append(RecordingChange(kind, file, recording.architecture, recording.image))
    return sorted(found)


def _changes(before: Collection[DescribedPackage], after: Collection[DescribedPackage]) -> list[Change]:
    """Return the changes of a group's packages, sorted by name."""
    old, new = _by_name(before), _by_name(after)
    found: list[Change] = []
    companions = {(item.name, item.architecture) for item in (*before, *after) if item.companion_on}
    companions -= {(item.name, item.architecture) for item in after if not item.companion_on}
    for name, architecture in sorted({*old, *new}):
        left = old.get((name, architecture), {})
        right = new.get((name, architecture), {})
        gone = sorted((version for version in left if version not in right), key=Version)
        come = sorted((version for version in right if version not in left), key=Version)
        pairs = list(zip(gone, come, strict=False))
        kinds = ["up" if Version(after) > Version(before) else "down" for before, after in pairs]
        found += [Change(kind, name, architecture, *pair) for kind, pair in zip(kinds, pairs, strict=True)]
        found += [Change("gone", name, architecture, version, None) for version in gone[len(pairs) :]]
        found += [Change("new", name, architecture, None, version) for version in come[len(pairs) :]]
        both = [version for version in left if version in right and left[version] != right[version]]
        found += [Change("changed", name, architecture, version, version) for version in both]
    return [replace(item, companion=(item.name, item.architecture) in companions) for item in found]


def _by_name(packages: Iterable[DescribedPackage]) -> dict[tuple[str, str], dict[str, str]]:
    """Map name and architecture to the archive's hashes by version; most packages have one version."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for item in packages:
        found.setdefault((item.name, item.architecture), {})[item.version] = item.original_sha256
    return found
