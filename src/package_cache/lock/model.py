"""The lock: exact versions, hashes and origins of everything that a manifest's groups need. Its file: file.py."""

from dataclasses import dataclass, field, replace

from package_cache.debconf import DebconfAnswer
from package_cache.system import System


@dataclass(frozen=True, order=True)
class LockedPackage:
    """One package file: what it is, which bytes, and where they come from."""

    name: str
    version: str
    architecture: str
    size: int
    """In bytes."""
    sha256: str
    repository: str
    """The name of a repository of the same system."""
    path: str
    """Below the repository's base URI; unescaped."""
    source: str = field(default="", compare=False)
    """Its field `Source` (Debian Policy 5.6.1): empty where its name and version are the source's, and in locks of
    before. It identifies no bytes, so that such a lock is not another one."""

    @property
    def key(self) -> str:
        """What groups name it by: `name_version_architecture`, as Debian's package files are named, epoch included."""
        return f"{self.name}_{self.version}_{self.architecture}"


@dataclass(frozen=True, order=True)
class LockedRelease:
    """A signed list of lists, by which a repository vouched for the packages of a lock."""

    suite: str
    sha256: str
    """Of its file in the archive: `InRelease`, or `Release` where that is signed apart."""
    signed_by: tuple[str, ...] = ()
    """The fingerprints of the keys whose signatures counted; none of an unsigned repository."""
    images: tuple[str, ...] = ()
    """The images for whose packages only it vouches, which were locked for them later; none: it does for all others."""


@dataclass(frozen=True, order=True)
class LockedRepository:
    """Where packages of a system come from. `uri` is None for the distribution's own archive: any mirror will do."""

    name: str
    uri: str | None = None
    allow_expired: bool = False
    """Whether its lists were used however old they were."""
    releases: tuple[LockedRelease, ...] = ()
    """What vouched for its packages when they were locked first."""

    @property
    def evidence(self) -> tuple[int, int]:
        """How many releases are signed, and how many there are."""
        return sum(bool(release.signed_by) for release in self.releases), len(self.releases)


@dataclass(frozen=True, order=True)
class LockedImage:
    """An image that a lock was also made for: newer or older in places than the group's own packages fit."""

    name: str
    reference: str = ""
    """As skopeo writes it."""
    root: str = ""
    """A root's folder, seen from that of the manifest. Without both: the manifest has an `[[image]]` of that name."""


@dataclass(frozen=True, order=True)
class ImageSet:
    """What an image needs of a group, where the group's own packages do not fit: the keys of all that is installed."""

    image: str
    packages: tuple[str, ...]


@dataclass(frozen=True, order=True)
class LockedGroup:
    """A group for one system: what was asked for, and the keys of all packages that these need."""

    name: str
    requests: tuple[str, ...]
    packages: tuple[str, ...]
    provides: tuple[str, ...] = ()
    recommends: bool = False
    images: tuple[ImageSet, ...] = ()
    """Tried in this order, where the own packages cannot be combined with those of a container."""
    companions: tuple[str, ...] = ()
    """The keys of packages that it does not need, but what an older container has installed (docs/skew.md)."""
    debconf: tuple[DebconfAnswer, ...] = ()

    @property
    def own_packages(self) -> tuple[str, ...]:
        """The keys of what its own index has: its packages and their companions."""
        return tuple(sorted({*self.packages, *self.companions}))

    @property
    def every_package(self) -> tuple[str, ...]:
        """The keys of its own packages, their companions, and those for images."""
        return tuple(sorted({*self.own_packages, *(key for item in self.images for key in item.packages)}))


@dataclass(frozen=True, order=True)
class LockedSystem:
    """Everything locked for one system."""

    system: System
    repositories: tuple[LockedRepository, ...]
    groups: tuple[LockedGroup, ...]
    packages: tuple[LockedPackage, ...]
    images: tuple[LockedImage, ...] = ()

    def vouched_as(self, before: "LockedSystem") -> "LockedSystem":
        """Return the same with the releases of an earlier lock, if they vouched for the same packages, and as well.

        So the same packages give the same lock, whatever else came to the archive meanwhile; a lock without releases,
        or from a time when a repository was not signed, gets them.
        """
        if _but_releases(self) != _but_releases(before):
            return self
        pairs = zip(self.repositories, before.repositories, strict=True)
        return replace(self, repositories=tuple(new if new.evidence > old.evidence else old for new, old in pairs))


def _but_releases(system: LockedSystem) -> tuple[object, ...]:
    return [replace(item, releases=()) for item in system.repositories], system.packages, system.images


@dataclass(frozen=True)
class Lock:
    """A complete lock."""

    manifest: str
    manifest_digest: str
    systems: tuple[LockedSystem, ...]
    created: str = ""
    """RFC 3339 in UTC; empty if no age limit needs it, so that the same packages give the same lock."""

    def vouched_as(self, before: "Lock | None") -> "Lock":
        """Return the same with the releases of an earlier lock, wherever these vouched for the same packages."""
        known = {item.system: item for item in before.systems} if before else {}
        return replace(self, systems=tuple(item.vouched_as(known.get(item.system, item)) for item in self.systems))
