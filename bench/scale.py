"""What a cluster asks of a registry or an archive when all nodes start at once: `./run bench scale` (docs/scale.md).

    ./run bench scale             print the tables
    ./run bench scale --report    write them into docs/scale.md

Sizes and rates were measured once, on loopback: bench/results/scale-inputs.json.
"""

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.markdown import table, write_between

PROJECT = Path(__file__).parents[1]
DOCUMENT = PROJECT / "docs" / "scale.md"
INPUTS = PROJECT / "bench" / "results" / "scale-inputs.json"
BEGIN, END = "<!-- tables of ./run bench scale: begin -->", "<!-- tables of ./run bench scale: end -->"
SIZES = (10, 100, 1000, 10_000)
PODS_PER_NODE = 10
PATIENCE = 60.0
"""Seconds that a pod may wait for its packages."""
LINKS = (10e9, 25e9)
"""Bits a second of the registry."""
UPLINK = 1e9
"""Bits a second of the archive."""


@dataclass(frozen=True)
class Method:
    """One method of bringing packages to pods: what it takes from a registry or an archive, and how long."""

    name: str
    copies_per_node: float
    """0: one copy serves the cluster, because nodes pass its pieces on."""
    seconds: float
    """What follows the download in a pod or on a node: unpacking, staging, installing."""
    size: int
    """Bytes of one copy."""
    requests: int
    """Requests for one copy."""
    bytes_per_second: float
    requests_per_second: float = math.inf

    @property
    def seconds_per_copy(self) -> float:
        """How long the server is busy with one copy: the scarcer of its link and its requests decides."""
        return max(self.size / self.bytes_per_second, self.requests / self.requests_per_second)

    def copies(self, nodes: int) -> float:
        """Return how many copies the server sends."""
        return max(1.0, nodes * self.copies_per_node)

    def wait(self, nodes: int) -> float:
        """Return the seconds until the last pod has its packages: the server shares its link fairly."""
        return self.copies(nodes) * self.seconds_per_copy + self.seconds


def methods(inputs: dict[str, Any], link: float) -> list[Method]:
    """Return the methods, for a registry with a link of so many bits a second."""
    online, registry, seconds = inputs["online"], inputs["registry"], inputs["seconds"]
    rates = min(link / 8, registry["bytes_per_second"]), registry["requests_per_second"]
    init, volume = (
        (sum(image["layers"]), image["requests"], *rates)
        for image in (inputs["images"]["init"], inputs["images"]["volume"])
    )
    ready = seconds["unpack"] + seconds["install"]
    return [
        Method("online apt", PODS_PER_NODE, seconds["online"], online["bytes"], online["requests"], UPLINK / 8),
        Method("init image, node cache", 1, ready + seconds["stage"], *init),
        Method("image volume", 1, ready, *volume),
        Method("image volume, peers that share pieces", 0, ready, *volume),
    ]


def report(inputs: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    usual, fast = (methods(inputs, link) for link in LINKS)
    head = ("method", "served bytes", "requests", *(f"last pod, {link / 1e9:g} Gbit/s" for link in LINKS))
    largest = [(one.name, _most(one), _most(other)) for one, other in zip(usual, fast, strict=True)]
    parts = [
        f"The largest cluster in which no pod waits more than {PATIENCE:.0f} s:\n",
        table(("method", *head[-2:]), largest),
    ]
    for nodes in SIZES:
        parts += [f"{nodes:,} nodes, {nodes * PODS_PER_NODE:,} pods:\n", table(head, list(_rows(usual, fast, nodes)))]
    return "\n".join(parts)


def _most(method: Method) -> str:
    if not method.copies_per_node:
        return "no limit from the registry"
    copies = (PATIENCE - method.seconds) / method.seconds_per_copy
    return f"{int(copies / method.copies_per_node):,} nodes"


def _rows(usual: list[Method], fast: list[Method], nodes: int) -> Iterator[tuple[str, ...]]:
    for one, other in zip(usual, fast, strict=True):
        copies = one.copies(nodes)
        served = f"{copies * one.size / 1e9:,.2f} GB"
        waits = (f"{method.wait(nodes):,.1f} s" for method in (one, other))
        yield one.name, served, f"{copies * one.requests:,.0f}", *waits


def main() -> None:
    """Print the tables, or write them into the document."""
    tables = report(json.loads(INPUTS.read_text(encoding="utf-8")))
    if sys.argv[1:] == ["--report"]:
        write_between(DOCUMENT, BEGIN, END, f"\n{tables}\n")
    else:
        sys.stdout.write(tables)


if __name__ == "__main__":
    main()
