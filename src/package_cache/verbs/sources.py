"""From a manifest and the user's options to the apt sources of one system, and from a lock's repository to URIs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from package_cache.outside.apt_root import Source
from package_cache.outside.distributions import Archive, Release, release_of
from package_cache.outside.keyrings import keyring_for
from package_cache.outside.mirrors import mirrors_of
from package_cache.values.errors import UsageError
from package_cache.values.events import Listener, ignore
from package_cache.values.lock import LockedRepository, LockedSystem
from package_cache.values.manifest import Manifest, Repository
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
        distribution, state=options.state, chosen=mirrors, listener=listener
    )
    return tuple(_archive_source(archive, mirrors, keyring) for archive in release.archives)


def _archive_source(archive: Archive, mirrors: Mapping[str, Sequence[str]], keyring: Path) -> Source:
    return Source(archive.name, mirrors_of(archive, mirrors), archive.suites, archive.components, keyring.absolute())


def repository_sources(system: System, repositories: Sequence[Repository]) -> tuple[Source, ...]:
    """Give the sources of those of a manifest's repositories that are for a system."""
    return tuple(
        Source(
            name=item.name,
            uris=tuple(uri.rstrip("/") for uri in item.uris),
            suites=(item.suite,),
            components=item.components,
            keyring=item.key.absolute() if item.key else None,
            allow_unsigned=item.allow_unsigned,
            priority=item.priority,
        )
        for item in repositories
        if item.systems is None or system.name in item.systems
    )


def mirror_finder(options: Options, manifest: Manifest | None = None) -> MirrorFinder:
    """Make the function that gives the URIs of a locked repository; the manifest may name further mirrors."""
    extra = {item.name: item.uris for item in manifest.repositories} if manifest else {}
    mirrors = options.mirrors_over(manifest.mirrors if manifest else {})

    def find(system: LockedSystem, repository: LockedRepository) -> Sequence[str]:
        if repository.uri is not None:
            return tuple(dict.fromkeys((*extra.get(repository.name, ()), repository.uri)))
        for archive in release_of(system.system).archives:
            if archive.name == repository.name:
                return mirrors_of(archive, mirrors)
        raise UsageError(f"cannot find the repository {repository.name!r} of {system.system.name}")

    return find
