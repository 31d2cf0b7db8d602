"""Companions: what an image that is older than the lock may have installed, and what must change with a group.

Where a group needs a package in another version than an older image has, and another package of the image is tied to
that version, apt has a plan only if it finds the other one's new version, too. So that goes into the group's index,
though nothing of the group needs it (docs/skew.md).

What images have is not known. The oldest version that the archive's lists have counts as theirs or, where there is but
one, a version just before it. Packages count as installed that are usual (usual_packages.py), that a group of the
manifest takes, or that are small.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from package_cache.apt.records import Place, Record, Records, Relation
from package_cache.apt.solver import PlannedPackage
from package_cache.manifest.model import Group

SMALL = 32 << 10
"""Bytes of a package file that may be taken along without being usual."""


@dataclass(frozen=True)
class Images:
    """What images of a system may have installed."""

    usual: Collection[Place]
    """Packages that one may have."""
    base: Collection[Place]
    """Packages that each has."""
    foreign: Collection[str] = ()
    """Architectures beside its own of which one may have packages."""


def companions(
    group: Group, plan: Iterable[PlannedPackage], records: Records, images: Images, kept: Mapping[Place, str]
) -> list[Record]:
    """Return the companions of a group that has this plan; `kept` are versions that are preferred where they fit.

    An image cannot keep another version of what the group asks for in a certain one.
    """
    native = records.native
    search = _Search({item.place(native): item.version for item in plan}, records, images, kept)
    asked = [item.request for item in group.packages_on(native) if item.request.version]
    search.go_on((item.name, item.architecture or native) for item in asked)
    return [record for place, record in sorted(search.new.items()) if place not in search.group]


class _Search:
    """Follows from package to package what has to change in an image."""

    def __init__(self, group: Mapping[Place, str], records: Records, images: Images, kept: Mapping[Place, str]) -> None:
        self.group, self.records, self.images, self.kept = group, records, images, kept
        self.architectures = sorted({records.native, *images.foreign, *(architecture for _, architecture in group)})
        self.new: dict[Place, Record] = {}
        """What an image may have in the end: the group's packages and their companions."""
        for place, version in group.items():
            self.new.update([(place, item) for item in records.at(place) if item.version == version])
        self.changed: set[Place] = set()
        """Those of them that take the place of an older version."""
        self.waiting = [place for place in self.new if place not in images.base]

    def go_on(self, changed: Iterable[Place]) -> None:
        """Find companions until there are none left."""
        for place in changed:
            self._change(place)
        done: set[Place] = set()
        tied: set[Place] = set()
        while self.waiting:
            place = self.waiting.pop(0)
            record = self.new[place]
            if place not in done:
                done.add(place)
                self._follow_needs(record)
                self._follow_refusals(record)
            if place in self.changed and place not in tied:
                tied.add(place)
                self._follow_ties(record)

    def _change(self, place: Place) -> None:
        if place in self.new and place not in self.changed:
            self.changed.add(place)
            self.waiting.append(place)

    def _old(self, record: Record) -> Record:
        """Return the version that an image may have: the oldest in the lists, or one just before this one."""
        oldest = self.records.at(record.place)[-1]
        if oldest.version != record.version:
            return oldest
        return replace(record, version=f"{record.version}~")

    def _follow_needs(self, record: Record) -> None:
        """Change those that meet a need only in their new version."""
        for alternatives in record.needs:
            those = [item for item in self._there(alternatives, self.new) if item.meets_any(alternatives, record)]
            if those and not any(self._old(item).meets_any(alternatives, record) for item in those):
                self._change(those[0].place)

    def _follow_refusals(self, record: Record) -> None:
        """Change those that are refused in their old version only."""

        def is_refused(other: Record) -> bool:
            return any(item.operator and other.meets(item, record) for item in record.refuses)

        for name in sorted({item.name for item in record.refuses if item.operator}):
            for place in self._places(name):
                if place[0] != record.name:
                    self._take(place, lambda new, old: is_refused(old) and not is_refused(new))

    def _follow_ties(self, record: Record) -> None:
        """Change those that are tied to the old version of a package that changes."""
        before = self._old(record)

        def is_tied(new: Record, old: Record) -> bool:
            if any(before.meets_any(some, new) and not record.meets_any(some, new) for some in new.needs):
                return False  # it is tied to the old one itself
            return any(before.meets_any(some, old) and not record.meets_any(some, old) for some in old.needs) or any(
                record.meets(item, new) and not before.meets(item, new)
                for some in new.needs
                for item in some
                if item.operator == "="
            )

        names = {item.name for item in record.provides}
        lost = {item.name for item in before.provides} - names - {record.name}
        tied = [self.records.tied.get(name, ()) for name in {record.name, *names}]
        for name in sorted({*itertools.chain(*tied, *map(self.records.naming, lost))}):
            for place in self._places(name):
                self._take(place, is_tied)
        if record.is_same:
            for architecture in self.architectures:
                self._take((record.name, architecture), lambda new, _: new.version == record.version)

    def _take(self, place: Place, must: Callable[[Record, Record], bool]) -> None:
        """Change a package that must, by its new and its old version: one found already, or one that is a companion."""
        if place in self.new:
            if must(self.new[place], self._old(self.new[place])):
                self._change(place)
            return
        versions = self.records.at(place)
        if not any(map(self._may_be_there, versions)):
            return
        for record in sorted(versions, key=lambda item: item.version != self.kept.get(place)):
            if must(record, self._old(record)):
                for item in self._with_needs(record):
                    self.new[item.place] = item
                    self._change(item.place)
                return

    def _with_needs(self, record: Record) -> list[Record]:
        """Return a companion, and what it needs that neither the group nor an older image has; none if that fails.

        What is only small must not bring along what is neither.
        """
        found = {record.place: record}
        waiting = [record]
        while waiting:
            one = waiting.pop()
            if not self._may_be_there(one) and record.place not in self.images.usual:
                return []
            for alternatives in one.needs:
                if not self._is_met(alternatives, one, found):
                    needed = next(self._newest_of(alternatives, one), None)
                    if needed is None:
                        return []
                    found[needed.place] = needed
                    waiting.append(needed)
        return list(found.values())

    def _may_be_there(self, record: Record) -> bool:
        return record.place in self.images.usual or record.size <= SMALL

    def _is_met(self, alternatives: Iterable[Relation], of: Record, found: Mapping[Place, Record]) -> bool:
        """Return whether the group, its companions or an older image have what a companion needs."""
        if any(item.meets_any(alternatives, of) for item in self._there(alternatives, {**self.new, **found})):
            return True
        before = self._old(of)
        if not {item.name for some in before.needs for item in some} & {item.name for item in alternatives}:
            return False  # the old version did not need it
        return any(self._old(item).meets_any(alternatives, of) for item in self._newest_of(alternatives, of))

    def _newest_of(self, alternatives: Iterable[Relation], of: Record) -> Iterator[Record]:
        """Yield the newest version of each package that meets a relation, in the order of the alternatives."""
        for relation in alternatives:
            for name in self.records.providers(relation.name):
                for place in self._places(name):
                    yield from [item for item in self.records.at(place) if item.meets(relation, of)][:1]

    def _places(self, name: str) -> list[Place]:
        return [(name, architecture) for architecture in self.architectures]

    def _there(self, alternatives: Iterable[Relation], world: Mapping[Place, Record]) -> list[Record]:
        names = dict.fromkeys(name for item in alternatives for name in self.records.providers(item.name))
        return [world[place] for name in names for place in self._places(name) if place in world]
