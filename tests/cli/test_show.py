"""`list` and `show`: the recordings of a cache."""

import pytest
from tests.cli.test_stage import TWO_GROUPS
from tests.support.recordings import record
from tests.support.world import World


@pytest.fixture
def built(world: World) -> World:
    world.built(TWO_GROUPS)
    return world


def test_list_counts_the_recordings_of_each_group(built: World) -> None:
    cache = ("--cache", str(built.cache))
    assert "recordings" not in built.run("list", *cache)[1]
    record(built.cache, "edit")
    record(built.cache, "edit", status=b"other")
    rows = [line.split() for line in built.run("list", *cache)[1].splitlines()]
    assert rows[0][-1] == "recordings"
    assert (rows[2][0], rows[2][-1], rows[3][0], rows[3][-1]) == ("edit", "2", "view", "kB")
    assert [group["recordings"] for group in built.json("list", *cache)["result"]["groups"]] == [2, 0]


def test_show_has_the_facts_on_each_recording(built: World) -> None:
    recording = record(built.cache, "edit")
    root = record(built.cache, "edit", status=b"other", image="/roots/bionic", digest="", after=("view",), rules=())
    out = built.run("show", "edit", "--cache", str(built.cache))[1]
    first = (
        f"recording of registry/job:1 {recording.digest} on amd64, 2026-11-30T08:00:00+00:00: "
        "2 packages, 31 files, 11 B, replayed in 0.15 s, installed in 1.45 s, rules: /var/log/**"
    )
    second = (
        "recording of /roots/bionic with view on amd64, 2026-11-30T08:00:00+00:00: "
        "2 packages, 31 files, 11 B, replayed in 0.15 s, installed in 1.45 s"
    )
    assert sorted(out.splitlines()[-2:]) == sorted([first, second])
    (system,) = built.json("show", "edit", "--cache", str(built.cache))["result"]["systems"]
    assert [one["file"] for one in system["recordings"]] == sorted([recording.file, root.file])
    assert [one["after"] for one in system["recordings"] if one["image"] == root.image] == [["view"]]
