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
    """Each believes that it is in an image that has nothing but what every image has."""

    @contextlib.contextmanager
    def tried(self, apt: Apt) -> Iterator[None]:
        """Let `apt` also plan in a minimal image, as the lists' newest and as their oldest versions make it."""
        with contextlib.ExitStack() as stack:
            for text in {_status(self.records.at(place)[index] for place in self.images.base) for index in (0, -1)}:
                inside = stack.enter_context(apt.seeing(text.encode(), b""))
                with contextlib.suppress(NoPlanError):  # lists of a part of a release make no image
                    inside.plan(())
                    self.minimal = [*self.minimal, inside]
            yield

    def beside(self, group: Group, plan: Plan, *, apt: Apt) -> Plan:
        """Return what a group's index has to hold beside its own packages.

        Raises `NoImageError` where the group cannot be installed in any image.
        """
        native = self.records.native
        requests = [item.request for item in group.packages_on(native)]
        changed = [(item.name, item.architecture or native) for item in requests if item.version]
        versions = {item.place(native): item.version for item in plan}
        found = companions(versions, self.records, self.images, changed=changed, kept=self.kept)
        files = {(item.name, item.architecture): item for item in self._in_minimal(group, plan)}
        for item in apt.files((record.name, record.version, record.architecture) for record in found):
            files[item.name, item.architecture] = item
        own = {(item.name, item.architecture) for item in plan}
        return [item for key, item in sorted(files.items()) if key not in own]

    def _in_minimal(self, group: Group, plan: Plan) -> Iterator[PlannedPackage]:
        """Yield what apt installs in minimal images."""
        failed = []
        for apt in self.minimal if self.images.base else ():
            try:
                own = [(item.name, item.version, item.architecture) for item in plan]
                with apt.preferring(own, priority=PREFERRED_HERE) as preferring:
                    requests = [item.request for item in group.packages_on(self.records.native)]
                    yield from preferring.plan(requests, recommends=group.recommends)
            except NoPlanError as error:
                failed.append(error)
        if failed and len(failed) == len(self.minimal):
            raise NoImageError(failed[0].words, failed[0].hint)


def _status(records: Iterator[Record]) -> str:
    """Return a dpkg status file in which these packages are installed."""
    paragraphs = (
        "".join(f"{key}: {value}\n" for key, value in {**item.fields, "Status": "install ok installed"}.items())
        for item in records
    )
    return "\n".join(sorted(paragraphs))
