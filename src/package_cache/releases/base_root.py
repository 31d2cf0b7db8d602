"""A root of a release, from its distribution's archives: for precommands, images, the demo and the bench."""

from collections.abc import Sequence
from pathlib import Path

from package_cache.apt.isolated import Source
from package_cache.errors import ArchiveError, VerificationError
from package_cache.events import Listener, ignore
from package_cache.releases.distributions import Release
from package_cache.releases.sources import archive_sources
from package_cache.sandbox.bootstrap import RootSource, make_root
from package_cache.sandbox.isolation import Isolation
from package_cache.settings import Options


def release_root(release: Release, options: Options, isolation: Isolation, *, include: Sequence[str] = ()) -> Path:
    """Return a minimal root of a release with all updates and the packages `include`, kept below the state.

    Raises what `archive_sources` and `make_root` raise.
    """
    sources = archive_sources(release, options)
    return root_from(release, sources, options, isolation, include=include)


def root_from(
    release: Release,
    sources: Sequence[Source],
    options: Options,
    isolation: Isolation,
    *,
    include: Sequence[str] = (),
    listener: Listener = ignore,
) -> Path:
    """Return such a root, made from the first mirrors or, if one of them fails, from the next ones."""
    last = max(len(source.uris) for source in sources) - 1
    for number in range(last + 1):
        source = root_source(release, sources, number)
        try:
            return make_root(source, state=options.state, isolation=isolation, include=include, listener=listener)
        except (ArchiveError, VerificationError):
            if number == last:
                raise
    raise AssertionError("a release has archives, and each has a mirror")


def root_source(release: Release, sources: Sequence[Source], mirror: int = 0) -> RootSource:
    """Return the source of a release's root: its archives, each from the mirror of that number, or its last."""
    chosen = ((source, source.uris[min(mirror, len(source.uris) - 1)]) for source in sources)
    lines = tuple(line for source, uri in chosen for line in source.one_line_style(uri))
    keyring = sources[0].keyring
    assert keyring is not None
    return RootSource(release.series, release.system.architecture, lines, keyring)
