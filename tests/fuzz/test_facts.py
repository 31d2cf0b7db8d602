"""Whatever is in the folder of a group, `check` comes to the status and the cause to which the installer comes."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.check.conftest import OpenRoom, open_room
from tests.fuzz.counts import Tried
from tests.fuzz.effort import fuzzed
from tests.fuzz.odd_groups import FOUND, OddGroups, odd_groups, stating
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb

from package_cache.cache.layout import CacheFolder
from package_cache.outside.images.system_files import RootFiles
from package_cache.outside.os_release import OS_RELEASE, os_release_of
from package_cache.outside.run import find_tool
from package_cache.values.errors import UsageError
from package_cache.values.verdict import Prediction
from package_cache.verbs.checking.check import SeenSystem, check, seen_in_files

__all__ = ["open_room"]
EACH = """
for shell in dash bash "busybox sh"; do
    $shell /cache/install_group.sh --cache "$1" --result /tmp/result tools >/dev/null 2>&1
    base64 -w0 /tmp/result; rm -f /tmp/result; echo
done
"""
"""There is no apt-get here: what is right ends with 21, unless all is there already."""

Came = tuple[int, str]
"""Status and cause."""


@pytest.fixture
def place(tmp_path: Path) -> SyntheticCache:
    cache = SyntheticCache(tmp_path / "cache")
    debs = tmp_path / "debs"
    packages = [make_deb(debs, "lib"), make_deb(debs, "tool", depends="lib", Pre_Depends="lib")]
    cache.add("tools", ["dpkg"], packages, provides=["/usr/bin/dpkg"], images={"job": [make_deb(debs, "lib", "2.0")]})
    return cache


@pytest.fixture
def room(place: SyntheticCache, open_room: OpenRoom) -> Room:
    room = open_room("ubuntu18.04", place.path, {"/usr/bin/busybox": Path(find_tool("busybox"))})
    room.sh("rm /usr/bin/apt-get /etc/os-release")
    return room


def by_installer(room: Room, cache: str = "/cache") -> list[Came]:
    """Give what the installer comes to in each shell."""
    done = room.container.run(["sh", "-c", EACH, "sh", cache], timeout=60)
    lines = [base64.b64decode(line) for line in done.stdout.splitlines()]
    results = [dict(line.split("=", 1) for line in text.decode("utf-8", "replace").split("\n")[:-1]) for text in lines]
    return [(int(result["status"]), result["message"]) for result in results]


def by_check(cache: Path, seen: SeenSystem) -> Came:
    """Give what `check` comes to."""
    try:
        (verdict,) = check(["tools"], CacheFolder(cache), seen).verdicts
    except UsageError as error:
        return error.status.code, str(error)
    if verdict.prediction is not Prediction.MISS:
        return 0, "already there"
    message = " ".join(filter(None, verdict.message.split("\n")))  # as a result file has it
    return verdict.status.code, message.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@pytest.fixture
def right(place: SyntheticCache) -> dict[str, bytes]:
    """The files of the group as they should be."""
    folder = CacheFolder(place.path).group("tools", place.system)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


Compare = Callable[[OddGroups], tuple[list[Came], Came]]


@pytest.fixture
def compare(place: SyntheticCache, room: Room) -> Compare:
    """Write a group and an os-release file, and give what comes of it in each shell, and by `check`."""
    seen = seen_in_files("a room", RootFiles(room.container.root))
    place_of_release = room.container.path(OS_RELEASE[0])

    def both(odd: OddGroups) -> tuple[list[Came], Came]:
        odd.write(place.path)
        place_of_release.write_bytes(odd.release)
        release = os_release_of(odd.release, OS_RELEASE[0])
        return by_installer(room), by_check(place.path, replace(seen, release=release))

    return both


@fuzzed("facts")
@given(number=st.integers(0, 2**32))
def test_facts(compare: Compare, right: dict[str, bytes], tried: Tried, number: int) -> None:
    tried("facts")
    odd = odd_groups(right, Random(number))
    came, mine = compare(odd)
    assert came == [mine] * len(came), odd


def test_what_was_once_taken_otherwise(compare: Compare, right: dict[str, bytes]) -> None:
    statuses = set()
    for name, old, new in FOUND:
        content = right[name].replace(old, new)
        release = content if name == "Release" else stating(right["Release"], name, content)
        odd = OddGroups({**right, "Release": release, name: content})
        came, mine = compare(odd)
        assert (name, new, came) == (name, new, [mine] * len(came))
        statuses.add(mine[0])
    assert statuses == {0, 21, 31}
    odd = OddGroups(right, release=b"ID=ubu\0ntu\0\r\nVERSION_ID=18.04\n")
    assert compare(odd) == ([(0, "already there")] * 3, (0, "already there"))
    odd = OddGroups({"Release": b"SHA256:\n"}, others=["a.group", "a-b.group", ".group"])
    cause = "the group tools is not for amd64; it is for: a-b a"
    assert compare(odd) == ([(12, cause)] * 3, (12, cause))
    odd = OddGroups(right, folders=["tools-", "Tools-x", "tools-B", "a-debian12"], release=b"ID=debian\nVERSION_ID=12")
    came, mine = compare(odd)
    assert came == [mine] * 3
