"""`lock`: resolve every group of a manifest for every system, to exact versions, hashes and origins."""

import contextlib
import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from package_cache.outside.apt import Apt, NoPlanError, PlannedPackage
from package_cache.outside.apt_root import AptRoot, Source
from package_cache.outside.distributions import Release, release_of
from package_cache.outside.threads import in_threads
from package_cache.values.errors import ManifestError, Problem, UsageError
from package_cache.values.events import Listener, Step, Warn, ignore
from package_cache.values.lock import Lock, LockedGroup, LockedPackage, LockedRepository, LockedSystem
from package_cache.values.manifest import Group, Manifest, RequestedPackage
from package_cache.values.system import System
from package_cache.values.uris import without_credentials
from package_cache.verbs.options import Options
from package_cache.verbs.pins import pin_records, pins_for, pins_without_effect
from package_cache.verbs.precommands import prepared_apt
from package_cache.verbs.sources import archive_sources, repository_sources

SYSTEMS_AT_ONCE = 8
"""More than there are processors: most of the time goes by waiting for mirrors."""


def make_lock(manifest: Manifest, options: Options, listener: Listener = ignore) -> Lock:
    """Resolve a manifest with apt, from an empty dpkg status, all signatures verified.

    Raises `ManifestError` with every problem of every group, `ArchiveError` where no mirror answers,
    `VerificationError` where one cannot be trusted, `PrecommandError` where precommands fail.
    """
    releases = _releases(manifest)
    mirrors = options.mirrors_over(manifest.mirrors)
    for release in releases.values():  # before the threads: systems of one distribution share its keys
        archive_sources(release, mirrors, options, listener)
    _check_keys(manifest, releases, options)
    resolvers = [_Resolver(manifest, release, options, listener) for release in releases.values()]
    results = in_threads(_Resolver.resolve, resolvers, SYSTEMS_AT_ONCE)
    problems = [problem for _, found in results for problem in found]
    if problems:
        raise ManifestError("cannot lock this manifest", problems=sorted(problems, key=_in_order))
    return Lock(manifest.path.name, manifest.digest, tuple(sorted(system for system, _ in results)))


def _in_order(problem: Problem) -> tuple[str, int, int]:
    return problem.file or "", problem.line or 0, problem.column or 0


def _releases(manifest: Manifest) -> dict[System, Release]:
    """Find the release of each system. Raises `ManifestError` with every group whose system nobody knows."""
    found: dict[System, Release] = {}
    problems = []
    for group in manifest.groups:
        for system in group.systems:
            try:
                found[system] = release_of(system)
            except UsageError as error:
                problems.append(group.place.problem(error.message, error.hint))
                break
    if problems:
        raise ManifestError("cannot lock this manifest", problems=problems)
    return dict(sorted(found.items()))


def _check_keys(manifest: Manifest, systems: Iterable[System], options: Options) -> None:
    """Raise `ManifestError` with each key that no keyring has, whichever systems it is for."""
    problems: dict[Problem, None] = {}
    for system in systems:
        try:
            repository_sources(system, manifest.repositories, options)
        except ManifestError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ManifestError("cannot lock this manifest", problems=sorted(problems, key=_in_order))


@dataclass
class _Resolver:
    """Resolves all groups of a manifest for one system."""

    manifest: Manifest
    release: Release
    options: Options
    listener: Listener
    problems: list[Problem] = field(default_factory=list)
    packages: dict[str, LockedPackage] = field(default_factory=dict)
    repositories: dict[str, LockedRepository] = field(default_factory=dict)

    def resolve(self) -> tuple[LockedSystem, list[Problem]]:
        system = self.release.system
        groups = [group for group in self.manifest.groups if system in group.systems]
        mirrors = self.options.mirrors_over(self.manifest.mirrors)
        own = archive_sources(self.release, mirrors, self.options, self.listener)
        added = repository_sources(system, self.manifest.repositories, self.options)
        for source in added:
            if source.allow_unsigned:
                self.listener(
                    Warn(f"{source.name} is not signed: whoever can change {source.uris[0]} decides what it installs")
                )
        sources = (*own, *added)
        pins = pins_for(system, self.manifest.pins)
        architectures = _architectures(system, groups)
        locked = []
        plain = [group for group in groups if group.precommands is None]
        if plain:
            root = AptRoot(self.options.state, architectures, sources, pins=pin_records(pins), auth=self.options.auth)
            self.listener(Step(f"bringing the lists of packages for {system} up to date"))
            root.update()
            self.problems += pins_without_effect(pins, root.apt, system)
            self.listener(Step(f"resolving {', '.join(group.name for group in plain)} for {system}"))
            requests = [item.request for group in plain for item in group.packages_on(system.architecture)]
            with root.narrowed(requests, recommends=any(group.recommends for group in plain)) as narrow:
                locked += [self._group(group, root.apt, sources, narrow) for group in plain]
        for group in groups:
            if group.precommands is not None:
                with prepared_apt(
                    group.precommands,
                    self.release,
                    sources=own,
                    architectures=architectures,
                    options=self.options,
                    listener=self.listener,
                ) as apt:
                    locked.append(self._group(group, apt, sources))
        repositories = tuple(sorted(self.repositories.values(), key=lambda item: item.name))
        packages = tuple(sorted(self.packages.values()))
        return LockedSystem(system, repositories, tuple(sorted(filter(None, locked))), packages), self.problems

    def _group(
        self, group: Group, apt: Apt, sources: Sequence[Source], narrow: Apt | None = None
    ) -> LockedGroup | None:
        try:
            plan = _plan(group, self.release.system, apt, narrow)
        except NoPlanError as error:
            self.problems += _explain(error.words, group, apt, self.release.system)
            return None
        self.problems += _not_taken(group, {item.name for item in plan}, self.release.system)
        locked = [self._package(item, sources) for item in plan]
        size = sum(item.size for item in plan)
        if group.size_budget is not None and size > group.size_budget:
            message = f"group {group.name!r} takes {size} bytes for {self.release.system}"
            self.problems.append(group.place.problem(f"{message}, and its budget is {group.size_budget}"))
        return LockedGroup(
            group.name,
            tuple(str(item.request) for item in group.packages_on(self.release.system.architecture)),
            tuple(sorted(item.key for item in locked)),
            group.provides,
            group.recommends,
        )

    def _package(self, item: PlannedPackage, sources: Iterable[Source]) -> LockedPackage:
        repository = _repository(item, sources, {archive.name for archive in self.release.archives})
        self.repositories[repository.name] = repository
        locked = LockedPackage(
            item.name, item.version, item.architecture, item.size, item.sha256, repository.name, item.path
        )
        # Two repositories may hold different bytes of one version; the pool keeps both, the first one's is used.
        return self.packages.setdefault(locked.key, locked)


def _plan(group: Group, system: System, apt: Apt, narrow: Apt | None) -> Sequence[PlannedPackage]:
    """Plan a group, first by the `narrow` apt; what cannot be planned there, the other one explains."""
    requests = [item.request for item in group.packages_on(system.architecture)]
    if narrow is not None:
        with contextlib.suppress(NoPlanError):
            return narrow.plan(requests, recommends=group.recommends)
    return apt.plan(requests, recommends=group.recommends)


def _repository(item: PlannedPackage, sources: Iterable[Source], own: set[str]) -> LockedRepository:
    for source in sources:
        if item.base_uri in source.uris:
            return LockedRepository(source.name, None if source.name in own else without_credentials(source.uris[0]))
    uri = without_credentials(item.base_uri)  # a precommand's
    return LockedRepository(re.sub(r"^\w+:/*", "", uri), uri)


def _not_taken(group: Group, names: set[str], system: System) -> list[Problem]:
    """Give a problem for each request that apt answered with another package: a virtual name, or a pattern to it."""
    return [
        item.place.problem(f"{item.request.name!r} is no package of its own in {system.name}", "name a real package")
        for item in group.packages_on(system.architecture)
        if item.request.name not in names
    ]


def _architectures(system: System, groups: Iterable[Group]) -> list[str]:
    foreign = {item.request.architecture for group in groups for item in group.packages_on(system.architecture)}
    return [system.architecture, *sorted(name for name in foreign if name and name not in (system.architecture, "all"))]


_APT_SAYS = {
    "missing": re.compile(r"E: Unable to locate package (\S+)"),
    "virtual": re.compile(r"E: Package '?(\S+?)'? has no installation candidate"),
    "version": re.compile(r"E: Version .(\S+). for .(\S+). was not found"),
}


def _explain(words: str, group: Group, apt: Apt, system: System) -> list[Problem]:
    """Turn apt's words about a group into problems at the packages they name, else one at the group."""
    problems: list[Problem] = []
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
        problems += _at(group, system, name, message, "name a real package that provides it")
    for version, name in _APT_SAYS["version"].findall(words):
        there = ", ".join(apt.versions(name.partition(":")[0])) or "none"
        message = f"{name!r} has no version {version!r} in {_named(system, group)}"
        problems += _at(group, system, name, message, f"there are: {there}")
    if not problems:
        indented = words.replace("\n", "\n    ")
        problems.append(group.place.problem(f"group {group.name!r} cannot be installed in {system.name}:", indented))
    return problems


def _named(system: System, group: Group) -> str:
    """Name a system in a message; its architecture, too, where the group is for several."""
    return str(system) if len(group.architectures) > 1 else system.name


def _at(group: Group, system: System, name: str, message: str, hint: str) -> list[Problem]:
    def is_named(item: RequestedPackage) -> bool:
        request = item.request
        return name in (request.name, f"{request.name}:{request.architecture}")

    there = group.packages_on(system.architecture)
    places = [item.place for item in there if is_named(item)] or [group.place]
    return [place.problem(message, hint) for place in places]


def _near(name: str, names: Iterable[str]) -> list[str]:
    """Give names like a wrong one. Only those of about its length: difflib is slow over 70,000."""
    likely = [other for other in names if abs(len(other) - len(name)) <= 3 and set(other[:2]) & set(name[:2])]
    return difflib.get_close_matches(name, likely, n=3, cutoff=0.75)
