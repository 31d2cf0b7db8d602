"""What was measured, and its figures: `<folder>/<profile>.json`; later runs on the same machine are merged into it."""

import dataclasses
import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.methods import OURS
from package_cache.errors import UsageError
from package_cache.filesystem.paths import write_atomically

FORMAT = 1

MANY = 20
"""Containers, or stagings, that are at once."""

INSTALLED = ("ssh", "nfs", "ssh nfs")
"""What containers install: a group whose host keys are made anew in each, one without such files, and both."""


@dataclass(frozen=True)
class Sample:
    """What one run took, in seconds: by the clock, and of the processors, by its own code and for it in the kernel."""

    seconds: float
    user: float
    system: float
    phases: Mapping[str, float] = field(default_factory=dict)
    """As our installer's result file tells them."""


@dataclass(frozen=True)
class Row:
    """One method of one group in one system."""

    system: str
    group: str
    method: str
    packages: int
    """Files that apt would install in this root."""
    samples: tuple[Sample, ...]
    failure: str | None = None
    """Why it counts as failed."""
    installed_kib: int = 0
    """What these files take once they are installed; 0 in results of earlier versions."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What a later measurement of the same replaces."""
        return self.system, self.group, self.method


@dataclass(frozen=True)
class Crowd:
    """Many at once: each one's seconds, and the seconds until all were done."""

    what: str
    seconds: tuple[float, ...]
    total: float


def containers_at_once(count: int, group: str, how: str, system: str) -> str:
    """Return the name of a crowd of containers; `how` is `install` (by dpkg) or `replay`."""
    one = count == 1
    return f"{count} container{'' if one else 's at once'} {how}{'s' if one else ''} {group}, {system}"


@dataclass(frozen=True)
class Results:
    """Everything measured with one profile on one machine."""

    profile: str
    machine: Mapping[str, str]
    rows: tuple[Row, ...] = ()
    crowds: tuple[Crowd, ...] = ()
    links: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What was measured of the slow link before the rounds of each system."""

    def merged(
        self,
        rows: Iterable[Row] = (),
        crowds: Iterable[Crowd] = (),
        links: Mapping[str, Mapping[str, float]] | None = None,
    ) -> "Results":
        """Return these results with newer rows in place of older ones."""
        return dataclasses.replace(
            self,
            rows=tuple({row.key: row for row in (*self.rows, *rows)}.values()),
            crowds=tuple({crowd.what: crowd for crowd in (*self.crowds, *crowds)}.values()),
            links={**self.links, **(links or {})},
        )

    @property
    def systems(self) -> list[str]:
        """The systems in the order in which they were first measured."""
        return list(dict.fromkeys(row.system for row in self.rows))

    def groups(self, system: str | None = None) -> list[str]:
        """Return the groups of a system, or of all, in the same order."""
        return list(dict.fromkeys(row.group for row in self.rows if system in (None, row.system)))

    def row(self, system: str, group: str, method: str) -> Row | None:
        """Return the row of a method, or None."""
        return next((row for row in self.rows if row.key == (system, group, method)), None)

    def median(self, system: str, group: str, method: str) -> float | None:
        """Return the median seconds of a method; None if it failed or was not measured."""
        samples = self._samples(system, group, method)
        return statistics.median(sample.seconds for sample in samples) if samples else None

    def processor(self, system: str, group: str, method: str) -> float | None:
        """Return the median CPU seconds of a method, user and system; None if it failed or was not measured."""
        samples = self._samples(system, group, method)
        return statistics.median(sample.user + sample.system for sample in samples) if samples else None

    def _samples(self, system: str, group: str, method: str) -> tuple[Sample, ...]:
        row = self.row(system, group, method)
        return row.samples if row is not None and row.failure is None else ()

    def ratio(self, system: str, group: str, method: str, to: str = OURS) -> float | None:
        """Return the ratio of a method's seconds to those of another, or of Package Cache by dpkg."""
        theirs, ours = (self.median(system, group, name) for name in (method, to))
        return None if theirs is None or ours is None else theirs / ours

    def processor_ratio(self, system: str, group: str, method: str, to: str = OURS) -> float | None:
        """Return the ratio of a method's CPU seconds to those of another, or of Package Cache by dpkg."""
        theirs, ours = (self.processor(system, group, name) for name in (method, to))
        return None if theirs is None or not ours else theirs / ours

    def write(self, folder: Path) -> None:
        """Write the file."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1, ensure_ascii=False)
        write_atomically(folder / f"{self.profile}.json", text.encode() + b"\n")


def read_results(path: Path) -> Results:
    """Read a file of results. Raise `UsageError` if it is of another format."""
    document = json.loads(path.read_text(encoding="utf-8"))
    if document.pop("format", None) != FORMAT:
        raise UsageError(f"cannot read {path}: its format is not {FORMAT}", hint="name another folder with --output")
    rows = [{**row, "samples": tuple(Sample(**sample) for sample in row["samples"])} for row in document["rows"]]
    crowds = [{**crowd, "seconds": tuple(crowd["seconds"])} for crowd in document["crowds"]]
    found = {"rows": tuple(Row(**row) for row in rows), "crowds": tuple(Crowd(**crowd) for crowd in crowds)}
    return Results(**{**document, **found})


def results_to_merge(folder: Path, profile: str, machine: Mapping[str, str]) -> Results:
    """Return the results to add to. Raise `UsageError` if those in the folder come from another machine."""
    path = folder / f"{profile}.json"
    if not path.exists():
        return Results(profile, machine)
    found = read_results(path)
    if found.machine != machine:
        raise UsageError(f"cannot add to {path}: it is of another machine", hint="name another folder with --output")
    return found
