"""The apt sources of each system, finished in one pass from the manifest and the user's options."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from package_cache.apt.isolated import Source
from package_cache.errors import ManifestError, Problem, UsageError
from package_cache.events import Listener, Warn, ignore
from package_cache.lock.model import LockedRepository, LockedSystem
from package_cache.manifest.model import Group, Manifest, Pin, Repository
from package_cache.openpgp import PublicKey
from package_cache.releases.distributions import Release, release_of
from package_cache.releases.keyrings import installed_keys, keyring_file, keyring_for
from package_cache.releases.mirrors import mirrors_of
from package_cache.settings import Options
from package_cache.system import COMPATIBLE, System

MirrorFinder = Callable[[LockedSystem, LockedRepository], Sequence[str]]
"""Returns the URIs of a locked repository, best first."""


@dataclass(frozen=True)
class SystemSources:
    """What a manifest and the user's options say about one system, ready for apt."""

    release: Release
    groups: tuple[Group, ...]
    own: tuple[Source, ...]
    """The release's own archives."""
    every: tuple[Source, ...]
    """These, and behind them the manifest's repositories."""
    pins: tuple[Pin, ...]
    architectures: tuple[str, ...]
    """Whose packages apt may plan: the system's own first."""
    foreign: tuple[str, ...]
    """Architectures beside its own of which its images may have packages."""

    @property
    def system(self) -> System:
        """The system itself."""
        return self.release.system

    def with_architectures(self, more: Iterable[str]) -> "SystemSources":
        """Return these sources for further architectures as well."""
        native, *others = self.architectures
        return replace(self, architectures=(native, *sorted({*others, *more} - {native, "all", ""})))


def system_sources(
    manifest: Manifest, release: Release, options: Options, listener: Listener = ignore
) -> SystemSources:
    """Return the sources of one system of a manifest, after fetching its distribution's keys if they are missing.

    Warn of each that is less trustworthy than others. Raises `ManifestError` with each repository whose key is missing
    on this machine, and what `keyring_for` raises.
    """
    system = release.system
    groups = tuple(group for group in manifest.groups if system in group.systems)
    added = _repository_sources([item for item in manifest.repositories if _is_for(item, system)], options)
    own = archive_sources(release, options.with_mirrors(manifest.mirrors), listener)
    every = (*own, *added)
    for source in added:
        if source.allow_unsigned:
            listener(Warn(f"{source.name} is not signed: whoever can change {source.uris[0]} decides what it installs"))
    for source in every:
        if source.allow_expired:
            what = f"{source.name} for {system}"
            listener(Warn(f"lists of {what} are used however old they are: they may lack security updates"))
    pins = tuple(pin for pin in manifest.pins if _is_for(pin, system))
    compatible = COMPATIBLE.get(system.architecture, ())
    foreign = tuple(name for name in compatible if name in manifest.companion_architectures)
    asked = {item.request.architecture or "" for group in groups for item in group.packages_on(system.architecture)}
    found = SystemSources(release, groups, own, every, pins, (system.architecture,), foreign)
    return found.with_architectures(asked.union(foreign))


def _is_for(item: Repository | Pin, system: System) -> bool:
    return item.systems is None or system.name in item.systems


def archive_sources(release: Release, options: Options, listener: Listener = ignore) -> tuple[Source, ...]:
    """Return the sources of a release's own archives. Raises what `keyring_for` raises."""
    keyring = keyring_for(release.system.distribution, options, listener)
    return tuple(
        Source(
            name=archive.name,
            uris=mirrors_of(archive, options.mirrors),
            suites=archive.suites,
            components=archive.components,
            keyring=keyring,
            trusted=f"the keys of {keyring}",
            allow_expired=options.allow_expired,
            is_archive=True,
        )
        for archive in release.archives
    )


def _repository_sources(repositories: Sequence[Repository], options: Options) -> tuple[Source, ...]:
    found: list[Source] = []
    problems: list[Problem] = []
    for item in repositories:
        keys: tuple[PublicKey, ...] = ()
        words = ""
        if trusted := item.trusted:
            keys = trusted.keys or tuple(installed_keys(trusted.fingerprints, gnupg=options.gnupg).values())
            where = f"in {trusted.file}" if trusted.file else "in the manifest" if trusted.keys else "of this machine"
            words = f"{' or '.join(map(str, keys))} {where}"
            hint = 'get it from its owner, check it, and put it beside the manifest: key = "keys/tools.asc"'
            problems += [
                trusted.place.problem(f"no keyring of this machine or of this user has the key {fingerprint}", hint)
                for fingerprint in (() if trusted.keys else trusted.fingerprints)
                if fingerprint not in {key.fingerprint for key in keys}
            ]
        found.append(
            Source(
                name=item.name,
                uris=tuple(uri.rstrip("/") for uri in item.uris),
                suites=(item.suite,),
                components=item.components,
                keyring=keyring_file(keys, options.state) if keys else None,
                trusted=words,
                allow_unsigned=item.allow_unsigned,
                allow_expired=item.allow_expired or options.allow_expired,
                priority=item.priority,
            )
        )
    if problems:
        raise ManifestError("cannot lock this manifest", problems=problems)
    return tuple(found)


def mirror_finder(options: Options, manifest: Manifest) -> MirrorFinder:
    """Return a function that returns the URIs of a locked repository; the manifest may add mirrors.

    Snapshots come last. Raises `UsageError` if the user named a snapshot of an unknown archive or repository.
    """
    mirrors = options.with_mirrors(manifest.mirrors).mirrors
    systems = {system for group in manifest.groups for system in group.systems}
    names = {archive.name for system in systems for archive in release_of(system).archives}
    names.update(item.name for item in manifest.repositories)
    if unknown := sorted(options.snapshots.keys() - names):
        message = f"cannot use a snapshot of {unknown[0]!r}: the manifest has no such archive or repository"
        raise UsageError(message, hint=f"there are: {', '.join(sorted(names))}")

    def find(system: LockedSystem, repository: LockedRepository) -> Sequence[str]:
        name = repository.name
        same = (item for item in manifest.repositories if item.name == name and _is_for(item, system.system))
        now = next(same, None)
        if repository.uri is not None:
            found = (*(now.uris if now else ()), repository.uri)
            kept = now.snapshot if now else None
        else:
            archive = next((item for item in release_of(system.system).archives if item.name == name), None)
            if archive is None:
                raise UsageError(f"cannot find the repository {name!r} of {system.system.name}")
            found = mirrors_of(archive, mirrors)
            kept = manifest.snapshots.get(name)
        last = options.snapshots.get(name) or ((kept,) if kept else ())
        return tuple(dict.fromkeys(uri.rstrip("/") for uri in (*found, *last)))

    return find
