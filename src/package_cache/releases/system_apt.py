"""The systems of a manifest, and the apts that resolve their groups: one for all plain groups, one for each other."""

import contextlib
import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from package_cache.apt.isolated import AptRoot
from package_cache.apt.messages import NO_ANSWER
from package_cache.apt.preferences import stanza
from package_cache.apt.solver import Apt
from package_cache.errors import ArchiveError, ManifestError, Problem, UsageError
from package_cache.events import Listener, Step, Warn
from package_cache.manifest.model import Group, Manifest
from package_cache.releases.distributions import Release, release_of, support_of
from package_cache.releases.mirrors import host_mirrors
from package_cache.releases.precommands import precommand_isolation, prepared_apt
from package_cache.releases.sources import SystemSources, system_sources
from package_cache.settings import Options
from package_cache.system import System
from package_cache.tools import need_for_lock


@dataclass(frozen=True)
class SystemApt:
    """An apt with current lists, and the groups that it resolves."""

    of: SystemSources
    groups: tuple[Group, ...]
    apt: Apt
    root: AptRoot | None = None
    """Its lists; None for the apt of a root in which precommands ran."""

    def narrowed(self) -> contextlib.AbstractContextManager[Apt]:
        """Return a context of an apt that plans these groups faster, if there is one, else of `apt`."""
        architecture = self.of.system.architecture
        requests = [item.request for group in self.groups for item in group.packages_on(architecture)]
        recommends = any(group.recommends for group in self.groups)
        return self.root.narrowed(requests, recommends=recommends) if self.root else contextlib.nullcontext(self.apt)


def each_system(manifest: Manifest, options: Options, listener: Listener) -> tuple[SystemSources, ...]:
    """Return the sources of each system of a manifest, in order.

    Tools, releases and the isolation for precommands are checked before the keys of a distribution are fetched, and
    these are fetched before any threads start: systems of one distribution share them. Raises `ManifestError` with
    every group of an unknown system, else with every repository whose key is missing, `ToolMissingError`,
    `PackageCacheError` if this machine cannot run the precommands of one, and what `keyring_for` raises.
    """
    need_for_lock(manifest, options)
    known: dict[System, Release] = {}
    unknown = []
    for group in manifest.groups:
        try:
            known.update((system, release_of(system)) for system in group.systems)
        except UsageError as error:
            unknown.append(group.place.problem(error.message, error.hint))
    if unknown:
        raise ManifestError("cannot lock this manifest", problems=unknown)
    releases = [known[system] for system in sorted(known)]
    prepared = {system for group in manifest.groups if group.precommands is not None for system in group.systems}
    for release in releases:
        if release.system in prepared:
            precommand_isolation(release, options)
    mirrors = options.with_mirrors(manifest.mirrors).mirrors
    archives = (archive for release in releases for archive in release.archives if archive.name not in mirrors)
    for uri in dict.fromkeys(uri for archive in archives for uri in host_mirrors(archive).skipped):
        listener(Warn(f"this machine's own apt source {uri} is left out: it is not the plain URI of a mirror"))
    found: list[SystemSources] = []
    problems: dict[Problem, None] = {}
    for release in releases:
        try:
            found.append(system_sources(manifest, release, options, listener))
        except ManifestError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ManifestError("cannot lock this manifest", problems=sorted(problems, key=Problem.in_order))
    return tuple(found)


def each_apt(sources: SystemSources, options: Options, listener: Listener, use: Callable[[SystemApt], None]) -> None:
    """Call `use` with each apt of a system, valid during the call.

    Raises `ArchiveError` and `VerificationError` if lists cannot be updated, and `PrecommandError`.
    """
    plain = tuple(group for group in sources.groups if group.precommands is None)
    if plain:
        pins = [stanza(pin.packages, pin.priority, version=pin.version, source=pin.repository) for pin in sources.pins]
        root = AptRoot(options.state, sources.architectures, sources.every, pins=pins, auth=options.auth)
        listener(Step(f"bringing the lists of packages for {sources.system} up to date"))
        with _telling_where_it_moved(sources.system):
            root.update(listener)
        use(SystemApt(sources, plain, root.apt, root))
    for group in sources.groups:
        if group.precommands is not None:
            with _telling_where_it_moved(sources.system), prepared_apt(group, sources, options, listener) as apt:
                use(SystemApt(sources, (group,), apt))


@contextlib.contextmanager
def _telling_where_it_moved(system: System) -> Iterator[None]:
    """Add a next step to an error about an archive if the release is past its support: mirrors may have dropped it."""
    try:
        yield
    except ArchiveError as error:
        support = support_of(system, datetime.datetime.now(datetime.UTC).date())
        if error.hint == NO_ANSWER and support.has_ended:
            name = f"name it with --mirror {system.distribution}=URI"
            if support.applies is None:
                error.hint = f"{system.name} is past its end of life; its archive has moved: {name}"
            else:
                ended = f"the standard support of {system.name} ended on {support.ends['eol']}"
                error.hint = f"check the network; {ended}: where its archive has moved since, {name}"
        raise
