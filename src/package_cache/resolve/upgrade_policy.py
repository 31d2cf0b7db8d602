"""What stays when a manifest is locked again: the versions of the previous lock, as far as they can be kept."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from package_cache.apt.messages import unmet
from package_cache.apt.records import Place
from package_cache.apt.solver import Apt, NoPlanError, PlannedPackage
from package_cache.errors import UsageError
from package_cache.events import Listener, Warn
from package_cache.lock.model import Lock, LockedPackage, LockedSystem
from package_cache.manifest.model import Group, Manifest
from package_cache.system import System

Plans = Sequence[tuple[Group, Sequence[PlannedPackage] | NoPlanError]]


@dataclass(frozen=True)
class Keep:
    """The lock before, and what of it may change."""

    lock: Lock
    groups: frozenset[str] = frozenset()
    """Groups whose packages may all change."""
    packages: frozenset[str] = frozenset()
    """Names of packages that may change."""

    @classmethod
    def all_but(cls, names: Collection[str], lock: Lock, manifest: Manifest) -> "Keep":
        """Read names of groups or, where there is no such group, of packages. Raises `UsageError` with all unknown."""
        groups = {group.name for group in manifest.groups} | {
            group.name for system in lock.systems for group in system.groups
        }
        packages = {package.name for system in lock.systems for package in system.packages}
        unknown = [name for name in names if name not in groups and name not in packages]
        if unknown:
            raise UsageError(
                f"cannot upgrade {', '.join(map(repr, unknown))}: neither a group nor a package of the lock",
                hint=f"the groups there are: {', '.join(sorted(groups))}",
            )
        return cls(lock, frozenset(names) & groups, frozenset(names) - groups)


@dataclass
class Kept:
    """What one apt is to keep."""

    system: System
    packages: list[LockedPackage] = field(default_factory=list)

    @classmethod
    def of(cls, keep: Keep | None, groups: Iterable[Group], system: System) -> "Kept":
        """Choose from the lock before: what these groups took, and what others did where these took no version.

        What the manifest asks for in a certain version, and what may change in one group, is free in all groups of the
        system: then they go together, and share their files.
        """
        before = next((item for item in keep.lock.systems if item.system == system), None) if keep else None
        if keep is None or before is None:
            return cls(system)
        free = {*keep.packages, *(item.name for item in packages_of(before, keep.groups))}
        free |= {item.request.name for group in groups for item in group.packages if item.request.version}
        own = packages_of(before, {group.name for group in groups})
        known = {(item.name, item.architecture) for item in own}
        all_groups = packages_of(before, {group.name for group in before.groups})
        others = [item for item in all_groups if (item.name, item.architecture) not in known]
        return cls(system, [item for item in (*own, *others) if item.name not in free])

    def versions(self) -> dict[Place, str]:
        """Return the versions that are kept."""
        native = {"all": self.system.architecture}
        return {(item.name, native.get(item.architecture, item.architecture)): item.version for item in self.packages}

    def plan_all(self, groups: Sequence[Group], apt: Apt, narrow: Apt) -> Plans:
        """Plan groups with the same versions kept for all; what is in the way of one of them is free for all."""
        loose: set[str] = set()  # their kept versions conflict with others
        while True:
            held = [item for item in self.packages if item.name not in loose]
            wanted = [(item.name, item.version, item.architecture) for item in held]
            with apt.preferring(wanted) as strict, narrow.preferring(wanted) as fast:
                apts = (strict,) if narrow is apt else (fast, strict)
                plans = [(group, _plan(group, self.system, apts)) for group in groups]
            words = "\n".join(plan.words for _, plan in plans if isinstance(plan, NoPlanError))
            if not words or not held:
                return plans
            names = {item.name for item in held}
            loose |= names & {item.name.partition(":")[0] for item in unmet(words)} or names

    def tell_what_was_not(self, plan: Iterable[PlannedPackage], apt: Apt, listener: Listener) -> None:
        """Warn of what is not as it was, and say why."""
        taken: dict[tuple[str, str], dict[str, str]] = {}
        for item in plan:
            taken.setdefault((item.name, item.architecture), {})[item.version] = item.sha256
        gone, in_the_way = "the archive no longer has", "what is needed now does not go with"
        altered = "the archive has other bytes of"
        found: dict[str, dict[str, None]] = {gone: {}, in_the_way: {}, altered: {}}
        for old in sorted(self.packages):
            now = taken.get((old.name, old.architecture), {})
            if old.version not in now and now:
                why = in_the_way if old.version in apt.versions(old.name) else gone
                found[why][f"{old.name} {old.version} (now {', '.join(sorted(now))})"] = None
            elif now and now[old.version] != old.sha256:
                found[altered][f"{old.name} {old.version}"] = None
        for why, items in found.items():
            if items:
                listener(Warn(f"{self.system}: {why} {', '.join(items)}"))


def packages_of(system: LockedSystem, groups: Collection[str]) -> list[LockedPackage]:
    """Return the packages and companions of these groups."""
    keys = {key for group in system.groups if group.name in groups for key in group.own_packages}
    return [package for package in system.packages if package.key in keys]


def _plan(group: Group, system: System, apts: Sequence[Apt]) -> Sequence[PlannedPackage] | NoPlanError:
    """Plan a group by the first apt that can; what none can plan, the last one explains."""
    requests = [item.request for item in group.packages_on(system.architecture)]
    for apt in apts:
        try:
            return apt.plan(requests, recommends=group.recommends)
        except NoPlanError as error:
            failure = error
    return failure
