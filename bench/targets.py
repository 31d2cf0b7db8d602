"""The project's targets, and the table that shows which are met."""

from dataclasses import dataclass

from bench.figures import mean_ratio, slowest_presence, systems_of
from bench.markdown import table
from bench.results import Results


@dataclass(frozen=True)
class Target:
    """The lowest ratio of a method's seconds to those of Package Cache."""

    method: str
    at_least: float
    exceptions: tuple[tuple[str, float], ...] = ()
    """By system."""

    def bound(self, system: str | None) -> float:
        """Return the bound for a system, or for all together."""
        return dict(self.exceptions).get(system or "", self.at_least)


TARGETS = (
    Target("online-slow", 8),
    Target("online", 3),
    Target("seed", 2, (("ubuntu16.04", 1.7),)),
    Target("file-repository", 1.6),
    Target("dpkg", 1.25),
    Target("dpkg-recompressed", 1 / 1.12),
)

PRESENT_BELOW = 0.030
"""Seconds, for each group."""


def targets_table(results: Results) -> str:
    """Return the table that says, by system and over all, which targets are reached."""
    systems = systems_of(results)
    columns: list[tuple[str | None, list[str]]] = [(system, [system]) for system in systems]
    columns.append((None, systems))
    rows = []
    for target in TARGETS:
        cells = [_judged(mean_ratio(results, target.method, names), target.bound(name)) for name, names in columns]
        bounds = "".join(f", {system} ≥ {bound:.2f}" for system, bound in target.exceptions)
        rows.append([f"{target.method} ÷ ours", f"≥ {target.at_least:.2f}{bounds}", *cells])
    slowest = [slowest_presence(results, names) for _, names in columns]
    cells = ["–" if value is None else f"{value * 1000:.0f} ms {_word(value < PRESENT_BELOW)}" for value in slowest]
    rows.append(["all there already (slowest group)", f"< {PRESENT_BELOW * 1000:.0f} ms", *cells])
    shown = table(["what", "target", *systems, "all"], rows)
    words = "Targets: the geometric mean, over the groups, of the ratio of a method's seconds to those of Package Cache"
    return f"{words}; failed runs are left out.\n\n{shown}"


def _judged(value: float | None, bound: float) -> str:
    return "–" if value is None else f"{value:.2f} {_word(value >= bound)}"


def _word(reached: bool) -> str:
    return "yes" if reached else "**no**"
