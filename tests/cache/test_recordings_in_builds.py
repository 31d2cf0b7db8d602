"""A build keeps the recordings of groups that it does not change."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.test_stage import TWO_GROUPS
from tests.support.recordings import described, record
from tests.support.world import World

from package_cache.cache.layout import CacheFolder
from package_cache.cache.recordings import Recording, read_recordings
from package_cache.cache.verify import verify


@pytest.fixture
def built(world: World) -> World:
    world.built(TWO_GROUPS)
    return world


def found(world: World, group: str) -> set[Recording]:
    return set(read_recordings(CacheFolder(world.cache), described(world.cache, group)))


def upgrade(world: World, package: str) -> tuple[int, str, str]:
    """Build with a newer version of a package."""
    world.add(package, "2.0", depends="libshared")
    status, _, err = world.online("lock", "--upgrade")
    assert status == 0, err
    return world.build()


def test_a_cache_with_recordings_is_up_to_date(built: World) -> None:
    record(built.cache, "edit")
    before = {path: path.stat().st_ino for path in built.cache.rglob("*")}
    out = built.build()[1]
    assert ": up to date: 2 group folders, 3 packages, " in out
    assert out.endswith(", 1 recording\n")
    assert {path: path.stat().st_ino for path in built.cache.rglob("*")} == before


def test_recordings_of_unchanged_groups_are_kept_and_others_dropped(built: World) -> None:
    kept = {record(built.cache, "edit"), record(built.cache, "edit", status=b"other")}
    record(built.cache, "view")
    status, out, err = upgrade(built, "viewer")
    assert status == 0, err
    assert ", 2 recordings kept, 1 dropped (" in out
    assert (found(built, "edit"), found(built, "view")) == (kept, set())
    assert verify(CacheFolder(built.cache)).problems == ()
    assert not (built.cache / described(built.cache, "view").folder / "recordings.json").exists()


def test_json_counts_them(built: World) -> None:
    record(built.cache, "edit")
    counts = built.json("build", "--manifest", str(built.folder / "package_cache_info"), "--output", str(built.cache))
    assert (counts["result"]["recordings_kept"], counts["result"]["recordings_dropped"]) == (1, 0)


def test_those_of_a_group_that_is_gone_are_dropped(built: World) -> None:
    record(built.cache, "edit")
    record(built.cache, "view")
    built.manifest("view,ubuntu18.04,viewer\n")
    assert built.online("lock")[0] == 0
    assert ", 1 recording kept, 1 dropped (" in built.build()[1]


def alter(file: Path) -> None:
    file.write_bytes(file.read_bytes()[::-1])


def put_link(file: Path) -> None:
    file.rename(file.with_name("other"))
    file.symlink_to("other")


@pytest.mark.parametrize("damage", [alter, put_link, Path.unlink])
@pytest.mark.parametrize("name", ["recording", "recordings.json"])
def test_a_damaged_one_is_dropped(built: World, damage: Callable[[Path], None], name: str) -> None:
    recording = record(built.cache, "edit")
    file = built.cache / described(built.cache, "edit").folder / (recording.file if name == "recording" else name)
    damage(file)
    status, out, err = built.build()
    assert status == 0, err
    assert "dropped" in out or (damage, name) == (Path.unlink, "recording")
    assert found(built, "edit") == set()
    assert verify(CacheFolder(built.cache)).problems == ()


def test_a_killed_build_loses_none(built: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has left the group out of the description, and its folder where it was."""
    kept = record(built.cache, "edit")
    record(built.cache, "view")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("package_cache.cache.publish.publish_group", stopped)
    built.add("viewer", "2.0", depends="libshared")
    assert built.online("lock", "--upgrade")[0] == 0
    assert built.build()[0] == 130
    (built.cache / "package-cache.json").unlink()
    monkeypatch.undo()
    assert ", 1 recording kept, 1 dropped (" in built.build()[1]
    assert found(built, "edit") == {kept}


def test_other_bytes_of_the_same_packages_drop_them(built: World) -> None:
    record(built.cache, "edit")
    assert ", 0 recordings kept, 1 dropped (" in built.build("--no-recompress")[1]
