"""A root of a release, from its distribution's archives: for precommands, images, the demo and the bench."""

from collections.abc import Sequence
from pathlib import Path

from package_cache.outside.apt.root import Source
from package_cache.outside.archives.distributions import Release
from package_cache.outside.roots.isolation import Isolation
from package_cache.outside.roots.releases import RootSource, make_root
from package_cache.verbs.archives.sources import archive_sources
from package_cache.verbs.options import Options


def release_root(release: Release, options: Options, isolation: Isolation, *, include: Sequence[str] = ()) -> Path:
    """Give a minimal root of a release with all updates and the packages `include`, kept below the state.

    Raises what `archive_sources` and `make_root` raise.
    """
    sources = archive_sources(release, options.mirrors, options)
    return make_root(root_source(release, sources), state=options.state, isolation=isolation, include=include)


def root_source(release: Release, sources: Sequence[Source]) -> RootSource:
    """Give what a root of a release is made from: its archives, each from the first of its mirrors."""
    lines = tuple(
        f"deb {'[check-valid-until=no] ' if source.allow_expired else ''}"
        f"{source.uris[0]} {suite} {' '.join(source.components)}"
        for source in sources
        for suite in source.suites
    )
    keyring = sources[0].keyring
    assert keyring is not None
    return RootSource(release.series, release.system.architecture, lines, keyring)
