"""`outdated`: what the archives have newer than a lock, and which systems are past their end. Changes no lock."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from debian.debian_support import Version

from package_cache.outside.apt.solver import Offer
from package_cache.outside.archives.distributions import Release, Support, support_of
from package_cache.outside.threads import in_threads
from package_cache.values.events import Listener, ignore
from package_cache.values.lock import Lock, LockedPackage, LockedSystem
from package_cache.values.manifest import Manifest
from package_cache.values.names import PackageRequest
from package_cache.verbs.archives.system_apt import SystemApt, each_apt, known_releases
from package_cache.verbs.locking.lock import SYSTEMS_AT_ONCE
from package_cache.verbs.options import Options

SECURITY_SUITES = ("-security", "/updates")
"""How the names of suites of security updates end; Debian's to 10: `buster/updates`."""


@dataclass(frozen=True, order=True)
class OutdatedPackage:
    """A locked package of which the archives have a newer version."""

    name: str
    architecture: str
    locked: str
    newest: str
    """What apt would take."""
    suites: tuple[str, ...]
    """That hold the newest."""
    security: str | None
    """The newest version in a suite of security updates, where that is newer than the locked one."""
    groups: tuple[str, ...]
    pinned: bool
    """Whether the manifest asks for the locked version."""


@dataclass(frozen=True)
class OutdatedSystem:
    """One OS release on one architecture."""

    name: str
    architecture: str
    support: Support
    has_ended: bool
    """Whether its ordinary support is over."""
    packages: tuple[OutdatedPackage, ...]


@dataclass(frozen=True)
class Outdated:
    """Everything that was found."""

    outdated: bool
    """Whether something is newer that the manifest does not pin."""
    packages: int
    """How many of all systems, pinned ones among them."""
    security: int
    """How many of these have a newer version in a suite of security updates."""
    systems: tuple[OutdatedSystem, ...]


def outdated(
    lock: Lock, manifest: Manifest, options: Options, today: datetime.date, listener: Listener = ignore
) -> Outdated:
    """Ask the archives what they have of a lock's packages now. Raises what `make_lock` raises."""
    locked = {item.system: item for item in lock.systems}
    releases = [release for release in known_releases(manifest, options, listener) if release.system in locked]
    askers = [_Asker(manifest, release, options, listener, locked[release.system]) for release in releases]
    found = in_threads(_Asker.ask, askers, SYSTEMS_AT_ONCE)
    systems = []
    for release, packages in zip(releases, found, strict=True):
        support = support_of(release.system, today)
        systems.append(
            OutdatedSystem(
                release.system.name, release.system.architecture, support, support.has_ended, tuple(sorted(packages))
            )
        )
    every = [package for packages in found for package in packages]
    return Outdated(
        any(not package.pinned for package in every),
        len(every),
        sum(package.security is not None for package in every),
        tuple(systems),
    )


@dataclass
class _Asker:
    """Asks for one system."""

    manifest: Manifest
    release: Release
    options: Options
    listener: Listener
    locked: LockedSystem
    found: dict[tuple[str, str], OutdatedPackage] = field(default_factory=dict)
    """By the package's key and the newest version: groups with precommands may have other sources."""

    def ask(self) -> list[OutdatedPackage]:
        each_apt(self.manifest, self.release, self.options, self.listener, self._ask)
        return list(self.found.values())

    def _ask(self, asked: SystemApt) -> None:
        names = {group.name for group in asked.groups}
        groups = [group for group in self.locked.groups if group.name in names]
        keys = {key for group in groups for key in group.packages}
        packages = [package for package in self.locked.packages if package.key in keys]
        offers = asked.apt.offers((package.name, package.architecture) for package in packages)
        for package in packages:
            offer = offers.get((package.name, package.architecture))
            if offer and offer.candidate and Version(offer.candidate) > Version(package.version):
                takers = [group for group in groups if package.key in group.packages]
                requests = [request for group in takers for request in group.requests]
                self._note(package, offer.candidate, offer, [group.name for group in takers], requests)

    def _note(
        self, package: LockedPackage, newest: str, offer: Offer, groups: Sequence[str], requests: Sequence[str]
    ) -> None:
        before = self.found.get((package.key, newest))
        parsed = [PackageRequest.parse(text) for text in requests]
        self.found[package.key, newest] = OutdatedPackage(
            package.name,
            package.architecture,
            package.version,
            newest,
            offer.suites.get(newest, ()),
            _security(package.version, offer),
            tuple(sorted({*groups, *(before.groups if before else ())})),
            any((one.name, one.version) == (package.name, package.version) for one in parsed)
            or (before is not None and before.pinned),
        )


def _security(locked: str, offer: Offer) -> str | None:
    newer = [
        version
        for version, suites in offer.suites.items()
        if any(suite.endswith(SECURITY_SUITES) for suite in suites) and Version(version) > Version(locked)
    ]
    return max(newer, key=Version, default=None)
