"""`lock --for`: what an image needs where a group's own packages do not fit it, added to a lock (docs/skew.md).

Apt plans against the dpkg status of the image, out of all that the archives have. Where that comes to nothing but the
group's own packages, they fit; else all that it would install becomes a set of its own beside them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from debian.deb822 import Deb822

from package_cache.apt.messages import unmet
from package_cache.apt.solver import Apt, NoPlanError, PlannedPackage
from package_cache.check.target import SeenSystem, opened
from package_cache.errors import ManifestError, PackageCacheError, Problem, UsageError
from package_cache.events import Listener, Step, ignore
from package_cache.lock.model import ImageSet, Lock, LockedGroup, LockedPackage, LockedSystem
from package_cache.manifest.model import Manifest
from package_cache.names import PACKAGE_NAME, VERSION, PackageRequest
from package_cache.releases.distributions import release_of
from package_cache.releases.sources import SystemSources, system_sources
from package_cache.releases.system_apt import SystemApt, each_apt
from package_cache.resolve.groups import locked_package
from package_cache.resolve.release_images import PREFERRED_HERE
from package_cache.resolve.target_images import ImageToLock
from package_cache.settings import Options
from package_cache.system import System
from package_cache.tools import need_for_lock

FITS_NOTHING = (
    "upgrade the image, or leave the group to the image's fallback: in an [[image]], groups = [...] names the others"
)


def lock_for_images(
    lock: Lock, images: Sequence[ImageToLock], manifest: Manifest, options: Options, listener: Listener = ignore
) -> Lock:
    """Return the lock with what each of these images needs; what it has for others stays.

    Raise `UsageError` if an image is of no system of the lock, `ManifestError` with each group that cannot be
    installed in one of them, what `opened` raises where one cannot be looked at, and what `make_lock` raises.
    """
    need_for_lock(manifest, options, [image.where.image for image in images])
    seen: dict[System, list[tuple[ImageToLock, SeenSystem]]] = {}
    for image in images:
        system, found = _seen(image, lock, options, listener)
        seen.setdefault(system, []).append((image, found))
    systems = []
    problems: list[Problem] = []
    for before in lock.systems:
        after = _without(before, {image.locked.name for image in images})
        if before.system in seen:
            foreign = [name for _, found in seen[before.system] for name in found.architectures]
            sources = system_sources(manifest, release_of(before.system), options, listener)
            adder = _Adder(after, seen[before.system], sources.with_architectures(foreign), listener)
            each_apt(adder.sources, options, listener, adder.add)
            problems += adder.problems
            after = adder.result()
        systems.append(_tidied(after))
    if problems:
        raise ManifestError("cannot lock this manifest", problems=problems)
    return replace(lock, systems=tuple(systems))


def forget_images(lock: Lock, names: Sequence[str]) -> Lock:
    """Return the lock without these images, and what only they needed. Raises `UsageError` with all unknown."""
    known = sorted({image.name for system in lock.systems for image in system.images})
    unknown = [name for name in names if name not in known]
    if unknown:
        message = f"cannot forget {', '.join(map(repr, unknown))}: the lock was not made for such an image"
        raise UsageError(message, hint=f"it was made for: {', '.join(known) or 'none'}")
    return replace(lock, systems=tuple(_tidied(_without(system, set(names))) for system in lock.systems))


def _seen(image: ImageToLock, lock: Lock, options: Options, listener: Listener) -> tuple[System, SeenSystem]:
    """Read an image and return the system of the lock to which it belongs."""
    name = image.locked.name
    listener(Step(f"looking at the image {name}"))
    try:
        with opened(image.where, state=options.state, listener=listener) as (seen, _):
            pass  # what is needed of it was read
    except PackageCacheError as error:
        raise PackageCacheError(
            f"cannot lock for the image {name}: {error.message}",
            problems=error.problems,
            details=error.details,
            hint=error.hint or f"where it is gone for good: package-cache lock --forget {name}",
            status=error.status,
        ) from error
    if seen.architecture is None:
        hint = "name it in an [[image]] of the manifest: architecture"
        raise UsageError(f"cannot lock for the image {name}: its dpkg does not report an architecture", hint=hint)
    for system in lock.systems:
        if (system.system.name, system.system.architecture) == (seen.system, seen.architecture):
            return system.system, seen
    there = ", ".join(str(system.system) for system in lock.systems)
    message = f"cannot lock for the image {name}: it is {seen.system or 'of no known release'} {seen.architecture}"
    raise UsageError(f"{message}, and no group of the manifest is for that", hint=f"the manifest is for: {there}")


def _without(system: LockedSystem, names: set[str]) -> LockedSystem:
    groups = tuple(
        replace(group, images=tuple(item for item in group.images if item.image not in names))
        for group in system.groups
    )
    return replace(system, groups=groups, images=tuple(item for item in system.images if item.name not in names))


def _tidied(system: LockedSystem) -> LockedSystem:
    """Return the system without packages and repositories that nothing of it needs."""
    keys = {key for group in system.groups for key in group.every_package}
    packages = tuple(item for item in system.packages if item.key in keys)
    used = {item.repository for item in packages}
    repositories = tuple(item for item in system.repositories if item.name in used)
    return replace(system, packages=packages, repositories=repositories)


@dataclass
class _Adder:
    """Adds to one system of a lock what its images need."""

    before: LockedSystem
    seen: Sequence[tuple[ImageToLock, SeenSystem]]
    sources: SystemSources
    listener: Listener
    problems: list[Problem] = field(default_factory=list)
    sets: dict[str, list[ImageSet]] = field(default_factory=dict)
    """By group."""

    def __post_init__(self) -> None:
        self.packages = {item.key: item for item in self.before.packages}
        self.repositories = {item.name: item for item in self.before.repositories}

    def result(self) -> LockedSystem:
        groups = tuple(
            replace(group, images=tuple(sorted((*group.images, *self.sets.get(group.name, ())))))
            for group in self.before.groups
        )
        images = tuple(sorted((*self.before.images, *(image.locked for image, _ in self.seen))))
        return replace(
            self.before,
            groups=groups,
            packages=tuple(sorted(self.packages.values())),
            repositories=tuple(sorted(self.repositories.values(), key=lambda item: item.name)),
            images=images,
        )

    def add(self, asked: SystemApt) -> None:
        for image, seen in self.seen:
            with asked.apt.seeing(seen.status, seen.marks) as apt:
                for group in asked.groups:
                    if not image.groups or group.name in image.groups:
                        locked = next(item for item in self.before.groups if item.name == group.name)
                        self._add_for(image, seen, locked, asked, apt)

    def _add_for(self, image: ImageToLock, seen: SeenSystem, group: LockedGroup, asked: SystemApt, apt: Apt) -> None:
        name = image.locked.name
        self.listener(Step(f"resolving {group.name} for the image {name}"))
        wanted = next(item for item in asked.groups if item.name == group.name)
        requests = [item.request for item in wanted.packages_on(self.before.system.architecture)]
        own = [item for item in self.before.packages if item.key in group.own_packages]
        try:
            planned = _plan(requests, own, apt, seen, recommends=group.recommends)
        except NoPlanError as error:
            message = f"group {group.name!r} cannot be installed in the image {name}, whatever the archives have:"
            words = f"{error.words}\n{error.hint or FITS_NOTHING}".replace("\n", "\n    ")
            self.problems.append(wanted.place.problem(message, words))
            return
        found = [locked_package(item, self.sources) for item in planned]
        keys = tuple(sorted(item.key for item, _ in found))
        if set(keys) <= set(group.own_packages):
            return
        for package, repository in found:
            self.packages.setdefault(package.key, package)
            self.repositories.setdefault(repository.name, repository)
        self.sets.setdefault(group.name, []).append(ImageSet(name, keys))


def _plan(
    requests: Sequence[PackageRequest], own: Iterable[LockedPackage], apt: Apt, seen: SeenSystem, *, recommends: bool
) -> Sequence[PlannedPackage]:
    """Plan a group in an image, whose packages `apt` sees: with its `own` versions wherever they fit, else the newest.

    What is held in an image, or older than all that the archives still have of it, may fit neither: then with
    what was built together with what is there. Raises `NoPlanError`, with what apt said of the newest.
    """
    wanted = {(item.name, item.version, item.architecture) for item in own}
    while True:
        try:
            with apt.preferring(sorted(wanted), priority=PREFERRED_HERE) as preferring:
                return preferring.plan(requests, recommends=recommends)
        except NoPlanError as error:
            said = error
        if not wanted:
            break
        in_the_way = {name for item in unmet(said.words) for name in (item.package, item.name)}
        others = {item for item in wanted if item[0] not in in_the_way}
        wanted = others if others != wanted else set()
    try:
        with apt.preferring((), sources=sorted(_sources(seen)), priority=PREFERRED_HERE) as preferring:
            return preferring.plan(requests, recommends=recommends)
    except NoPlanError:
        raise said from None


def _sources(seen: SeenSystem) -> set[tuple[str, str]]:
    """Return the source packages, and their versions, of what is installed (Debian Policy 5.6.1: "name (version)")."""
    found = set()
    text = seen.status.decode("utf-8", "replace")
    for paragraph in Deb822.iter_paragraphs(text, use_apt_pkg=False):
        if str(paragraph.get("Status", "")).endswith(" installed") and "Version" in paragraph:
            name, _, version = str(paragraph.get("Source", paragraph.get("Package", ""))).partition(" ")
            found.add((name, version.strip("() ") or str(paragraph["Version"])))
    return {(name, version) for name, version in found if PACKAGE_NAME.fullmatch(name) and VERSION.fullmatch(version)}
