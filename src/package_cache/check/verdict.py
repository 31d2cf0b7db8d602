"""What `check` says of a group in a container system: that it will install, that it is there, or why not."""

from dataclasses import dataclass
from enum import Enum

from package_cache.exit_codes import ExitStatus


class Prediction(Enum):
    """What the installer will come to."""

    HIT = "hit"
    THERE = "already there"
    MISS = "miss"


@dataclass(frozen=True)
class PlannedFile:
    """A package that would be installed."""

    name: str
    version: str
    architecture: str
    size: int
    """Of its file, in bytes."""
    sha256: str
    """Its file's name in the pool."""


class Obstacle(Enum):
    """Kinds of reasons why there is no plan."""

    VERSION = "another version is here"
    HELD = "held"
    CONFLICT = "conflict"
    ABSENT = "not to be had"
    REMOVAL = "would be removed"
    DOWNGRADE = "would be downgraded"
    HALF_INSTALLED = "half installed"
    UNMET = "without what it needs"
    OTHER = "other"


@dataclass(frozen=True)
class Reason:
    """One thing that is in the way."""

    obstacle: Obstacle
    package: str
    """Whose it is: the one that needs, conflicts, or is half installed."""
    needs: str
    """The other package, with the version that is asked for, as apt writes it; or none."""
    here: str
    """The version of the other package that the container has; empty where it has none."""
    text: str
    """A sentence for people."""


@dataclass(frozen=True)
class Verdict:
    """What comes of one group in one container system."""

    group: str
    prediction: Prediction
    status: ExitStatus
    packages: tuple[PlannedFile, ...] = ()
    message: str = ""
    """Of a miss: the installer's own words."""
    next_step: str = ""
    reasons: tuple[Reason, ...] = ()
    words: str = ""
    """What apt said, where it decided."""

    @property
    def size(self) -> int:
        """The bytes of all files that dpkg would read."""
        return sum(package.size for package in self.packages)
