"""The results of `check`: per group, whether it will install, is already installed, or why it cannot be installed."""

from dataclasses import dataclass
from enum import Enum

from package_cache.check.method import Method, PredictedMethod
from package_cache.exit_codes import ExitStatus


class Prediction(Enum):
    """What the installer will do."""

    HIT = "hit"
    THERE = "already there"
    MISS = "miss"


@dataclass(frozen=True)
class PlannedFile:
    """A package that the installer would install."""

    name: str
    version: str
    architecture: str
    size: int
    """Of its file, in bytes."""
    sha256: str
    """The name of its file in the pool."""


class Obstacle(Enum):
    """Kinds of reasons why apt finds no plan."""

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
    """One obstacle."""

    obstacle: Obstacle
    package: str
    """The package that needs another one, conflicts, or is half installed."""
    needs: str
    """The other package with the required version, as apt writes it; may be empty."""
    here: str
    """The installed version of the other package; empty if it is not installed."""
    text: str
    """A sentence for people."""


@dataclass(frozen=True)
class Verdict:
    """The prediction for one group in one container system."""

    group: str
    prediction: Prediction
    status: ExitStatus
    packages: tuple[PlannedFile, ...] = ()
    message: str = ""
    """The installer's message for a miss."""
    next_step: str = ""
    reasons: tuple[Reason, ...] = ()
    words: str = ""
    """Apt's output, if apt decided."""
    method: PredictedMethod | None = None
    """How it would be installed; None for a miss, and if the installer does not say it."""

    @property
    def size(self) -> int:
        """The bytes of all files that dpkg would read."""
        return sum(package.size for package in self.packages)


@dataclass(frozen=True)
class Run:
    """The result of one trial installation."""

    group: str
    status: int
    """The installer's exit status."""
    installed: int
    agreed: bool
    """Whether status and number of packages are the predicted ones."""
    message: str
    """The installer's message, or the error if it did not finish."""
    method: Method | None = None
    """How it was installed; None if the installer does not say it."""


@dataclass(frozen=True)
class CheckResult:
    """The verdicts on all requested groups in one system, and their trial installations."""

    name: str
    system: str
    architecture: str
    digest: str
    """The digest of the image's manifest that was read; empty for other systems."""
    asked: str
    """The digest in the image's reference; empty if it has none."""
    verdicts: tuple[Verdict, ...]
    runs: tuple[Run, ...] = ()

    @property
    def misses(self) -> list[Verdict]:
        """Return the verdicts on groups that will not install."""
        return [item for item in self.verdicts if item.prediction is Prediction.MISS]

    @property
    def status(self) -> ExitStatus:
        """Return the status of the first failed installation; without trial installations that of the first miss."""
        if self.runs:
            return ExitStatus.of(next((run.status for run in self.runs if run.status != 0), 0))
        return next((item.status for item in self.misses), ExitStatus.INSTALLED)
