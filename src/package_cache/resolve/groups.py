"""`lock`: resolve every group of a manifest for every system, to exact versions, hashes and origins."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from package_cache.apt.solver import Apt, NoPlanError, PlannedPackage
from package_cache.apt.unmet import NOT_CHOSEN, NOT_INSTALLABLE, Unmet, unmet
from package_cache.errors import ManifestError, Problem
from package_cache.events import Listener, Step, Warn, ignore
from package_cache.lock.model import Lock, LockedGroup, LockedPackage, LockedRepository, LockedSystem
from package_cache.manifest.model import Group, Manifest, RequestedPackage
from package_cache.names import POLICY_NAME
from package_cache.releases.sources import SystemSources
from package_cache.releases.system_apt import SystemApt, each_apt, each_system
from package_cache.resolve.pins import pins_without_effect
from package_cache.resolve.release_images import NoImageError, beside
from package_cache.resolve.upgrade_policy import Keep, Kept
from package_cache.settings import Options
from package_cache.system import System
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
    results = in_threads(_Resolver.resolve, resolvers, SYSTEMS_AT_ONCE)
    problems = [problem for _, found in results for problem in found]
    if problems:
        raise ManifestError("cannot lock this manifest", problems=sorted(problems, key=Problem.in_order))
    return Lock(manifest.path.name, manifest.digest, tuple(sorted(system for system, _ in results)))


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

    def resolve(self) -> tuple[LockedSystem, list[Problem]]:
        each_apt(self.sources, self.options, self.listener, self._resolve)
        repositories = tuple(sorted(self.repositories.values(), key=lambda item: item.name))
        packages = tuple(sorted(self.packages.values()))
        return LockedSystem(self.sources.system, repositories, tuple(sorted(self.groups)), packages), self.problems

    def _resolve(self, asked: SystemApt) -> None:
        system = self.sources.system
        self.listener(Step(f"resolving {', '.join(group.name for group in asked.groups)} for {system}"))
        if asked.root is not None:
            self.problems += pins_without_effect(self.sources.pins, asked.apt, system)
        kept = Kept.of(self.keep, asked.groups, system)
        with asked.narrowed() as narrow:
            found: list[tuple[Group, Sequence[PlannedPackage]]] = []
            for group, plan in kept.plan_all(asked.groups, asked.apt, narrow):
                if isinstance(plan, NoPlanError):
                    self.problems += _explain(plan, group, asked.apt, system)
                else:
                    names = {item.name for item in plan}
                    self.problems += [*_not_answered(group, names), *_not_taken(group, names, asked.apt, system)]
                    found.append((group, plan))
            versions = kept.versions(system.architecture)
            added = beside(found, asked.apt, narrow, foreign=self.sources.foreign, kept=versions)
        for (group, plan), more in zip(found, added, strict=True):
            if isinstance(more, NoImageError):
                self.problems += _explain(more, group, asked.apt, system)
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
    repository = _repository(item, sources)
    locked = LockedPackage(
        item.name, item.version, item.architecture, item.size, item.sha256, repository.name, item.path
    )
    return locked, repository


def _repository(item: PlannedPackage, sources: SystemSources) -> LockedRepository:
    for source in sources.every:
        if item.base_uri in source.uris:
            uri = None if source.is_archive else without_credentials(source.uris[0])
            return LockedRepository(source.name, uri, source.allow_expired)
    uri = without_credentials(item.base_uri)  # a precommand's
    return LockedRepository(re.sub(r"^\w+:/*", "", uri), uri)


def _not_taken(group: Group, names: set[str], apt: Apt, system: System) -> list[Problem]:
    """Return a problem for each request that apt answered with another package: a virtual name, or a pattern to it."""
    return [
        item.place.problem(
            f"{item.request.name!r} is no package of its own in {system.name}", _real(item.request.name, apt)
        )
        for item in group.packages_on(system.architecture)
        if item.request.name not in names
    ]


MOST_NAMES = 20
"""Of providers in a message: some names that interpreters provide have hundreds."""


def _real(name: str, apt: Apt) -> str:
    """Return which real packages can be asked for instead of a virtual one."""
    names = apt.providers(name)
    if not names:
        return "name another package: none that apt would take provides it"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"name a real package that provides it: {', '.join(names[:MOST_NAMES])}{more}"


def _not_answered(group: Group, names: set[str]) -> list[Problem]:
    """Return a problem for each answer to a package that a group takes nowhere."""
    return [
        place.problem(f"the group does not install {answer.package!r}", "name one of the packages that it installs")
        for answer, place in group.debconf
        if answer.package not in names and len(group.architectures) == 1
    ]


_APT_SAYS = {
    "missing": re.compile(r"E: Unable to locate package (\S+)"),
    "virtual": re.compile(r"E: Package '?(\S+?)'? has no installation candidate"),
    "version": re.compile(r"E: Version .(\S+). for .(\S+). was not found"),
}


def _explain(error: NoPlanError, group: Group, apt: Apt, system: System) -> list[Problem]:
    """Turn apt's words about a group into problems at the packages they name, else one at the group."""
    problems: list[Problem] = []
    words = error.words
    for name in _APT_SAYS["missing"].findall(words):
        near = ", ".join(_near(name.partition(":")[0], apt.names()))
        hint = f"near names: {near}" if near else "look it up in the distribution's package search"
        others = [other for other in group.architectures if other != system.architecture]
        if others:
            some = ", ".join(f'"{other}"' for other in others)
            hint = f'{hint}\n    where only others have it: {{ name = "{name}", architectures = [{some}] }}'
        problems += _at(group, system, name, f"there is no package {name!r} in {_named(system, group)}", hint)
    for name in _APT_SAYS["virtual"].findall(words):
        message = f"{name!r} is a virtual package or one that only others mention, in {_named(system, group)}"
        problems += _at(group, system, name, message, _real(name.partition(":")[0], apt))
    for version, name in _APT_SAYS["version"].findall(words):
        there = ", ".join(apt.versions(name.partition(":")[0])) or "none"
        message = f"{name!r} has no version {version!r} in {_named(system, group)}"
        problems += _at(group, system, name, message, f"there are: {there}")
    if not problems:
        indented = words.replace("\n", "\n    ")
        where, hint = system.name, error.hint or _next_step(words)
        if isinstance(error, NoImageError):
            hint = f"ask for another package or version: every image of {where} has what is in the way"
            where = f"any image of {where}"
        problems.append(
            group.place.problem(f"group {group.name!r} cannot be installed in {where}:\n    {indented}", hint)
        )
    return problems


def _next_step(words: str) -> str:
    """Return the next step where apt found no plan, by the first kind of obstacle that it names."""
    found = [item for item in unmet(words) if item.relation in ("Depends", "Pre-Depends", "Recommends")]
    nowhere = [item for item in found if NOT_INSTALLABLE in item.said]
    later = [item for item in found if NOT_CHOSEN in item.said]
    if nowhere:
        return f"name a repository that has {_listed(nowhere)}: a [[repository]] in package-cache.toml"
    if found and len(later) == len(found):
        names = ", ".join(dict.fromkeys(item.name for item in later))
        return f"ask for {names} as well, among the packages: then apt says what is in the way"
    if found:
        request = f"{found[0].package.partition(':')[0]}=VERSION"
        return f"name a version that goes with the others, such as {request}, or a repository that has {_listed(found)}"
    return "put what does not go together into groups of their own, or name other versions, such as NAME=VERSION"


def _listed(relations: Iterable[Unmet]) -> str:
    return ", ".join(dict.fromkeys(f"{item.name} {item.version}".rstrip() for item in relations))


def _named(system: System, group: Group) -> str:
    """Return the name of a system for a message, with its architecture if the group is for several."""
    return str(system) if len(group.architectures) > 1 else system.name


def _at(group: Group, system: System, name: str, message: str, hint: str) -> list[Problem]:
    def is_named(item: RequestedPackage) -> bool:
        request = item.request
        return name in (request.name, f"{request.name}:{request.architecture}")

    there = group.packages_on(system.architecture)
    places = [item.place for item in there if is_named(item)] or [group.place]
    return [place.problem(message, hint) for place in places]


def _near(name: str, names: Iterable[str]) -> list[str]:
    """Return names like a wrong one. Only those of about its length: difflib is slow over 70,000."""
    likely = [other for other in names if abs(len(other) - len(name)) <= 3 and set(other[:2]) & set(name[:2])]
    return difflib.get_close_matches(name, likely, n=3, cutoff=0.75)
