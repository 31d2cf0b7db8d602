"""The installer on wrong indexes: a status of the table that is not `internal`, dpkg as it was, and no word obeyed."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from tests.fuzz.batch import broken, prepare, run_part
from tests.fuzz.effort import SEED, inputs_of, tried
from tests.fuzz.variants import FOUND, variants
from tests.installer.conftest import OpenRoom, cache, debs, open_room
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

from package_cache.process import find_tool

__all__ = ["cache", "debs", "open_room"]
PART = 200
"""Variants for one run of the loop."""

FEWEST = len(FOUND) + 14


def test_indexes(cache: SyntheticCache, debs: Path, open_room: OpenRoom, tmp_path: Path) -> None:
    packages = [
        make_deb(debs, "ground", files={"/usr/share/ground": "ground"}),
        make_deb(debs, "lib", files={"/usr/share/lib": "lib"}),
        make_deb(debs, "tool", depends="lib", files={"/usr/bin/tool": "#!/bin/sh\n"}, Pre_Depends="ground"),
    ]
    folder = cache.add("tools", ["tool"], packages, provides=["/usr/bin/tool"])
    right = {path.name: path.read_bytes() for path in folder.iterdir()}
    made = list(variants(right, max(inputs_of("index"), FEWEST)))
    for number, variant in enumerate(made):
        variant.write(tmp_path / f"variants/{number // PART}/{number:06}")
    shutil.copy(find_tool("busybox"), tmp_path / "busybox")
    room = open_room(cache, binds={"/variants": tmp_path / "variants", "/usr/bin/busybox": tmp_path / "busybox"})
    prepare(room)
    map_before = room.map()
    wrong: list[str] = []
    statuses: Counter[int] = Counter()
    for part in range(-(-len(made) // PART)):
        before, runs = run_part(room, str(part), cache.system)
        for name, run in runs.items():
            tried["index"] += 1
            statuses[run.status] += 1
            variant = made[int(name)]
            where = f"(seed {SEED}, number {int(name)}, {run.shell})\n    {variant.summary}"
            wrong += [f"{problem} {where}" for problem in broken(variant, run, before)]
    assert sum(statuses.values()) == len(made)
    assert len(statuses) > 3, statuses  # else it is always refused at the door
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(made)} with {dict(statuses)}:\n" + "\n".join(wrong[:40]))
    assert set(room.map()) ^ set(map_before) == set()
