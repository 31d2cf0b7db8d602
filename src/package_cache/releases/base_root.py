"""A root of a release, from its distribution's archives: for precommands, images, the demo and the bench."""

from collections.abc import Sequence
from pathlib import Path

from package_cache.apt.isolated import Source
from package_cache.releases.distributions import Release
from package_cache.releases.sources import archive_sources
from package_cache.sandbox.bootstrap import RootSource, make_root
from package_cache.sandbox.isolation import Isolation
from package_cache.settings import Options


def release_root(release: Release, options: Options, isolation: Isolation, *, include: Sequence[str] = ()) -> Path:
    """Return a minimal root of a release with all updates and the packages `include`, kept below the state.

    Raises what `archive_sources` and `make_root` raise.
    """
    source = root_source(release, archive_sources(release, options))
    return make_root(source, state=options.state, isolation=isolation, include=include)


def root_source(release: Release, sources: Sequence[Source]) -> RootSource:
    """Return the source of a release's root: its archives from their first mirrors, else from the next ones."""
    keyring = sources[0].keyring
    assert keyring is not None
    mirrors = [
        tuple(
            line for source in sources for line in source.one_line_style(source.uris[min(number, len(source.uris) - 1)])
        )
        for number in range(max(len(source.uris) for source in sources))
    ]
    return RootSource(release.series, release.system.architecture, mirrors[0], keyring, tuple(mirrors[1:]))
