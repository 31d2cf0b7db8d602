"""From a manifest and the user's options to the apt sources of one system, and from a lock's repository to URIs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from package_cache.outside.apt.root import Source
from package_cache.outside.archives.distributions import Archive, Release, release_of
from package_cache.outside.archives.keyrings import keyring_for
from package_cache.outside.archives.mirrors import mirrors_of
from package_cache.outside.archives.repository_keys import installed_keys, keyring_file
from package_cache.values.errors import ManifestError, Problem, UsageError
from package_cache.values.events import Listener, ignore
from package_cache.values.lock import LockedRepository, LockedSystem
from package_cache.values.manifest import Manifest, Repository
from package_cache.values.openpgp import PublicKey
from package_cache.values.system import System
from package_cache.verbs.options import Options

MirrorFinder = Callable[[LockedSystem, LockedRepository], Sequence[str]]
"""Gives the URIs from which a locked repository can be had, best first."""


def archive_sources(
    release: Release, mirrors: Mapping[str, Sequence[str]], options: Options, listener: Listener = ignore
) -> tuple[Source, ...]:
    """Give the sources of a release's own archives. May fetch the distribution's keys."""
    distribution = release.system.distribution
    keyring = options.keyrings.get(distribution) or keyring_for(
        distribution, state=options.state, chosen=mirrors, auth=options.auth, listener=listener
    )
    return tuple(_archive_source(archive, mirrors, keyring) for archive in release.archives)


def _archive_source(archive: Archive, mirrors: Mapping[str, Sequence[str]], keyring: Path) -> Source:
    return Source(
        name=archive.name,
        uris=mirrors_of(archive, mirrors),
        suites=archive.suites,
        components=archive.components,
        keyring=keyring.absolute(),
        trusted=f"the keys of {keyring}",
        is_archive=True,
    )


def repository_sources(system: System, repositories: Sequence[Repository], options: Options) -> tuple[Source, ...]:
    """Give the sources of those of a manifest's repositories that are for a system.

    Raises `ManifestError` with each whose key this machine does not have.
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
    """Say which keys are trusted, and where they stand."""
    if repository.trusted is None:
        return ""
    file = repository.trusted.file
    where = f"in {file}" if file else "in the manifest" if repository.trusted.keys else "of this machine"
    return f"{' or '.join(str(key) for key in keys)} {where}"


def mirror_finder(options: Options, manifest: Manifest) -> MirrorFinder:
    """Make the function that gives the URIs of a locked repository; the manifest may name further mirrors."""
    mirrors = options.mirrors_over(manifest.mirrors)

    def find(system: LockedSystem, repository: LockedRepository) -> Sequence[str]:
        if repository.uri is not None:
            return tuple(dict.fromkeys((*_uris_now(manifest, system.system, repository.name), repository.uri)))
        for archive in release_of(system.system).archives:
            if archive.name == repository.name:
                return mirrors_of(archive, mirrors)
        raise UsageError(f"cannot find the repository {repository.name!r} of {system.system.name}")

    return find


def _uris_now(manifest: Manifest, system: System, name: str) -> tuple[str, ...]:
    """Give the URIs that the manifest has for a repository of a system: a name may have others for another system."""
    for item in manifest.repositories:
        if item.name == name and (item.systems is None or system.name in item.systems):
            return tuple(uri.rstrip("/") for uri in item.uris)
    return ()
