"""What groups need in images of their release beside their own packages, and whether any image can have them."""

import contextlib
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence

from package_cache.apt.records import Place, Record
from package_cache.apt.solver import Apt, File, NoPlanError, PlannedPackage
from package_cache.manifest.model import Group
from package_cache.resolve.companions import companions
from package_cache.resolve.usual_packages import images_of

Plan = Sequence[PlannedPackage]

PREFERRED_HERE = 999
"""The priority of versions that are preferred in an image: from 1000 on apt would downgrade (apt_preferences(5))."""

_searching = threading.Lock()
"""What all lists of a system say takes some 100 MB: of one system at a time."""


class NoImageError(NoPlanError):
    """Apt finds no way to install a group in a minimal image, neither in the newest one nor in the oldest one."""


def additions(
    plans: Sequence[tuple[Group, Plan]], apt: Apt, narrow: Apt, *, foreign: Collection[str], kept: Mapping[Place, str]
) -> list[Plan | NoImageError]:
    """Return what the index of each group has to hold beside its own packages, or why no image can have the group.

    `narrow` plans the same requests faster. `foreign`: architectures of which images may have packages beside their
    own. `kept`: versions that are preferred.
    """
    if not plans:
        return []
    with _searching:
        records = apt.records()
        native = records.native
        taken = {item.place(native) for _, plan in plans for item in plan}
        images = images_of(records, taken, foreign)
        found = [companions(group, plan, records, images, kept) for group, plan in plans]
        places = {(item.name, item.architecture): item.place for items in found for item in items}
        candidates = {places[key]: offer.candidate or "" for key, offer in apt.offers(places).items()}
        if any(candidates.get(item.place) != item.version for items in found for item in items):  # pins, priorities
            preferred = {**{place: version for place, version in candidates.items() if version}, **kept}
            found = [companions(group, plan, records, images, preferred) for group, plan in plans]
        wanted = [[_file(item) for item in items if candidates.get(item.place, item.version)] for items in found]
        statuses = [_status([records.at(place)[index] for place in sorted(images.base)]) for index in (0, -1)]
        del records
    files = {_file(item): item for item in apt.files(sorted({item for items in wanted for item in items}))}
    results: list[Plan | NoImageError] = []
    with _minimal(narrow, statuses) as minimal:
        for (group, plan), items in zip(plans, wanted, strict=True):
            own = {(item.name, item.architecture) for item in plan}
            try:
                more = [*_in_minimal(group, plan, minimal, native, bool(kept)), *(files[item] for item in items)]
            except NoImageError as error:
                results.append(error)
            else:
                there = {(item.name, item.architecture): item for item in more}
                results.append([item for key, item in sorted(there.items()) if key not in own])
    return results


def _file(item: PlannedPackage | Record) -> File:
    return item.name, item.version, item.architecture


def _status(records: Sequence[Record]) -> bytes:
    """Return a dpkg status file in which these packages are installed."""
    paragraphs = (
        "".join(f"{key}: {value}\n" for key, value in {**item.fields, "Status": "install ok installed"}.items())
        for item in records
    )
    return "\n".join(paragraphs).encode()


@contextlib.contextmanager
def _minimal(apt: Apt, statuses: Sequence[bytes]) -> Iterator[list[Apt]]:
    """Yield an apt for each of these images; of a part of a release no image can be made."""
    with contextlib.ExitStack() as stack:
        found = []
        for status in filter(None, dict.fromkeys(statuses)):
            inside = stack.enter_context(apt.seeing(status, b""))
            with contextlib.suppress(NoPlanError):
                inside.plan(())
                found.append(inside)
        yield found


def _in_minimal(group: Group, plan: Plan, minimal: Sequence[Apt], native: str, keeps: bool) -> Plan:
    """Return what apt installs in the first of these images that it has a plan for."""
    own = [_file(item) for item in plan] if keeps else []
    requests = [item.request for item in group.packages_on(native)]
    failed: NoPlanError | None = None
    for apt in minimal:
        try:
            with apt.preferring(own, priority=PREFERRED_HERE) as preferring:
                return preferring.plan(requests, recommends=group.recommends)
        except NoPlanError as error:
            failed = failed or error
    if failed:
        raise NoImageError(failed.words, failed.hint)
    return ()
