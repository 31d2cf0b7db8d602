"""The init form: one container alone and 20 at once, on disk and in memory; its memory, and what it needs of it."""

import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.kubernetes.gate import GO, GO_AND_STAY, Gate
from bench.kubernetes.ground import LIMIT, Ground, finished
from bench.kubernetes.material import GROUPS, SYSTEM
from bench.kubernetes.memory import anonymous, container_group, group_above, parent, peak, smallest, start_anew
from bench.rounds import Tell

MANY = 20
PLACES = {"disk": False, "memory": True}
WANTED: Sequence[tuple[str, ...]] = (("ssh",), GROUPS)
LIMITS = (2, 64)
"""MiB between which the smallest limit is looked for."""
TRIES = 3
"""Runs that must succeed with a limit."""


def measure(ground: Ground, rounds: int, tell: Tell) -> dict[str, Any]:
    """Measure all; kinds of runs alternate in each round."""
    kinds = [(count, place, wanted) for count in (1, MANY) for place in PLACES for wanted in WANTED]
    seconds: dict[tuple[int, str, tuple[str, ...]], list[float]] = {kind: [] for kind in kinds}
    whole: dict[tuple[int, str, tuple[str, ...]], list[float]] = {kind: [] for kind in kinds}
    peaks: dict[tuple[int, str, tuple[str, ...]], list[int]] = {kind: [] for kind in kinds}
    copied: dict[tuple[str, ...], int] = {}
    shuffled = random.Random("stage")  # noqa: S311  (nothing is kept secret)
    for number in range(rounds):
        for kind in shuffled.sample(kinds, len(kinds)):
            count, place, wanted = kind
            tell(f"stage: round {number + 1}: {count} × {' '.join(wanted)}, {place}")
            run = _at_once(ground, count, wanted, memory=PLACES[place])
            seconds[kind] += run.seconds
            peaks[kind].append(run.peak)
            copied[wanted] = run.copied
            if count == 1:
                whole[kind].append(_whole(ground, wanted, memory=PLACES[place]))
    rows = [
        {
            "count": kind[0],
            "place": kind[1],
            "groups": kind[2],
            "seconds": seconds[kind],
            "whole": whole[kind],
            "peak": max(peaks[kind]),
        }
        for kind in kinds
    ]
    memory = [_memory(ground, wanted, place, rounds, tell) for wanted in WANTED for place in PLACES]
    return {"rows": rows, "copied": {" ".join(wanted): size for wanted, size in copied.items()}, "memory": memory}


def _words(wanted: Sequence[str]) -> list[str]:
    return [*wanted, "--system", SYSTEM, "--to", "/package_cache"]


@dataclass(frozen=True)
class Run:
    """What came of containers that went at the same moment."""

    seconds: list[float]
    """Of each, until its container had ended."""
    copied: int
    """Bytes on one volume."""
    peak: int
    """Bytes of memory of all of them together, and of podman's monitors beside them."""


def _at_once(ground: Ground, count: int, wanted: Sequence[str], *, memory: bool) -> Run:
    """Let so many go at the same moment."""
    with contextlib.ExitStack() as stack:
        above = stack.enter_context(group_above())
        volumes = [stack.enter_context(ground.volume(memory)) for _ in range(count)]
        gate = Gate(ground, stack.enter_context(ground.volume()), GO)
        names = [f"gated-{number}" for number in range(count)]
        stack.callback(ground.remove, *names)
        gate.start(volumes, _words(wanted), ["--cgroup-parent", parent(above)])
        with gate.opened(count, before=lambda: start_anew(above)) as began:
            statuses = ground.podman("wait", *names, timeout=LIMIT).stdout.split()
        assert set(statuses) == {"0"}, statuses
        ends = [finished(state) for state in ground.states(names)]
        return Run([end - began for end in ends], _bytes_in(volumes[0]), peak(above))


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _whole(ground: Ground, wanted: Sequence[str], *, memory: bool) -> float:
    """Give the seconds of a whole `podman run`, without a gate."""
    with ground.volume(memory) as volume:
        began = time.monotonic()
        ground.podman.run(ground.init_image, *_words(wanted), options=["--volume", f"{volume}:/package_cache"])
        return time.monotonic() - began


def _memory(ground: Ground, wanted: tuple[str, ...], place: str, rounds: int, tell: Tell) -> dict[str, Any]:
    tell(f"stage: memory of {' '.join(wanted)}, {place}")
    peaks = [_peak(ground, wanted, memory=PLACES[place]) for _ in range(rounds)]

    def works(limit: int) -> bool:
        tell(f"stage: {' '.join(wanted)}, {place}, with {limit} MiB")
        return all(_with_limit(ground, wanted, limit, memory=PLACES[place]) for _ in range(TRIES))

    return {
        "groups": wanted,
        "place": place,
        "peak": max(whole for whole, _ in peaks),
        "anonymous": max(own for _, own in peaks),
        "smallest_mib": smallest(*LIMITS, works),
    }


def _peak(ground: Ground, wanted: Sequence[str], *, memory: bool) -> tuple[int, int]:
    """Give the peak of a container's control group, and that of its memory which is no file's, looked at each 2 ms."""
    with contextlib.ExitStack() as stack:
        above = stack.enter_context(group_above())
        volume, gates = stack.enter_context(ground.volume(memory)), stack.enter_context(ground.volume())
        gate = Gate(ground, gates, GO_AND_STAY)
        stack.callback(ground.remove, "gated-0")
        gate.start([volume], _words(wanted), ["--cgroup-parent", parent(above)])
        own, most = container_group(above), 0

        def watch() -> None:
            nonlocal most
            most = max(most, anonymous(own))

        with gate.opened(1, before=lambda: start_anew(own)):
            gate.wait_for_end(watch)
            found = peak(own)
        [status] = ground.podman("wait", "gated-0", timeout=LIMIT).stdout.split()
        assert status == "0", status
        return found, most


def _with_limit(ground: Ground, wanted: Sequence[str], limit: int, *, memory: bool) -> bool:
    """Tell whether it succeeds with so many MiB, page cache included, and no swap."""
    with ground.volume(memory) as volume:
        bound = ["--memory", f"{limit}m", "--memory-swap", f"{limit}m", "--volume", f"{volume}:/package_cache"]
        done = ground.podman.run(ground.init_image, *_words(wanted), options=bound, check=False)
        return done.returncode == 0
