"""Real groups, installed by dpkg and by their recordings: all files are the same, as code sees them that shares none.

A spread of the table that `./run bench recordings` makes of all common groups and systems.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from bench.recordings import compared
from tests.faults.recorded import RECORDED, recorded
from tests.support.lab import Isolation

from package_cache.cache.checked_files import read_recordings
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.system import System

pytestmark = pytest.mark.system

PAIRS = [(system, group) for system, groups in RECORDED.items() for group in groups]


@pytest.mark.parametrize(("system", "group"), PAIRS)
def test_a_replay_is_the_real_installation(
    system: str,
    group: str,
    isolation: Isolation,
    real_cache: CacheFolder,
    product_root: Callable[..., Path],
    real_root: Callable[..., Path],
    state: Path,
) -> None:
    if isolation is not Isolation.ROOT_NAMESPACES:
        pytest.skip("to compare all files takes root")
    cache = recorded(real_cache, system, RECORDED[system], product_root(system), state)
    [described] = [each for each in read_description(cache).groups if (each.name, each.system) == (group, system)]
    [recording] = [each for each in read_recordings(cache, described) if not each.after]
    row = compared(System.parse(system), group, recording, real_root(system), cache)
    assert row["differences"] == []
    assert row["replay_seconds"] < row["dpkg_seconds"]
