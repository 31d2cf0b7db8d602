"""`outdated`: what the archives have newer than a lock, and which systems are past their end. Changes no lock."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

from debian.debian_support import Version

from package_cache.apt.solver import Offer
from package_cache.events import Listener, ignore
from package_cache.lock.model import Lock, LockedGroup, LockedPackage, LockedSystem
from package_cache.manifest.model import Manifest
from package_cache.names import PackageRequest
from package_cache.releases.distributions import Release, Support, support_of
from package_cache.releases.system_apt import SystemApt, each_apt, known_releases
from package_cache.resolve.groups import SYSTEMS_AT_ONCE
from package_cache.settings import Options
from package_cache.threads import in_threads

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
    found = in_threads(
        lambda release: _ask(manifest, release, options, listener, locked[release.system]), releases, SYSTEMS_AT_ONCE
    )
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


def _ask(
    manifest: Manifest, release: Release, options: Options, listener: Listener, locked: LockedSystem
) -> list[OutdatedPackage]:
    """Ask the archives for one system."""
    found: dict[tuple[str, str], OutdatedPackage] = {}  # by key and newest: precommands may add other sources

    def look(asked: SystemApt) -> None:
        names = {group.name for group in asked.groups}
        groups = [group for group in locked.groups if group.name in names]
        keys = {key for group in groups for key in group.own_packages}
        packages = [package for package in locked.packages if package.key in keys]
        offers = asked.apt.offers((package.name, package.architecture) for package in packages)
        for package in packages:
            offer = offers.get((package.name, package.architecture))
            if offer and offer.candidate and Version(offer.candidate) > Version(package.version):
                takers = [group for group in groups if package.key in group.own_packages]
                new = _package(package, offer.candidate, offer, takers)
                before = found.get((package.key, new.newest), new)
                both = tuple(sorted({*new.groups, *before.groups}))
                found[package.key, new.newest] = replace(new, groups=both, pinned=new.pinned or before.pinned)

    each_apt(manifest, release, options, listener, look)
    return list(found.values())


def _package(package: LockedPackage, newest: str, offer: Offer, takers: Sequence[LockedGroup]) -> OutdatedPackage:
    requests = [PackageRequest.parse(text) for group in takers for text in group.requests]
    return OutdatedPackage(
        package.name,
        package.architecture,
        package.version,
        newest,
        offer.suites.get(newest, ()),
        _security(package.version, offer),
        tuple(group.name for group in takers),
        any((one.name, one.version) == (package.name, package.version) for one in requests),
    )


def _security(locked: str, offer: Offer) -> str | None:
    newer = [
        version
        for version, suites in offer.suites.items()
        if any(suite.endswith(SECURITY_SUITES) for suite in suites) and Version(version) > Version(locked)
    ]
    return max(newer, key=Version, default=None)
