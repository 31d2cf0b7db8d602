"""The manifest: what the administrator wrote, whichever of the two files it was written in."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from package_cache.debconf import DebconfAnswer
from package_cache.errors import Problem
from package_cache.names import PackageRequest
from package_cache.openpgp import PublicKey
from package_cache.system import DEFAULT_ARCHITECTURE, System

ALLOW_OUTSIDE = "--allow-outside"
"""The option by which the files that a manifest names may lie outside of its folder."""


@dataclass(frozen=True)
class Place:
    """Where something stands in a manifest, so that a problem found later can still name it."""

    file: str
    line: int | None = None
    column: int | None = None
    field: str | None = None

    def problem(self, message: str, hint: str | None = None) -> Problem:
        """Return a problem at this place."""
        return Problem(message, self.file, self.line, self.column, self.field, hint)


@dataclass(frozen=True)
class RequestedPackage:
    """A package a group asks for, and where the manifest says so."""

    request: PackageRequest
    place: Place
    architectures: tuple[str, ...] = ()
    """Those of the group's for which it is asked for; none: all of them."""


@dataclass(frozen=True)
class Group:
    """One named group of packages for one OS release."""

    name: str
    distribution: str
    version: str
    packages: tuple[RequestedPackage, ...]
    place: Place
    architectures: tuple[str, ...] = (DEFAULT_ARCHITECTURE,)
    precommands: str | None = None
    """Shell, run in a disposable root of the system before the packages are gathered."""
    recommends: bool = False
    provides: tuple[str, ...] = ()
    """Absolute paths of files that must exist after installing."""
    size_budget: int | None = None
    """The most that the group's package files may take for one system, in bytes."""
    debconf: tuple[tuple[DebconfAnswer, Place], ...] = ()
    """Answers to questions of its packages, and where each stands."""

    @property
    def systems(self) -> tuple[System, ...]:
        """The systems this group is for, one for each architecture."""
        return tuple(System(self.distribution, self.version, name) for name in self.architectures)

    def packages_on(self, architecture: str) -> tuple[RequestedPackage, ...]:
        """The packages that are asked for on one of the group's architectures."""
        return tuple(item for item in self.packages if not item.architectures or architecture in item.architectures)


@dataclass(frozen=True)
class TrustedKeys:
    """Who must have signed a repository: these keys, or keys that the machine has of these fingerprints."""

    place: Place
    keys: tuple[PublicKey, ...] = ()
    fingerprints: tuple[str, ...] = ()
    file: Path | None = None
    """Where the keys were read; None: in the manifest itself."""


@dataclass(frozen=True)
class Repository:
    """A repository beside the distribution's own: the fields of sources.list(5), and for which systems it is."""

    name: str
    uris: tuple[str, ...]
    suite: str
    place: Place
    components: tuple[str, ...] = ()
    systems: tuple[str, ...] | None = None
    """Names such as `ubuntu18.04`; None: for all systems of the manifest."""
    trusted: TrustedKeys | None = None
    """None only with `allow_unsigned`."""
    allow_unsigned: bool = False
    priority: int | None = None
    """As in apt_preferences(5)."""
    allow_expired: bool = False
    """Use its lists also after their Valid-Until."""
    snapshot: str | None = None
    """The URI of a mirror that keeps old versions."""


@dataclass(frozen=True)
class Pin:
    """Which version of some packages is preferred, or whose. Either `version` or `repository` is there."""

    packages: tuple[str, ...]
    """Names, or patterns with `*` and `?`."""
    priority: int
    """As in apt_preferences(5)."""
    place: Place
    version: str | None = None
    """May be a pattern."""
    repository: str | None = None
    """The name of a repository, or of the distribution's own archive."""
    systems: tuple[str, ...] | None = None
    """Names such as `ubuntu18.04`; None: for all systems of the manifest."""


@dataclass(frozen=True)
class Where:
    """The location of a system: an image, a container, a root, or a status file."""

    image: str | None = None
    """A reference, as skopeo writes it."""
    container: str | None = None
    root: Path | None = None
    status: Path | None = None
    """A dpkg status file, of the OS release `system`."""
    system: str | None = None
    architecture: str | None = None
    authfile: Path | None = None

    def with_authfile(self, authfile: Path | None) -> "Where":
        """Return the same location; if it is an image, with credentials for its registry."""
        return replace(self, authfile=authfile) if self.image else self

    @property
    def has_root(self) -> bool:
        """True if groups can be installed in a copy of it."""
        return self.image is not None or self.root is not None


@dataclass(frozen=True)
class CheckedImage:
    """An image in which groups must install, for `check`."""

    name: str
    place: Place
    where: Where
    groups: tuple[str, ...] = ()
    """None named: all of the manifest."""
    record: bool = True
    """Whether `record --manifest` records these groups in it. Never true of a status file: it has no root."""


class RuleKind(Enum):
    """What a recording does with a path that differs between two installations of the same packages."""

    DROP = "drop"
    """Leave it out: it is no part of the result, such as a log."""
    KEEP = "keep"
    """Record it as it is: every recorded content works in every container."""
    REGENERATE = "regenerate"
    """Make it anew in each container by a command, such as a host key."""
    LIVE = "live"
    """Record nothing of a group that has it: dpkg must install the group in each container."""


@dataclass(frozen=True)
class Rule:
    """What a recording does with the paths of a pattern."""

    path: str
    """A pattern of absolute paths: `*` matches within one component, `?` one character of it, and the component `**`
    any number of components (at the end at least one)."""
    kind: RuleKind
    reason: str
    command: str = ""
    """Of a regenerated file: shell, run with the path to write as `$1`."""
    place: Place | None = None
    """None: it is one of the program's own rules."""
    written_with: str = ""
    """Of a regenerated file without a command: the regenerated file whose command writes this one, too."""


@dataclass(frozen=True)
class Manifest:
    """Everything the administrator wrote. `digest` is the SHA-256 of the file's bytes, as `sha256:<hex>`."""

    path: Path
    digest: str
    groups: tuple[Group, ...]
    repositories: tuple[Repository, ...] = ()
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """URIs to try in order, by distribution (`ubuntu`) or, for its security suite, `ubuntu-security`."""
    snapshots: Mapping[str, str] = field(default_factory=dict)
    """URIs of mirrors that keep old versions, by distribution as above."""
    max_age: datetime.timedelta | None = None
    """How old a lock may be that a cache is built from."""
    pins: tuple[Pin, ...] = ()
    images: tuple[CheckedImage, ...] = ()
    companion_architectures: tuple[str, ...] = ()
    """Of packages that images may have beside those of their own architecture."""
    rules: tuple[Rule, ...] = ()
    """For recordings. They precede the program's own: the first that matches a path applies."""
    sets: tuple[tuple[str, ...], ...] = ()
    """Names of groups that jobs install one after the other, in that order: recorded as such."""
