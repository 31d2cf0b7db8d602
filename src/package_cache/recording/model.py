"""What is recorded where, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from package_cache.cache.layout import CacheFolder
from package_cache.cache.recordings import Recording
from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.manifest.model import Rule, Where


@dataclass(frozen=True)
class RecordOrder:
    """Groups, and the images to record them in."""

    cache: CacheFolder
    groups: tuple[str, ...]
    """None named: all of the cache that are for an image's OS release and architecture."""
    sets: tuple[tuple[str, ...], ...]
    """Groups that are recorded one after the other, each in the image with the ones before it."""
    images: tuple[tuple[str, Where], ...]
    """By their names."""
    rules: tuple[Rule, ...]
    """In the order in which they apply: a manifest's, then the program's own."""
    state: Path
    """The folder of what is kept between runs, such as the roots of images."""
    own_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The groups of those images, by their names, that are not for all of `groups`."""

    def groups_of(self, image: str) -> tuple[str, ...]:
        """Return the groups that are recorded in an image; none: all that are for it."""
        return self.own_groups.get(image, self.groups)

    def sets_of(self, image: str) -> tuple[tuple[str, ...], ...]:
        """Return the sets that are recorded in an image: those of which it has every group."""
        groups = self.groups_of(image)
        return tuple(names for names in self.sets if not groups or set(names) <= set(groups))


class OutcomeKind(Enum):
    """What came of recording a group in an image."""

    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    """A recording of the same inputs is there."""
    LIVE = "live"
    """A rule says that dpkg must install it in each container."""
    REFUSED = "refused"
    """It did not install, or its installations differ in a way that no rule names."""


@dataclass(frozen=True)
class Outcome:
    """The result for one group in one image."""

    group: str
    after: tuple[str, ...]
    """The groups of its set that were installed before it."""
    kind: OutcomeKind
    recording: Recording | None = None
    """None unless it is recorded or unchanged."""
    why: str = ""
    """One sentence: why it is live or refused."""
    path: str = ""
    """The path that makes it so, if there is one."""
    package: str = ""
    """The package whose file it is, or whose script wrote it; empty if that is not known."""
    rules: tuple[str, ...] = ()
    """The patterns of the rules that applied."""


@dataclass(frozen=True)
class RecordedImage:
    """The results for one image, or the error that prevented them."""

    name: str
    system: str
    architecture: str
    digest: str
    """Of the image's manifest; empty for a root."""
    error: PackageCacheError | None = None
    outcomes: tuple[Outcome, ...] = ()

    @property
    def status(self) -> ExitStatus:
        """The exit status: that of the error, or NOT_RECORDED if a group is refused."""
        if self.error is not None:
            return self.error.status
        refused = any(outcome.kind is OutcomeKind.REFUSED for outcome in self.outcomes)
        return ExitStatus.NOT_RECORDED if refused else ExitStatus.INSTALLED


@dataclass(frozen=True)
class RecordResult:
    """The results for all images."""

    images: tuple[RecordedImage, ...]

    @property
    def status(self) -> ExitStatus:
        """The exit status: that of the first image that is not all right."""
        bad = (image.status for image in self.images if image.status is not ExitStatus.INSTALLED)
        return next(bad, ExitStatus.INSTALLED)
