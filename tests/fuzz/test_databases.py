"""Whatever is in dpkg's database, `check` comes to the status to which the installer comes, and nothing is changed.

No file of the cache's pool is what its index states: so a group that would be installed is a miss, after the plan.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.check.conftest import OpenRoom, open_room
from tests.fuzz.counts import Tried
from tests.fuzz.effort import fuzzed
from tests.fuzz.odd_databases import PARAGRAPH, OddDatabase, odd_database
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb

from package_cache.cache.layout import CacheFolder
from package_cache.outside.images.system_files import RootFiles
from package_cache.values.verdict import Prediction, Verdict
from package_cache.verbs.checking.check import check, seen_in_files

__all__ = ["open_room"]


@pytest.fixture
def cache(tmp_path: Path) -> SyntheticCache:
    cache = SyntheticCache(tmp_path / "cache")
    debs = [make_deb(tmp_path / "debs", "lib"), make_deb(tmp_path / "debs", "tool", depends="lib")]
    cache.add("tools", ["tool"], debs)
    cache.add("exact", ["tool=1.0", "lib:amd64"], debs)
    for path in CacheFolder(cache.path).pool.iterdir():
        path.write_bytes(b"x" * path.stat().st_size)
    return cache


@pytest.fixture
def room(cache: SyntheticCache, open_room: OpenRoom) -> Room:
    room = open_room("ubuntu18.04", cache.path, {})
    room.sh("cp -a /var/lib/dpkg/status /root; touch /var/lib/dpkg/arch /var/lib/apt/extended_states")
    return room


def put(room: Room, odd: OddDatabase) -> dict[str, bytes]:
    """Put the files into the root; give them."""
    files = odd.files(room.container.path("/root/status").read_bytes())
    for folder in ("/var/lib/dpkg/updates", "/var/lib/dpkg", "/var/lib/apt"):
        for path in room.container.path(folder).iterdir():
            if folder.endswith("updates") or path.name in ("arch", "extended_states"):
                path.unlink()
    for path_inside, content in files.items():
        room.container.path(path_inside).write_bytes(content)
    return files


def predicted(room: Room, cache: SyntheticCache, group: str) -> Verdict:
    seen = seen_in_files("a room", RootFiles(room.container.root), "amd64")
    (verdict,) = check([group], CacheFolder(cache.path), seen).verdicts
    return verdict


RIGHT = PARAGRAPH.format(name="tool").encode()
LIB = b"\n" + PARAGRAPH.format(name="lib").encode()


def odd(old: bytes = b"", new: bytes = b"", **files: Any) -> OddDatabase:
    """Make a database in which all is there, with something else in one place."""
    return OddDatabase(RIGHT.replace(old, new, 1) + LIB, **files)


FOUND = {
    "all is there": (odd(), "tools", 0),
    "a package for all architectures, asked for by one": (odd(), "exact", 0),
    "a name in capitals": (odd(b"tool", b"TOOL"), "exact", 0),
    "an epoch that is nothing": (odd(b"1.0", b"00:1.0"), "exact", 0),
    "a line of blanks in a value": (odd(b"Status", b"X: a\n \n b\nStatus"), "exact", 22),
    "a vertical tab before a value": (odd(b": tool", b":\vtool"), "exact", 0),
    "a field twice": (odd(b"Version", b"Version: 1\nVersion"), "tools", 22),
    "a version that is none": (odd(b"1.0", b"x:1"), "tools", 22),
    "no version": (odd(b"Version: 1.0\n", b""), "tools", 22),
    "no last line end": (OddDatabase(LIB + b"\n" + RIGHT[:-1]), "tools", 22),
    "two that cannot be together": (odd(b"\nPackage: lib", b"\nPackage: tool"), "tools", 0),
    "a journal that dpkg does not read": (odd(b"tool", b"x", updates={"0001.x": RIGHT}), "tools", 22),
    "a journal that says nothing": (odd(updates={"0001": b""}), "tools", 0),
    "a list of architectures that is cut short": (odd(arch=b"amd64"), "tools", 22),
}

Compare = Callable[[OddDatabase, str], tuple[int, int]]


@pytest.fixture
def compare(cache: SyntheticCache, room: Room) -> Compare:
    """Give the statuses to which the installer and `check` come; and see that the first changes nothing."""

    def both(odd: OddDatabase, group: str) -> tuple[int, int]:
        files = put(room, odd)
        verdict = predicted(room, cache, group)
        argv = ["sh", "/cache/install_group.sh", "--lock-timeout", "1", group]
        done = room.container.run(argv, timeout=60, check=False)
        for path, content in files.items():
            assert room.container.path(path).read_bytes() == content, path
        mine = 0 if verdict.prediction is not Prediction.MISS else verdict.status.code
        return done.returncode, mine

    return both


@fuzzed("databases")
@given(number=st.integers(0, 2**32))
def test_databases(compare: Compare, tried: Tried, number: int) -> None:
    tried("databases")
    random = Random(number)
    database, group = odd_database(random), random.choice(("tools", "tools", "exact"))
    came, mine = compare(database, group)
    assert came == mine, database


def test_what_was_once_taken_otherwise(compare: Compare) -> None:
    found = {name: compare(database, group) for name, (database, group, _) in FOUND.items()}
    assert found == {name: (status, status) for name, (_, _, status) in FOUND.items()}
