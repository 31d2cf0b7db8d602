"""The apt sources of one system, from the manifest and the user's options; the URIs of a locked repository."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from package_cache.apt.isolated import Source
from package_cache.errors import ManifestError, Problem, UsageError
from package_cache.events import Listener, ignore
from package_cache.lock.model import LockedRepository, LockedSystem
from package_cache.manifest.model import Manifest, Repository
from package_cache.openpgp import PublicKey
from package_cache.releases.distributions import Release, release_of
from package_cache.releases.keyrings import keyring_for
from package_cache.releases.mirrors import host_mirrors, mirrors_of
from package_cache.releases.third_party_keys import installed_keys, keyring_file
from package_cache.settings import Options
from package_cache.system import System

MirrorFinder = Callable[[LockedSystem, LockedRepository], Sequence[str]]
"""Returns the URIs of a locked repository, best first."""


def archive_sources(
    release: Release, mirrors: Mapping[str, Sequence[str]], options: Options, listener: Listener = ignore
) -> tuple[Source, ...]:
    """Return the sources of a release's own archives. Fetch the distribution's keys if they are missing."""
    distribution = release.system.distribution
    keyring = options.keyrings.get(distribution) or keyring_for(
        distribution, state=options.state, chosen=mirrors, auth=options.auth, listener=listener
    )
    return tuple(
        Source(
            name=archive.name,
            uris=mirrors_of(archive, mirrors),
            suites=archive.suites,
            components=archive.components,
            keyring=keyring,
            trusted=f"the keys of {keyring}",
            allow_expired=options.allow_expired,
            is_archive=True,
        )
        for archive in release.archives
    )


def skipped_mirrors(releases: Iterable[Release], mirrors: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return this machine's unusable sources of these releases, unless the user named mirrors."""
    archives = {archive.name: archive for release in releases for archive in release.archives}
    skipped = [uri for name, item in archives.items() if name not in mirrors for uri in host_mirrors(item).skipped]
    return tuple(dict.fromkeys(skipped))


def repository_sources(system: System, repositories: Sequence[Repository], options: Options) -> tuple[Source, ...]:
    """Return the sources of a manifest's repositories that apply to a system.

    Raises `ManifestError` with each repository whose key is missing on this machine.
    """
    own = [item for item in repositories if item.systems is None or system.name in item.systems]
    keys = [_keys(item, options) for item in own]
    problems = [problem for item, found in zip(own, keys, strict=True) for problem in _lacking(item, found)]
    if problems:
        raise ManifestError("cannot lock this manifest", problems=problems)
    return tuple(
        Source(
            name=item.name,
            uris=tuple(uri.rstrip("/") for uri in item.uris),
            suites=(item.suite,),
            components=item.components,
            keyring=keyring_file(found, options.state) if found else None,
            trusted=_words(item, found),
            allow_unsigned=item.allow_unsigned,
            allow_expired=item.allow_expired or options.allow_expired,
            priority=item.priority,
        )
        for item, found in zip(own, keys, strict=True)
    )


def _keys(repository: Repository, options: Options) -> tuple[PublicKey, ...]:
    trusted = repository.trusted
    if trusted is None or trusted.keys:
        return trusted.keys if trusted else ()
    return tuple(installed_keys(trusted.fingerprints, gnupg=options.gnupg).values())


def _lacking(repository: Repository, found: Sequence[PublicKey]) -> list[Problem]:
    trusted = repository.trusted
    if trusted is None or trusted.keys:
        return []
    there = {key.fingerprint for key in found}
    hint = 'get it from its owner, check it, and put it beside the manifest: key = "keys/tools.asc"'
    return [
        trusted.place.problem(f"no keyring of this machine or of this user has the key {fingerprint}", hint)
        for fingerprint in trusted.fingerprints
        if fingerprint not in there
    ]


def _words(repository: Repository, keys: Sequence[PublicKey]) -> str:
    """Return the trusted keys and their location, for messages."""
    if repository.trusted is None:
        return ""
    file = repository.trusted.file
    where = f"in {file}" if file else "in the manifest" if repository.trusted.keys else "of this machine"
    return f"{' or '.join(str(key) for key in keys)} {where}"


def mirror_finder(options: Options, manifest: Manifest) -> MirrorFinder:
    """Return a function that returns the URIs of a locked repository; the manifest may add mirrors.

    Snapshots come last. Raises `UsageError` if the user named a snapshot of an unknown archive or repository.
    """
    mirrors = options.mirrors_over(manifest.mirrors)
    systems = {system for group in manifest.groups for system in group.systems}
    names = {archive.name for system in systems for archive in release_of(system).archives}
    names.update(item.name for item in manifest.repositories)
    if unknown := sorted(options.snapshots.keys() - names):
        message = f"cannot use a snapshot of {unknown[0]!r}: the manifest has no such archive or repository"
        raise UsageError(message, hint=f"there are: {', '.join(sorted(names))}")

    def find(system: LockedSystem, repository: LockedRepository) -> Sequence[str]:
        name, now = repository.name, _now(manifest, system.system, repository.name)
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


def _now(manifest: Manifest, system: System, name: str) -> Repository | None:
    """Return the manifest's repository of a name for a system: another system may have another one of that name."""
    for item in manifest.repositories:
        if item.name == name and (item.systems is None or system.name in item.systems):
            return item
    return None
