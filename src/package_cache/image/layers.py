"""A part of a cache as layers of an image: package files and recordings, so that a node pulls little more than changed.

A registry and a node know layers by their bytes alone, so a layer with one changed package is pulled again as a whole.
Two things keep that small, and the layers few (a node mounts every one of them):

- Packages that are needed by the same are kept together: by several groups of a system, or by one group alone, then
  with its recordings.
- Within these a layer holds at most `limit` bytes, unless one package is larger. What does not fit is halved by a
  bit of the hash of its name, again and again. A package that changes its size, comes or goes thus
  changes the layer that its name leads to, and no other.

All indexes are one more layer, recordings.json among them.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from package_cache.cache.layout import DESCRIPTION, INSTALLER, CacheFolder, pool_file
from package_cache.cache.package_list import DescribedPackage
from package_cache.cache.platform_subset import Part
from package_cache.events import Listener, Progress, ignore
from package_cache.oci.writer import Layer, LayerFile, Layout

MOST_LAYERS = 48
"""Of package files; all else of an image is a few. Most runtimes mount twice as many, but the options of a mount must
fit a page, and older containerd has no room there for more than about 56 layers (containerd issue 4684)."""

SMALLEST_LIMIT = 1 << 20
"""Bytes of a layer from which on layers are not cut any finer: each costs a request and a mount."""


@dataclass(frozen=True)
class PooledPackage:
    """A package file or a recording, and who needs it."""

    sha256: str
    size: int
    """In bytes."""
    name: str
    """Of the package, or of the recording's file."""
    users: frozenset[tuple[str, str]]
    """Groups with their systems."""
    folder: str = ""
    """The group's folder with the recording; empty for a package file, which lies in the pool."""

    @property
    def place(self) -> str:
        """Where it lies in the cache."""
        return f"{self.folder}/{self.name}" if self.folder else pool_file(self.sha256)

    @property
    def label(self) -> str:
        """Its name for people: of a recording the start of the hash of dpkg's status."""
        return f"recording {self.name.split('.')[-2][:12]}" if self.folder else self.name

    @property
    def kin(self) -> str:
        """Whose packages it belongs to, in words."""
        systems = sorted({system for _, system in self.users})
        if len(systems) > 1:
            return "shared by several systems"
        if len(self.users) > 1:
            return f"shared by groups of {systems[0]}"
        return f"{next(iter(self.users))[0]} for {systems[0]}"


@dataclass(frozen=True)
class Cut:
    """What goes into one layer."""

    title: str
    packages: tuple[PooledPackage, ...]


def add_cache(
    layout: Layout, cache: CacheFolder, part: Part, *, at: str = "", listener: Listener = ignore
) -> list[Layer]:
    """Write the layers of a part; its tree lies at `at` in the image, such as `opt/package_cache/`, else at its root.

    Raises `CacheError` if a package file of the cache is missing or does not fit its hash.
    """
    layers: list[Layer] = []
    packages = pooled(part)
    done, total, step = 0, sum(package.size for package in packages), f"writing layers for {part.architecture}"
    listener(Progress(step, 0, total))
    for item in cut(packages):
        names = [package.label for package in item.packages]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        files = [
            LayerFile(at + package.place, source=cache.path / package.place, sha256=package.sha256)
            for package in item.packages
        ]
        layers.append(layout.add_layer(f"{item.title}: {', '.join(names[:3])}{more}", files))
        done += sum(package.size for package in item.packages)
        listener(Progress(step, done, total))
    return [*layers, _add_indexes(layout, part, at)]


def pooled(part: Part) -> list[PooledPackage]:
    """Return every package file of a part once, with the groups that need it, and every recording."""
    found: dict[str, tuple[DescribedPackage, set[tuple[str, str]]]] = {}
    for item in part.groups:
        for package in item.packages:
            found.setdefault(package.sha256, (package, set()))[1].add((item.group.name, item.group.system))
    packages = [PooledPackage(one.sha256, one.size, one.name, frozenset(users)) for one, users in found.values()]
    recordings = [
        PooledPackage(file.sha256, file.size, recording.file, users, item.group.folder)
        for item in part.groups
        for users in [frozenset({(item.group.name, item.group.system)})]
        for recording, file in item.recordings.items()
    ]
    return packages + recordings


def _add_indexes(layout: Layout, part: Part, at: str) -> Layer:
    files = {f"{item.group.folder}/{name}": content for item in part.groups for name, content in item.files.items()}
    files[DESCRIPTION] = part.description.content()
    entries = [LayerFile(at + name, content) for name, content in files.items()]
    entries.append(LayerFile(at + INSTALLER, part.installer, 0o755))
    return layout.add_layer("indexes of all groups", entries, compressed=True)


def cut(packages: Collection[PooledPackage]) -> list[Cut]:
    """Return the layers, those of shared packages first. The same packages give the same layers."""
    kinds: dict[str, list[PooledPackage]] = {}
    for package in packages:
        kinds.setdefault(package.kin, []).append(package)
    limit = SMALLEST_LIMIT
    while len(found := list(_cut(kinds, limit))) > MOST_LAYERS:
        limit *= 2
    return sorted(found, key=lambda item: (not item.title.startswith("shared"), item.title, item.packages[0].name))


def _cut(kinds: dict[str, list[PooledPackage]], limit: int) -> Iterator[Cut]:
    sizes = {name: sum(package.size for package in packages) for name, packages in kinds.items()}
    for names in _halved(sorted(kinds), lambda name: name, sizes.__getitem__, limit):
        together = [package for name in names for package in kinds[name]]
        halved = _halved(together, lambda package: package.name, lambda package: package.size, limit)
        for part in [together] if len(names) > 1 else halved:
            yield Cut("; ".join(names), tuple(sorted(part, key=lambda package: (package.name, package.sha256))))


Item = TypeVar("Item")


def _halved(
    items: Sequence[Item], name: Callable[[Item], str], size: Callable[[Item], int], limit: int, depth: int = 0
) -> Iterator[Sequence[Item]]:
    """Yield the items in parts of at most `limit` bytes, halved by bit after bit of the hashes of their names."""
    if len(items) < 2 or sum(map(size, items)) <= limit or depth == 256:
        if items:
            yield items
        return
    halves: tuple[list[Item], list[Item]] = ([], [])
    for item in items:
        digest = hashlib.sha256(name(item).encode()).digest()
        halves[digest[depth // 8] >> depth % 8 & 1].append(item)
    for half in halves:
        yield from _halved(half, name, size, limit, depth + 1)
