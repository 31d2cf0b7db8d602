"""What a group needs in images of its release beside its own packages, and whether any image can have it."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from package_cache.outside.apt.records import Place, Record, Records
from package_cache.outside.apt.solver import Apt, NoPlanError, PlannedPackage
from package_cache.values.manifest import Group
from package_cache.verbs.locking.companions import Images, companions

Plan = Sequence[PlannedPackage]

PREFERRED_HERE = 999
"""The priority of versions that are preferred in an image: from 1000 on apt would downgrade (apt_preferences(5))."""


class NoImageError(NoPlanError):
    """Apt finds no way to install a group in a minimal image, neither in the newest one nor in the oldest one."""


@dataclass
class ReleaseImages:
    """The images of a release."""

    records: Records
    images: Images
    kept: Mapping[Place, str]
    """Versions of companions that are preferred."""
    minimal: Sequence[Apt] = field(default_factory=list)
    """Each believes that it is in an image that has nothing but what every image has: in the newest one first."""

    @contextlib.contextmanager
    def tried(self, apt: Apt) -> Iterator[None]:
        """Let `apt` also plan in a minimal image, as the lists' newest and as their oldest versions make it."""
        with contextlib.ExitStack() as stack:
            texts = [_status(self.records.at(place)[index] for place in self.images.base) for index in (0, -1)]
            for text in filter(None, dict.fromkeys(texts)):
                inside = stack.enter_context(apt.seeing(text.encode(), b""))
                with contextlib.suppress(NoPlanError):  # lists of a part of a release make no image
                    inside.plan(())
                    self.minimal = [*self.minimal, inside]
            yield

    def beside(self, plans: Sequence[tuple[Group, Plan]], apt: Apt) -> list[Plan | NoImageError]:
        """Return what the index of each group has to hold beside its own packages, or why no image can have it."""
        found = [self._companions(group, plan) for group, plan in plans]
        wanted = {(item.name, item.version, item.architecture) for items in found for item in items}
        files = {(item.name, item.version, item.architecture): item for item in apt.files(sorted(wanted))}
        results: list[Plan | NoImageError] = []
        for (group, plan), items in zip(plans, found, strict=True):
            own = {(item.name, item.architecture) for item in plan}
            try:
                there = {(item.name, item.architecture): item for item in self._in_minimal(group, plan)}
            except NoImageError as error:
                results.append(error)
                continue
            for item in items:
                there[item.name, item.architecture] = files[item.name, item.version, item.architecture]
            results.append([item for key, item in sorted(there.items()) if key not in own])
        return results

    def _companions(self, group: Group, plan: Plan) -> list[Record]:
        native = self.records.native
        requests = [item.request for item in group.packages_on(native) if item.request.version]
        changed = [(item.name, item.architecture or native) for item in requests]
        versions = {item.place(native): item.version for item in plan}
        return companions(versions, self.records, self.images, changed=changed, kept=self.kept)

    def _in_minimal(self, group: Group, plan: Plan) -> Plan:
        """Return what apt installs in a minimal image: in the newest or, where it has no plan there, in the oldest."""
        own = [(item.name, item.version, item.architecture) for item in plan]
        requests = [item.request for item in group.packages_on(self.records.native)]
        failed: NoPlanError | None = None
        for apt in self.minimal:
            try:
                with apt.preferring(own if self.kept else (), priority=PREFERRED_HERE) as preferring:
                    return preferring.plan(requests, recommends=group.recommends)
            except NoPlanError as error:
                failed = failed or error
        if failed:
            raise NoImageError(failed.words, failed.hint)
        return ()


def _status(records: Iterator[Record]) -> str:
    """Return a dpkg status file in which these packages are installed."""
    paragraphs = (
        "".join(f"{key}: {value}\n" for key, value in {**item.fields, "Status": "install ok installed"}.items())
        for item in records
    )
    return "\n".join(sorted(paragraphs))
