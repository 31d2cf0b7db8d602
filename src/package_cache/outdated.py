"""`outdated`: list newer versions in the archives, and OS releases past their end. Never changes a lock."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from debian.debian_support import Version

from package_cache.apt.solver import Offer
from package_cache.events import Listener, ignore
from package_cache.lock.model import Lock, LockedGroup, LockedPackage, LockedSystem
from package_cache.manifest.model import Manifest
from package_cache.names import PackageRequest
from package_cache.releases.distributions import Support, support_of
from package_cache.releases.sources import SystemSources
from package_cache.releases.system_apt import SystemApt, each_apt, each_system
from package_cache.resolve.groups import SYSTEMS_AT_ONCE
from package_cache.resolve.upgrade_policy import packages_of
from package_cache.settings import Options
from package_cache.threads import in_threads

SECURITY_SUITES = ("-security", "/updates")
"""Endings of the names of security suites; up to Debian 10 they are like `buster/updates`."""


@dataclass(frozen=True, order=True)
class OutdatedPackage:
    """A locked package with a newer version in the archives."""

    name: str
    architecture: str
    locked: str
    newest: str
    """The candidate version of apt."""
    suites: tuple[str, ...]
    """The suites with the newest version."""
    security: str | None
    """The newest version in a security suite, if it is newer than the locked one."""
    groups: tuple[str, ...]
    pinned: bool
    """Whether the manifest requests the locked version."""


@dataclass(frozen=True)
class OutdatedSystem:
    """One OS release on one architecture."""

    name: str
    architecture: str
    support: Support
    has_ended: bool
    """Whether its standard support has ended."""
    packages: tuple[OutdatedPackage, ...]


@dataclass(frozen=True)
class Outdated:
    """The result for all OS releases of a lock."""

    outdated: bool
    """Whether a package that the manifest does not pin has a newer version."""
    packages: int
    """Number of packages of all systems, including pinned ones."""
    security: int
    """Number of these with a newer version in a security suite."""
    systems: tuple[OutdatedSystem, ...]

    def for_security(self) -> "Outdated":
        """Return the same of only those packages that have a newer version in a security suite."""
        return _result(
            replace(system, packages=tuple(package for package in system.packages if package.security is not None))
            for system in self.systems
        )


def outdated(
    lock: Lock, manifest: Manifest, options: Options, today: datetime.date, listener: Listener = ignore
) -> Outdated:
    """Compare the packages of a lock with the archives. Raises what `make_lock` raises."""
    locked = {item.system: item for item in lock.systems}
    asked = [sources for sources in each_system(manifest, options, listener) if sources.system in locked]
    found = in_threads(lambda sources: _ask(sources, options, listener, locked[sources.system]), asked, SYSTEMS_AT_ONCE)
    systems = []
    for sources, packages in zip(asked, found, strict=True):
        system, support = sources.system, support_of(sources.system, today)
        systems.append(OutdatedSystem(system.name, system.architecture, support, support.has_ended, packages))
    return _result(systems)


def _result(systems: Iterable[OutdatedSystem]) -> Outdated:
    kept = tuple(systems)
    every = [package for system in kept for package in system.packages]
    return Outdated(
        any(not package.pinned for package in every),
        len(every),
        sum(package.security is not None for package in every),
        kept,
    )


def _ask(
    sources: SystemSources, options: Options, listener: Listener, locked: LockedSystem
) -> tuple[OutdatedPackage, ...]:
    """Return the outdated packages of one system, sorted."""
    found: dict[tuple[str, str], OutdatedPackage] = {}  # by key and newest version: precommands may add sources

    def compare(asked: SystemApt) -> None:
        names = {group.name for group in asked.groups}
        groups = [group for group in locked.groups if group.name in names]
        packages = packages_of(locked, names)
        offers = asked.apt.offers((package.name, package.architecture) for package in packages)
        for package in packages:
            offer = offers.get((package.name, package.architecture))
            if offer and offer.candidate and Version(offer.candidate) > Version(package.version):
                takers = [group for group in groups if package.key in group.own_packages]
                new = _package(package, offer.candidate, offer, takers)
                before = found.get((package.key, new.newest), new)
                both = tuple(sorted({*new.groups, *before.groups}))
                found[package.key, new.newest] = replace(new, groups=both, pinned=new.pinned or before.pinned)

    each_apt(sources, options, listener, compare)
    return tuple(sorted(found.values()))


def _package(package: LockedPackage, newest: str, offer: Offer, takers: Sequence[LockedGroup]) -> OutdatedPackage:
    requests = [PackageRequest.parse(text) for group in takers for text in group.requests]
    secured = [
        version for version, suites in offer.suites.items() if any(suite.endswith(SECURITY_SUITES) for suite in suites)
    ]
    newer = [version for version in secured if Version(version) > Version(package.version)]
    return OutdatedPackage(
        package.name,
        package.architecture,
        package.version,
        newest,
        offer.suites.get(newest, ()),
        max(newer, key=Version, default=None),
        tuple(group.name for group in takers),
        any((one.name, one.version) == (package.name, package.version) for one in requests),
    )
