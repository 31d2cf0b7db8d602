"""`lock --for`: what an image needs where a group's own packages do not fit it, added to a lock (docs/skew.md).

A lock is made for the images that `--for` names, and for those of the previous lock. Apt plans against the dpkg status
of the image, out of all that the archives have. Where that comes to nothing but the group's own packages, they fit;
else all that it would install becomes a set of its own beside them.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from debian.deb822 import Deb822

from package_cache.apt.messages import unmet
from package_cache.apt.solver import Apt, File, NoPlanError, PlannedPackage
from package_cache.check.target import SeenSystem, opened
from package_cache.errors import ManifestError, PackageCacheError, Problem, UsageError
from package_cache.events import Listener, Step, Warn, ignore
from package_cache.lock.model import (
    ImageSet,
    Lock,
    LockedImage,
    LockedPackage,
    LockedRelease,
    LockedRepository,
    LockedSystem,
)
from package_cache.manifest.model import CheckedImage, Group, Manifest, Where
from package_cache.names import GROUP_NAME, PACKAGE_NAME, VERSION, PackageRequest
from package_cache.releases.distributions import release_of
from package_cache.releases.sources import system_sources
from package_cache.releases.system_apt import SystemApt, each_apt
from package_cache.resolve.groups import locked_package
from package_cache.resolve.release_images import PREFERRED_HERE
from package_cache.resolve.upgrade_policy import packages_of
from package_cache.settings import Options
from package_cache.system import System
from package_cache.tools import need_for_lock

_REFERENCE = re.compile(r"(?:docker://|oci:|oci-archive:).+", re.DOTALL)

FITS_NOTHING = (
    "upgrade the image, or leave the group to the image's fallback: in an [[image]], groups = [...] names the others"
)


@dataclass(frozen=True)
class ImageToLock:
    """An image that a lock is to be made for."""

    locked: LockedImage
    where: Where
    groups: tuple[str, ...] = ()
    """None named: all of the manifest."""


def image_to_lock(text: str, manifest: Manifest, lock: Lock, *, authfile: Path | None = None) -> ImageToLock:
    """Read what stands behind --for: the name of an `[[image]]`, a reference, or a folder. Raises `UsageError`."""
    named = next((image for image in manifest.images if image.name == text), None)
    if named is not None:
        return _of_manifest(named, authfile)
    if _REFERENCE.fullmatch(text):
        # Its name is like the end of the reference: `job:2` of docker://host/team/job:2.
        last = text.rstrip("/").rpartition("/")[2].removeprefix("oci:").removeprefix("oci-archive:")
        image = LockedImage(_name(last, "reference", text, manifest, lock), reference=text)
        return ImageToLock(image, Where(image=text, authfile=authfile))
    folder = Path(text)
    if not folder.is_dir():
        known = ", ".join(image.name for image in manifest.images) or "none"
        hint = f"images of the manifest: {known}; references: docker://HOST/NAME:TAG, oci:DIR:TAG, oci-archive:FILE"
        message = f"cannot lock for {text!r}: it is no image of the manifest, no reference and no folder"
        raise UsageError(message, hint=hint)
    root = os.path.relpath(folder, manifest.path.parent)
    name = _name(folder.resolve().name, "root", root, manifest, lock)
    return ImageToLock(LockedImage(name, root=root), Where(root=folder))


def images_before(
    lock: Lock, manifest: Manifest, listener: Listener = ignore, *, authfile: Path | None = None
) -> list[ImageToLock]:
    """Return the images that a lock was made for. One that the manifest names no more is left out, with a warning."""
    found = []
    of_manifest = {image.name: image for image in manifest.images}
    for image in dict.fromkeys(image for system in lock.systems for image in system.images):
        if image.reference:
            found.append(ImageToLock(image, Where(image=image.reference, authfile=authfile)))
        elif image.root:
            found.append(ImageToLock(image, Where(root=manifest.path.parent / image.root)))
        elif image.name in of_manifest:
            found.append(_of_manifest(of_manifest[image.name], authfile))
        else:
            listener(Warn(f"the lock is no longer for the image {image.name}: the manifest does not name it any more"))
    return found


def _of_manifest(image: CheckedImage, authfile: Path | None) -> ImageToLock:
    return ImageToLock(LockedImage(image.name), image.where.with_authfile(authfile), image.groups)


def _name(text: str, kind: str, value: str, manifest: Manifest, lock: Lock) -> str:
    """Return the name by which a lock knows an image: the one that it has already, or one that no other has."""
    others = [image for system in lock.systems for image in system.images]
    taken = {image.name for image in others} | {image.name for image in manifest.images}
    for other in others:
        if getattr(other, kind) == value:
            return other.name
    name = re.sub(r"[^a-z0-9+._-]+", "-", text.lower()).lstrip("+._-")[:60] or "image"
    assert GROUP_NAME.fullmatch(name)
    free = (name, *(f"{name}-{number}" for number in range(2, 100)))
    return next(one for one in free if one not in taken)


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
            adder = _Adder(after, seen[before.system], listener)
            each_apt(sources.with_architectures(foreign), options, listener, adder.add)
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
    repositories = tuple(replace(item, releases=_releases_without(item, names)) for item in system.repositories)
    images = tuple(item for item in system.images if item.name not in names)
    return replace(system, repositories=repositories, groups=groups, images=images)


def _releases_without(repository: LockedRepository, names: set[str]) -> tuple[LockedRelease, ...]:
    """Return the releases but those that vouch for packages of these images only."""
    remaining = ((item, tuple(name for name in item.images if name not in names)) for item in repository.releases)
    return tuple(replace(item, images=images) for item, images in remaining if images or not item.images)


def _tidied(system: LockedSystem) -> LockedSystem:
    """Return the system without packages and repositories that nothing of it needs."""
    keys = {key for group in system.groups for key in group.every_package}
    packages = tuple(item for item in system.packages if item.key in keys)
    used = {item.repository for item in packages}
    repositories = tuple(item for item in system.repositories if item.name in used)
    return replace(system, packages=packages, repositories=repositories)


class _Adder:
    """Adds to one system of a lock what its images need."""

    def __init__(
        self, before: LockedSystem, seen: Sequence[tuple[ImageToLock, SeenSystem]], listener: Listener
    ) -> None:
        self.before, self.seen, self.listener = before, seen, listener
        self.groups = {item.name: item for item in before.groups}
        self.packages = {item.key: item for item in before.packages}
        self.repositories = {item.name: item for item in before.repositories}
        self.own = {key for item in before.groups for key in item.own_packages}
        self.vouching: Mapping[str, Sequence[LockedRelease]] = {}
        self.problems: list[Problem] = []

    def result(self) -> LockedSystem:
        return replace(
            self.before,
            groups=tuple(self.groups.values()),
            packages=tuple(sorted(self.packages.values())),
            repositories=tuple(sorted(self.repositories.values(), key=lambda item: item.name)),
            images=tuple(sorted((*self.before.images, *(image.locked for image, _ in self.seen)))),
        )

    def add(self, asked: SystemApt) -> None:
        self.vouching = asked.root.releases() if asked.root else {}
        for image, seen in self.seen:
            with asked.apt.seeing(seen.status, seen.marks) as apt:
                for group in asked.groups:
                    if not image.groups or group.name in image.groups:
                        self._add_for(image.locked.name, seen, group, apt, asked)

    def _add_for(self, name: str, seen: SeenSystem, wanted: Group, apt: Apt, asked: SystemApt) -> None:
        group = self.groups[wanted.name]
        self.listener(Step(f"resolving {group.name} for the image {name}"))
        requests = [item.request for item in wanted.packages_on(self.before.system.architecture)]
        own = packages_of(self.before, [group.name])
        try:
            planned = _plan(requests, own, apt, seen, recommends=group.recommends)
        except NoPlanError as error:
            message = f"group {group.name!r} cannot be installed in the image {name}, whatever the archives have:"
            words = f"{error.words}\n{error.hint or FITS_NOTHING}".replace("\n", "\n    ")
            self.problems.append(wanted.place.problem(message, words))
            return
        found = [locked_package(item, asked.of) for item in planned]
        keys = tuple(sorted(item.key for item, _ in found))
        if set(keys) <= set(group.own_packages):
            return
        for package, repository in found:
            self.packages.setdefault(package.key, package)
            self.repositories.setdefault(repository.name, repository)
            if package.key not in self.own:
                self._vouch(repository.name, name)
        images = tuple(sorted((*group.images, ImageSet(name, keys))))
        self.groups[group.name] = replace(group, images=images)

    def _vouch(self, name: str, image: str) -> None:
        """Add what vouches now for packages of a repository that an image needs, and did not when it was locked."""
        known = self.repositories[name]
        for_image = {replace(item, images=()): item.images for item in known.releases}
        for release in self.vouching.get(name, ()):
            if for_image.setdefault(release, (image,)):  # else it vouches for all
                for_image[release] = tuple(sorted({*for_image[release], image}))
        releases = (replace(item, images=images) for item, images in for_image.items())
        self.repositories[name] = replace(known, releases=tuple(sorted(releases)))


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
        with apt.preferring(sorted(_sources(seen)), priority=PREFERRED_HERE) as preferring:
            return preferring.plan(requests, recommends=recommends)
    except NoPlanError:
        raise said from None


def _sources(seen: SeenSystem) -> set[File]:
    """Return the source packages of what is installed (Debian Policy 5.6.1: "name (version)"), to be preferred."""
    found: set[File] = set()
    text = seen.status.decode("utf-8", "replace")
    for paragraph in Deb822.iter_paragraphs(text, use_apt_pkg=False):
        if str(paragraph.get("Status", "")).endswith(" installed") and "Version" in paragraph:
            name, _, version = str(paragraph.get("Source", paragraph.get("Package", ""))).partition(" ")
            version = version.strip("() ") or str(paragraph["Version"])
            if PACKAGE_NAME.fullmatch(name) and VERSION.fullmatch(version):
                found.add((f"src:{name}", version, "all"))
    return found
