"""One installation of a group, watched from outside: what was there before, what afterwards, and who did it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from package_cache.recording.trace import Trace
from package_cache.recording.tree import Changes, Tree, changes_between


@dataclass(frozen=True)
class PlannedPackage:
    """A package that the installer installed, as its result file says."""

    name: str
    version: str
    architecture: str
    size: int
    """Of its file in the pool, in bytes."""
    sha256: str

    @classmethod
    def parse(cls, text: str) -> "PlannedPackage":
        """Read the value of a line `package=` (docs/installer.md)."""
        name, version, architecture, size, sha256 = text.split()
        return cls(name, version, architecture, int(size), sha256)


@dataclass(frozen=True)
class Observed:
    """One installation."""

    before: Tree
    after: Tree
    packages: tuple[PlannedPackage, ...]
    kept: Mapping[str, bytes]
    """The content before it of dpkg's status file and of apt's marks, by their paths."""
    seconds: float
    """How long the installer took."""
    trace: Trace | None = None
    """Where it was watched."""
    changes: Changes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", changes_between(self.before, self.after))
