"""Which package files share a layer: cut so that a node pulls again little more than what changed.

A registry and a node know layers by their bytes alone, so a layer with one changed package is pulled again as a whole.
Two things keep that small, and the layers few (a node mounts every one of them):

- Packages that are needed by the same are kept together: by several groups of a system, or by one group alone.
- Within these a layer holds at most `limit` bytes, unless one package is larger. What does not fit is halved by a
  bit of the hash of its name, again and again. A package that changes its size, comes or goes thus
  changes the layer that its name leads to, and no other.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

MOST_LAYERS = 48
"""Of package files; all else of an image is a few. Most runtimes mount twice as many, but the options of a mount must
fit a page, and older containerd has no room there for more than about 56 layers (containerd issue 4684)."""

SMALLEST_LIMIT = 1 << 20
"""Bytes of a layer from which on layers are not cut any finer: each costs a request and a mount."""


@dataclass(frozen=True)
class PooledPackage:
    """A package file, and who needs it."""

    sha256: str
    size: int
    """In bytes."""
    name: str
    users: frozenset[tuple[str, str]]
    """Groups with their systems."""

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
