"""The apts that resolve a system's groups: one for all plain groups, one for each group with precommands."""

import contextlib
import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from package_cache.apt.isolated import NO_ANSWER, AptRoot, Source
from package_cache.apt.solver import Apt
from package_cache.errors import ArchiveError, ManifestError, UsageError
from package_cache.events import Listener, Step, Warn
from package_cache.manifest.model import Group, Manifest
from package_cache.releases.distributions import Release, release_of, support_of
from package_cache.releases.pin_records import pin_records, pins_for
from package_cache.releases.precommands import precommand_isolation, prepared_apt
from package_cache.releases.sources import archive_sources, repository_sources, skipped_mirrors
from package_cache.settings import Options
from package_cache.system import System, foreign_beside
from package_cache.tools import need_for_lock


@dataclass(frozen=True)
class SystemApt:
    """An apt with current lists, and the groups that it resolves."""

    architecture: str
    """Of the system."""
    groups: tuple[Group, ...]
    sources: tuple[Source, ...]
    apt: Apt
    root: AptRoot | None = None
    """Its lists; None for the apt of a root in which precommands ran."""

    def narrowed(self) -> contextlib.AbstractContextManager[Apt | None]:
        """Return a context of an apt that plans these groups faster, or of None if there is none."""
        if self.root is None:
            return contextlib.nullcontext()
        packages = (item for group in self.groups for item in group.packages_on(self.architecture))
        requests = [item.request for item in packages]
        return self.root.narrowed(requests, recommends=any(group.recommends for group in self.groups))


def known_releases(manifest: Manifest, options: Options, listener: Listener) -> tuple[Release, ...]:
    """Return the release of each system, after fetching missing keys of its distribution.

    Raises `ManifestError` with every group of an unknown system, `ToolMissingError`, `PackageCacheError` if this
    machine cannot run the precommands of one.
    """
    need_for_lock(manifest, options)
    found: dict[System, Release] = {}
    problems = []
    for group in manifest.groups:
        for system in group.systems:
            try:
                found[system] = release_of(system)
            except UsageError as error:
                problems.append(group.place.problem(error.message, error.hint))
                break
    if problems:
        raise ManifestError("cannot lock this manifest", problems=problems)
    releases = tuple(release for _, release in sorted(found.items()))
    prepared = {system for group in manifest.groups if group.precommands is not None for system in group.systems}
    for system in sorted(prepared):  # before anything is downloaded
        precommand_isolation(found[system], options)
    mirrors = options.mirrors_over(manifest.mirrors)
    for uri in skipped_mirrors(releases, mirrors):
        listener(Warn(f"this machine's own apt source {uri} is left out: it is not the plain URI of a mirror"))
    for release in releases:  # before any threads: systems of one distribution share its keys
        archive_sources(release, mirrors, options, listener)
    return releases


def each_apt(
    manifest: Manifest,
    release: Release,
    options: Options,
    listener: Listener,
    use: Callable[[SystemApt], None],
    *,
    foreign: Iterable[str] = (),
) -> None:
    """Call `use` with each apt of a system, valid during the call, with `foreign` architectures as well.

    Raises `ArchiveError` and `VerificationError` if lists cannot be updated, and `PrecommandError`.
    """
    system = release.system
    groups = [group for group in manifest.groups if system in group.systems]
    own = archive_sources(release, options.mirrors_over(manifest.mirrors), options, listener)
    added = repository_sources(system, manifest.repositories, options)
    for source in added:
        if source.allow_unsigned:
            listener(Warn(f"{source.name} is not signed: whoever can change {source.uris[0]} decides what it installs"))
    for source in (*own, *added):
        if source.allow_expired:
            what = f"{source.name} for {system}"
            listener(Warn(f"lists of {what} are used however old they are: they may lack security updates"))
    beside = foreign_beside(system.architecture, manifest.companion_architectures)
    architectures = _architectures(system, groups, {*foreign, *beside})
    plain = tuple(group for group in groups if group.precommands is None)
    if plain:
        pins = pin_records(pins_for(system, manifest.pins))
        root = AptRoot(options.state, architectures, (*own, *added), pins=pins, auth=options.auth)
        listener(Step(f"bringing the lists of packages for {system} up to date"))
        with _telling_where_it_moved(system):
            root.update(listener)
        use(SystemApt(system.architecture, plain, (*own, *added), root.apt, root))
    for group in groups:
        if group.precommands is not None:
            line = f" (line {group.place.line})" if group.place.line else ""
            with (
                _telling_where_it_moved(system),
                prepared_apt(
                    group.precommands,
                    release,
                    sources=own,
                    architectures=architectures,
                    options=options,
                    listener=listener,
                    whose=f"the precommands of group {group.name!r}{line}",
                ) as apt,
            ):
                use(SystemApt(system.architecture, (group,), (*own, *added), apt))


@contextlib.contextmanager
def _telling_where_it_moved(system: System) -> Iterator[None]:
    """Add a next step to an error about an archive if mirrors may have dropped the release."""
    try:
        yield
    except ArchiveError as error:
        if error.hint == NO_ANSWER:
            error.hint = _where_it_moved(system) or error.hint
        raise


def _where_it_moved(system: System) -> str:
    """Return the next step if the release is past its support and mirrors may have dropped it, else ""."""
    support = support_of(system, datetime.datetime.now(datetime.UTC).date())
    if not support.has_ended:
        return ""
    name = f"name it with --mirror {system.distribution}=URI"
    if support.applies is None:
        return f"{system.name} is past its end of life; its archive has moved: {name}"
    ended = f"the standard support of {system.name} ended on {support.ends['eol']}"
    return f"check the network; {ended}: where its archive has moved since, {name}"


def _architectures(system: System, groups: Iterable[Group], foreign: Iterable[str]) -> Sequence[str]:
    asked = {item.request.architecture for group in groups for item in group.packages_on(system.architecture)}
    return [
        system.architecture,
        *sorted(name for name in asked.union(foreign) if name and name not in (system.architecture, "all")),
    ]
