"""`lock`: resolve every group of a manifest for every system, to exact versions, hashes and origins."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from package_cache.apt.solver import NoPlanError, PlannedPackage
from package_cache.errors import ManifestError, Problem
from package_cache.events import Listener, Step, Warn, ignore
from package_cache.lock.model import Lock, LockedGroup, LockedPackage, LockedRelease, LockedRepository, LockedSystem
from package_cache.manifest.model import Group, Manifest
from package_cache.names import POLICY_NAME
from package_cache.releases.sources import SystemSources
from package_cache.releases.system_apt import SystemApt, each_apt, each_system
from package_cache.resolve.explanations import explain, not_answered, not_taken, pins_without_effect
from package_cache.resolve.release_images import NoImageError, additions
from package_cache.resolve.upgrade_policy import Keep, Kept
from package_cache.settings import Options
from package_cache.threads import in_threads
from package_cache.uris import without_credentials

SYSTEMS_AT_ONCE = 8
"""More than there are processors: most of the time goes by waiting for mirrors."""


def make_lock(manifest: Manifest, options: Options, listener: Listener = ignore, *, keep: Keep | None = None) -> Lock:
    """Resolve a manifest with apt, from an empty dpkg status, all signatures verified: to the newest there is.

    With `keep`, what an earlier lock has stays, wherever the archive still has it and the rest can go with it.
    Raises `ManifestError` with every problem of every group, `ArchiveError` where no mirror answers,
    `VerificationError` where one cannot be trusted, `PrecommandError` where precommands fail.
    """
    resolvers = [_Resolver(item, options, listener, keep) for item in each_system(manifest, options, listener)]
    systems = in_threads(_Resolver.resolve, resolvers, SYSTEMS_AT_ONCE)
    if problems := [problem for resolver in resolvers for problem in resolver.problems]:
        raise ManifestError("cannot lock this manifest", problems=sorted(problems, key=Problem.in_order))
    return Lock(manifest.path.name, manifest.digest, tuple(sorted(systems)))


@dataclass
class _Resolver:
    """Resolves all groups of a manifest for one system."""

    sources: SystemSources
    options: Options
    listener: Listener
    keep: Keep | None
    problems: list[Problem] = field(default_factory=list)
    groups: list[LockedGroup] = field(default_factory=list)
    packages: dict[str, LockedPackage] = field(default_factory=dict)
    repositories: dict[str, LockedRepository] = field(default_factory=dict)
    releases: dict[str, tuple[LockedRelease, ...]] = field(default_factory=dict)

    def resolve(self) -> LockedSystem:
        each_apt(self.sources, self.options, self.listener, self._resolve)
        vouched = (replace(item, releases=self.releases.get(item.name, ())) for item in self.repositories.values())
        repositories = tuple(sorted(vouched, key=lambda item: item.name))
        packages = tuple(sorted(self.packages.values()))
        return LockedSystem(self.sources.system, repositories, tuple(sorted(self.groups)), packages)

    def _resolve(self, asked: SystemApt) -> None:
        system = self.sources.system
        self.listener(Step(f"resolving {', '.join(group.name for group in asked.groups)} for {system}"))
        if asked.root is not None:
            self.problems += pins_without_effect(self.sources.pins, asked.apt, system)
            self.releases = asked.root.releases()
        kept = Kept.of(self.keep, asked.groups, system)
        with asked.narrowed() as narrow:
            found: list[tuple[Group, Sequence[PlannedPackage]]] = []
            for group, plan in kept.plan_all(asked.groups, asked.apt, narrow):
                if isinstance(plan, NoPlanError):
                    self.problems += explain(plan, group, asked.apt, system)
                else:
                    names = {item.name for item in plan}
                    self.problems += [*not_answered(group, names), *not_taken(group, names, asked.apt, system)]
                    found.append((group, plan))
            added = additions(found, asked.apt, narrow, foreign=self.sources.foreign, kept=kept.versions())
        for (group, plan), more in zip(found, added, strict=True):
            if isinstance(more, NoImageError):
                self.problems += explain(more, group, asked.apt, system)
            else:
                self.groups.append(self._group(group, plan, more))
        if not self.problems:
            kept.tell_what_was_not([item for _, plan in found for item in plan], asked.apt, self.listener)

    def _group(self, group: Group, plan: Sequence[PlannedPackage], more: Sequence[PlannedPackage]) -> LockedGroup:
        requested = group.packages_on(self.sources.system.architecture)
        for asked in requested:
            if not POLICY_NAME.fullmatch(asked.request.name):
                self.listener(
                    Warn(f"{asked.request.name!r} is no package name by Debian Policy 5.6.7, but dpkg accepts it")
                )
        locked, companions = ([self._package(item) for item in items] for items in (plan, more))
        size = sum(item.size for item in (*plan, *more))
        if group.size_budget is not None and size > group.size_budget:
            message = f"group {group.name!r} takes {size} bytes for {self.sources.system}"
            self.problems.append(group.place.problem(f"{message}, and its budget is {group.size_budget}"))
        return LockedGroup(
            group.name,
            tuple(str(item.request) for item in requested),
            tuple(sorted(item.key for item in locked)),
            group.provides,
            group.recommends,
            companions=tuple(sorted(item.key for item in companions)),
            debconf=tuple(answer for answer, _ in group.debconf if answer.package in {item.name for item in plan}),
        )

    def _package(self, item: PlannedPackage) -> LockedPackage:
        locked, repository = locked_package(item, self.sources)
        self.repositories[repository.name] = repository
        # Two repositories may hold different bytes of one version; the pool keeps both, the first one's is used.
        return self.packages.setdefault(locked.key, locked)


def locked_package(item: PlannedPackage, sources: SystemSources) -> tuple[LockedPackage, LockedRepository]:
    """Return a planned package as a lock has it, and the repository that it comes from."""
    source = next((source for source in sources.every if item.base_uri in source.uris), None)
    uri = without_credentials(source.uris[0] if source else item.base_uri)
    if source is None:  # a precommand's
        repository = LockedRepository(re.sub(r"^\w+:/*", "", uri), uri)
    else:
        repository = LockedRepository(source.name, None if source.is_archive else uri, source.allow_expired)
    locked = LockedPackage(
        item.name, item.version, item.architecture, item.size, item.sha256, repository.name, item.path, item.source
    )
    return locked, repository
