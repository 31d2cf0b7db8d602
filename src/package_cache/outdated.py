"""`outdated`: list newer versions in the archives, and OS releases past their end. Never changes a lock."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from debian.debian_support import Version

from package_cache.apt.solver import Offer
from package_cache.events import Listener, Step, ignore
from package_cache.lock.model import Lock, LockedGroup, LockedPackage, LockedSystem
from package_cache.manifest.model import Manifest
from package_cache.names import PackageRequest, SourcePackage
from package_cache.releases.distributions import Support, support_of
from package_cache.releases.sources import SystemSources
from package_cache.releases.system_apt import SystemApt, each_apt, each_system
from package_cache.resolve.groups import SYSTEMS_AT_ONCE
from package_cache.resolve.upgrade_policy import packages_of
from package_cache.settings import Options
from package_cache.threads import in_threads
from package_cache.vulnerabilities.model import Reader, Vulnerabilities

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
    fixes: tuple[str, ...] | None = None
    """The CVE numbers that the newest version fixes; None if nobody asked, or if nothing is known."""


@dataclass(frozen=True)
class OutdatedSystem:
    """One OS release on one architecture."""

    name: str
    architecture: str
    support: Support
    has_ended: bool
    """Whether its standard support has ended."""
    packages: tuple[OutdatedPackage, ...]
    unknown: tuple[str, ...] = ()
    """Why it is not known of packages what their newest versions fix, in sentences."""


@dataclass(frozen=True)
class _Update:
    """An outdated package, and between which versions of its source the update is; None if that is not known."""

    package: OutdatedPackage
    source: SourcePackage | None
    newest: str = ""


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
        systems = []
        for system in self.systems:
            kept = tuple(package for package in system.packages if package.security is not None)
            systems.append(replace(system, packages=kept, unknown=system.unknown if kept else ()))
        return _result(systems)


def outdated(
    lock: Lock,
    manifest: Manifest,
    options: Options,
    today: datetime.date,
    listener: Listener = ignore,
    *,
    read: Reader | None = None,
) -> Outdated:
    """Compare the packages of a lock with the archives; `read` gets the vulnerabilities that updates fix.

    Raises what `make_lock` and `read` raise.
    """
    locked = {item.system: item for item in lock.systems}
    asked = [sources for sources in each_system(manifest, options, listener) if sources.system in locked]
    found = in_threads(
        lambda sources: _ask(sources, options, listener, locked[sources.system], with_sources=read is not None),
        asked,
        SYSTEMS_AT_ONCE,
    )
    systems = []
    for sources, updates in zip(asked, found, strict=True):
        system, support = sources.system, support_of(sources.system, today)
        packages = tuple(update.package for update in updates)
        systems.append(OutdatedSystem(system.name, system.architecture, support, support.has_ended, packages))
    if read is not None and any(found):
        listener(Step("reading the vulnerability data"))
        systems = _with_fixes(systems, found, read)
    return _result(systems)


def _with_fixes(
    systems: Sequence[OutdatedSystem], found: Sequence[Sequence[_Update]], read: Reader
) -> list[OutdatedSystem]:
    wanted: dict[str, set[str]] = {}
    for system, updates in zip(systems, found, strict=True):
        if updates:
            names = {update.source.name for update in updates if update.source}
            wanted.setdefault(system.name, set()).update(names)
    known = read(wanted)
    return [_fixed_in(system, updates, known) for system, updates in zip(systems, found, strict=True)]


def _fixed_in(system: OutdatedSystem, updates: Sequence[_Update], known: Vulnerabilities) -> OutdatedSystem:
    if not updates:
        return system
    if missing := known.missing(system.name):
        return replace(system, unknown=(missing,))
    packages, without_source = [], []
    for update in updates:
        fixes = None
        if update.source is None:
            without_source.append(update.package.name)
        else:
            found = known.of(system.name, update.source, update.newest)
            fixes = tuple(dict.fromkeys(fix.vulnerability for fix in found))
        packages.append(replace(update.package, fixes=fixes))
    names = ", ".join(dict.fromkeys(without_source))
    sentence = f"no data on {names}: the lock does not name the source of the newest version; lock --keep adds sources"
    unknown = (sentence,) if names else ()
    return replace(system, packages=tuple(packages), unknown=unknown)


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
    sources: SystemSources, options: Options, listener: Listener, locked: LockedSystem, *, with_sources: bool
) -> tuple[_Update, ...]:
    """Return the outdated packages of one system, sorted."""
    found: dict[tuple[str, str], _Update] = {}  # by key and newest version: precommands may add sources

    def compare(asked: SystemApt) -> None:
        names = {group.name for group in asked.groups}
        groups = [group for group in locked.groups if group.name in names]
        packages = packages_of(locked, names)
        offers = asked.apt.offers((package.name, package.architecture) for package in packages)
        newer = []
        for package in packages:
            offer = offers.get((package.name, package.architecture))
            if offer and offer.candidate and Version(offer.candidate) > Version(package.version):
                newer.append((package, offer, offer.candidate))
        updated = [(package.name, newest, package.architecture) for package, _, newest in newer if with_sources]
        origins = asked.apt.sources(updated)
        for package, offer, newest in newer:
            takers = [group for group in groups if package.key in group.own_packages]
            new = _package(package, newest, offer, takers)
            before = found[package.key, newest].package if (package.key, newest) in found else new
            both = tuple(sorted({*new.groups, *before.groups}))
            merged = replace(new, groups=both, pinned=new.pinned or before.pinned)
            origin = origins.get((package.name, newest), SourcePackage(package.name, newest))
            found[package.key, newest] = _Update(merged, _locked_source(package, newest, origin), origin.version)

    each_apt(sources, options, listener, compare)
    return tuple(sorted(found.values(), key=lambda update: update.package))


def _locked_source(package: LockedPackage, newest: str, origin: SourcePackage) -> SourcePackage | None:
    """Return the source of a locked package, if it is that of the newest version, so that versions can be compared.

    Where the lock names no source, it is the package itself, or the lock is an old one: then the source of the newest
    version is taken, with the package's own version, unless the newest version's is another one than its source's.
    """
    if package.source or origin.name == package.name:
        found = SourcePackage.of(package.source, package.name, package.version)
    else:
        found = SourcePackage(origin.name if origin.version == newest else "", package.version)
    return found if found.name == origin.name else None


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
