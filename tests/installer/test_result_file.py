"""The file of `--result`, wherever it is to be."""

from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb


def test_a_link_in_the_place_of_the_result(room: Room) -> None:
    room.sh("echo mine >/root/kept; ln -s /root/kept /tmp/result")
    room.sh('perl -e \'symlink("/root/kept", "/tmp/result.$_") for 1 .. 4000\'')
    done = room.install("tools")
    assert (done.status, done.result["reason"]) == (0, "installed")
    assert room.sh("cat /root/kept") == "mine\n"


def seconds(result: dict[str, str]) -> dict[str, float]:
    return {key.removeprefix("seconds_"): float(value) for key, value in result.items() if key.startswith("seconds_")}


def test_the_phases_add_up(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["good"], [make_deb(debs, "good")])
    cache.add("bad", ["good"], [make_deb(debs, "good", depends="nothing-has-this-name")])
    room = open_room(cache)
    expected = {
        "bad": "present index rest total",
        "tools": "present index plan verify begin install check mark rest total",
    }
    for group, phases in expected.items():
        found = seconds(room.install(group).result)
        assert list(found) == phases.split()
        assert sum(found.values()) == pytest.approx(2 * found["total"])


@pytest.mark.parametrize(
    ("place", "status", "cause"),
    [
        ("/mnt", 2, "cannot understand the command line: --result takes a file, and /mnt is a folder"),
        ("/nowhere/result", 42, "(read-only): cannot write a file beside /nowhere/result, where the result is wanted"),
    ],
)
def test_a_result_that_cannot_be_written_is_refused_before_anything_is_touched(
    place: str, status: int, cause: str, room: Room
) -> None:
    before = room.map()
    said = room.sh(f"sh /cache/install_group.sh --result {place} tools 2>&1; echo $?; ls -A /mnt")
    assert cause in said
    assert said.endswith(f"\n{status}\n")
    assert "another process" not in said
    assert room.map() == before
