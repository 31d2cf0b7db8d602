"""The facts of a report, independent of how they are shown: `page.py` draws them, `report --json` prints them.

The day is given, never read from a clock: a page is read long after it was written, so it shows dates, and counts ages
and ends of support up to the day that it states.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from package_cache.cache.checked_files import read_list, read_recordings
from package_cache.cache.consistent_read import once_settled
from package_cache.cache.description import DescribedGroup, Description, read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cache.package_list import DescribedPackage
from package_cache.cache.proofs import Proof, read_proofs
from package_cache.cache.recording_list import Recording
from package_cache.errors import PackageCacheError
from package_cache.releases.distributions import Support, support_of
from package_cache.report.results import CheckedImage, Newer
from package_cache.system import System

MOST_BIG = 20
"""How many of the biggest packages are listed."""


@dataclass(frozen=True)
class GroupFacts:
    """One group for one OS release."""

    name: str
    architectures: tuple[str, ...]
    requests: tuple[str, ...]
    packages: int
    """Number of package files."""
    own_bytes: int
    """Of the files that no other group of the cache takes, as they are stored."""
    shared_bytes: int
    """Of the others: they lie in the pool once."""

    @property
    def bytes(self) -> int:
        """Of all its files: what a volume gets that holds only this group."""
        return self.own_bytes + self.shared_bytes


@dataclass(frozen=True)
class SystemFacts:
    """One OS release."""

    name: str
    stored_bytes: int
    """Of all package files of its groups, each counted once."""
    support: Support | None
    """None where the distributions' data on this machine does not have the release."""
    groups: tuple[GroupFacts, ...]


@dataclass(frozen=True)
class RecordedGroup:
    """A recording, and what it is of."""

    group: str
    system: str
    recording: Recording


@dataclass(frozen=True)
class BigPackage:
    """A package file of the pool."""

    name: str
    version: str
    architecture: str
    size: int
    """In bytes, as it is stored."""
    systems: tuple[str, ...]
    groups: tuple[str, ...]
    companion: bool
    """Whether only packages of older containers need it."""


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    day: str
    """The day up to which ages count and at which support is judged, as ISO 8601."""
    cache: str
    """The name of the cache's folder."""
    created: str
    built_by: str
    manifest: str
    locked: str
    """Empty if the lock does not say it."""
    signed_by: tuple[str, ...]
    packages: int
    stored_bytes: int
    """Of all package files, each counted once."""
    systems: tuple[SystemFacts, ...]
    recordings: tuple[RecordedGroup, ...]
    proofs: tuple[Proof, ...]
    """The newest first."""
    biggest: tuple[BigPackage, ...]
    images: tuple[CheckedImage, ...] | None
    """None if no result of `check` was given."""
    newer: Newer | None
    """None if no result of `outdated` was given."""


def report_of(
    cache: CacheFolder, day: datetime.date, images: Sequence[CheckedImage] | None = None, newer: Newer | None = None
) -> Report:
    """Return the facts about a cache, with what `check` and `outdated` found. Raises `CacheError`."""
    description, lists, recordings, proofs = once_settled(cache, lambda: _read(cache))
    return Report(
        day=day.isoformat(),
        cache=cache.path.name,
        created=description.created,
        built_by=description.built_by,
        manifest=description.manifest,
        locked=description.locked,
        signed_by=description.signed_by,
        packages=description.packages,
        stored_bytes=description.size,
        systems=tuple(_systems(lists, day)),
        recordings=recordings,
        proofs=tuple(sorted(proofs, key=lambda proof: proof.when, reverse=True)),
        biggest=_biggest(lists),
        images=None if images is None else tuple(images),
        newer=newer,
    )


Lists = Sequence[tuple[DescribedGroup, Sequence[DescribedPackage]]]
"""The packages of each group."""


def _read(cache: CacheFolder) -> tuple[Description, Lists, tuple[RecordedGroup, ...], tuple[Proof, ...]]:
    description = read_description(cache)
    lists = [(group, read_list(cache, group)) for group in description.groups]
    recordings = tuple(
        RecordedGroup(group.name, group.system, recording)
        for group in description.groups
        for recording in read_recordings(cache, group)
    )
    return description, lists, recordings, read_proofs(cache)


def _systems(lists: Lists, day: datetime.date) -> Iterator[SystemFacts]:
    """Yield the OS releases with their groups, the largest group first."""
    users = Counter(digest for _, packages in lists for digest in {item.sha256 for item in packages})
    for name in sorted({group.system for group, _ in lists}):
        own = [(group, packages) for group, packages in lists if group.system == name]
        files = {item.sha256: item.size for _, packages in own for item in packages}
        groups = sorted((_group(*item, users) for item in own), key=lambda group: (-group.bytes, group.name))
        yield SystemFacts(name, sum(files.values()), _support(name, day), tuple(groups))


def _group(group: DescribedGroup, packages: Sequence[DescribedPackage], users: Mapping[str, int]) -> GroupFacts:
    files = {item.sha256: item.size for item in packages}
    own = sum(size for digest, size in files.items() if users[digest] == 1)
    shared = sum(files.values()) - own
    return GroupFacts(group.name, group.architectures, group.requests, len(files), own, shared)


def _support(name: str, day: datetime.date) -> Support | None:
    try:
        return support_of(System.parse(name), day)
    except PackageCacheError:
        return None


def _biggest(lists: Lists) -> tuple[BigPackage, ...]:
    takers = defaultdict(list)
    for group, packages in lists:
        for item in packages:
            takers[item.sha256].append((group, item))
    largest = sorted(takers.values(), key=lambda found: (-found[0][1].size, found[0][1]))[:MOST_BIG]
    return tuple(map(_big, largest))


def _big(takers: Sequence[tuple[DescribedGroup, DescribedPackage]]) -> BigPackage:
    item = takers[0][1]
    systems, groups = ({getattr(group, key) for group, _ in takers} for key in ("system", "name"))
    companion = all(package.companion_on for _, package in takers)
    return BigPackage(
        item.name, item.version, item.architecture, item.size, tuple(sorted(systems)), tuple(sorted(groups)), companion
    )
