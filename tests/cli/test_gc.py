"""Removing from a pool what no group needs."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from tests.installer.synthetic import restate
from tests.support.recordings import record
from tests.support.world import World, printed, refused

from package_cache.cache.gc import gc
from package_cache.cache.layout import CacheFolder
from package_cache.cache.verify import verify
from package_cache.filesystem.confined import Inside


@pytest.fixture
def volume(world: World) -> Path:
    """A volume to which two generations were staged: the first one's editor and library are left over."""
    volume = world.folder / "volume"
    world.once("a volume with leftovers", lambda: stage_twice(world, volume))
    return volume


def stage_twice(world: World, volume: Path) -> None:
    world.manifest("edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n")
    for version in ("1.0", "1.1"):
        world.add("editor", version, suite="bionic-updates", depends="libshared")
        world.add("libshared", version, suite="bionic-updates")
        assert world.online("lock")[0] == 0
        assert world.build()[0] == 0
        assert world.run("stage", "edit", "view", "--cache", str(world.cache), "--to", str(volume))[0] == 0


def pool(volume: Path) -> set[str]:
    return {path.name for path in (volume / "pool").iterdir()}


def test_only_unused_files_are_removed_after_the_grace(world: World, volume: Path) -> None:
    before = pool(volume)
    cache = CacheFolder(volume)
    first = gc(cache, 3600, 1e9)
    assert (first.removed, first.waiting, first.kept) == (0, 2, 3)
    assert pool(volume) == before | {".unneeded"}
    assert gc(cache, 3600, 1e9 + 3599).removed == 0
    last = gc(cache, 3600, 1e9 + 3600)
    assert (last.removed, last.waiting, last.kept) == (2, 0, 3)
    assert last.removed_bytes == first.waiting_bytes > 0
    assert len(pool(volume)) == 3
    assert verify(cache).problems == ()
    assert sorted(path.name for path in (volume / "groups").iterdir()) == ["edit-ubuntu18.04", "view-ubuntu18.04"]
    assert "removed 0 files, 0 B; 3 files, " in world.run("gc", "--cache", str(volume), "--grace", "0")[1]


def test_recordings_stay_and_keep_no_package_file(world: World, volume: Path) -> None:
    recording = record(volume, "edit")
    result = gc(CacheFolder(volume), 0, 1e9)
    assert (result.removed, result.kept) == (2, 3)
    assert (volume / "groups/edit-ubuntu18.04" / recording.file).exists()
    assert verify(CacheFolder(volume)).problems == ()


def test_a_dry_run_tells_and_writes_nothing(world: World, volume: Path) -> None:
    before = pool(volume)
    printed(world.run("gc", "--cache", str(volume), "--dry-run", "--grace", "0"), 0, "would remove 2 files")
    assert pool(volume) == before
    volume.chmod(0o555)
    told = world.json("gc", "--cache", str(volume), "--dry-run", "--grace", "0")["result"]
    assert (told["dry_run"], told["removed"], told["kept"]) == (True, 2, 3)


def test_a_file_that_is_used_again_is_kept(world: World, volume: Path) -> None:
    cache = CacheFolder(volume)
    victim = min(gc_notes(volume))
    other = shutil.copytree(volume / "groups/view-ubuntu18.04", volume / "groups/other-ubuntu18.04") / "Packages"
    restate(other, f"{other.read_text()}\nPackage: x\nFilename: pool/{victim}\n")
    assert gc(cache, 3600, 1e9 + 9999).removed == 1  # also of a group that nobody described
    assert victim in pool(volume)


def test_files_of_running_jobs_are_kept(volume: Path) -> None:
    (volume / ".staged").mkdir()
    unneeded = gc_notes(volume)
    (volume / ".staged/needed").write_text("".join(f"{name.removesuffix('.deb')}\n" for name in unneeded))
    assert gc(CacheFolder(volume), 0, 2e9).removed == 0
    assert unneeded <= pool(volume)


def gc_notes(volume: Path) -> set[str]:
    """Return the names of the files that a first run notes as not needed."""
    gc(CacheFolder(volume), 3600, 1e9)
    return {*json.loads((volume / "pool/.unneeded").read_bytes())}


def test_a_process_that_stages_without_the_lock_is_not_disturbed(volume: Path) -> None:
    other = volume / "groups/.new-1234"
    other.mkdir()
    (other / "file").write_bytes(b"12345")
    os.utime(other, (1e9, 1e9))
    found = gc(CacheFolder(volume), 0, 1e9 + 60)
    assert (found.busy, found.removed, other.exists()) == (True, 0, True)
    found = gc(CacheFolder(volume), 0, 1e9 + 9999)  # it was killed
    assert (found.busy, found.removed, other.exists()) == (False, 3, False)
    assert verify(CacheFolder(volume)).problems == ()


def test_a_script_that_begins_meanwhile_ends_it(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Inside.rename
    before = pool(volume)

    def taken_over(inside: Inside, old: str, new: str) -> None:
        (volume / new).parent.rmdir()
        rename(inside, old, new)

    monkeypatch.setattr(Inside, "rename", taken_over)
    found = gc(CacheFolder(volume), 0, 2e9)
    assert (found.busy, found.removed, pool(volume)) == (True, 0, before)


INDEX = "groups/edit-ubuntu18.04/Packages"


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        *((INDEX, damage) for damage in ("removed", "cut short", "other line ends", "a folder")),
        ("groups/edit-ubuntu18.04/Release", "removed"),
        (".staged/needed", "a folder"),
    ],
)
def test_nothing_is_removed_if_a_group_is_unreadable(file: str, damage: str, world: World, volume: Path) -> None:
    (volume / ".staged").mkdir()
    (volume / ".staged/needed").write_text("0" * 64)
    before, content = pool(volume), (volume / file).read_bytes()
    (volume / file).unlink()
    if damage == "a folder":
        (volume / file).mkdir()
    elif damage != "removed":
        (volume / file).write_bytes(content[:40] if damage == "cut short" else content.replace(b"\n", b"\r\n"))
    refused(world.run("gc", "--cache", str(volume), "--grace", "0"), 31, "nothing was removed")
    assert pool(volume) == before


def test_leftovers_of_killed_writers_go_too(world: World, volume: Path) -> None:
    (volume / "pool/.new-abc").write_bytes(b"12")
    (volume / "pool/.partial").mkdir()
    (volume / "pool/.partial/some.deb").write_bytes(b"123")
    assert world.json("gc", "--cache", str(volume), "--grace", "0")["result"]["removed"] == 4
    assert {name for name in pool(volume) if name[0] == "."} == set()


def test_unreadable_notes_are_replaced(volume: Path) -> None:
    (volume / "pool/.unneeded").write_text('{"x": "soon", ')
    assert gc(CacheFolder(volume), 3600, 1e9).waiting == 2
    assert len(json.loads((volume / "pool/.unneeded").read_bytes())) == 2


@pytest.mark.parametrize("note", ["true", "NaN", "-Infinity", "Infinity", "9" * 400, "-1", "0", "1e300", '"x"', "[]"])
def test_an_invalid_time_in_the_notes_is_replaced(note: str, volume: Path) -> None:
    notes = dict.fromkeys(gc_notes(volume), 0)
    (volume / "pool/.unneeded").write_text(json.dumps(notes).replace("0,", f"{note},").replace("0}", f"{note}}}"))
    cache = CacheFolder(volume)
    assert (gc(cache, 3600, 1e9 + 10).removed, gc(cache, 3600, 1e9 + 3611).removed) == (0, 2)


def test_folders_links_and_pipes_are_removed(volume: Path) -> None:
    outside = volume.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("ours")
    for name in ("folder.deb", ".unneeded"):
        (volume / "pool" / name / "below").mkdir(parents=True)
    (volume / "pool/link.deb").symlink_to(outside)
    (volume / "groups/.new-12345678").symlink_to(outside)
    os.mkfifo(volume / "pool/pipe.deb")
    assert gc(CacheFolder(volume), 3600, 1e9).removed == 2
    assert gc(CacheFolder(volume), 3600, 1e9 + 3600).removed == 5
    assert len(pool(volume)) == 3
    assert (outside / "kept").read_text() == "ours"


def test_a_killed_writer_of_whom_the_lock_tells_is_not_waited_for(volume: Path) -> None:
    (volume / "groups/.new-abc_1234").mkdir()
    assert not gc(CacheFolder(volume), 0, time.time()).busy
    script = volume / "groups/.new-0ffe61d8-3b6c-4f7a-9d83-cb8b6e2f4f6e"
    script.mkdir()
    assert gc(CacheFolder(volume), 0, time.time()).busy
    os.utime(script, (4e9, 4e9))  # of a clock that was wrong
    assert not gc(CacheFolder(volume), 0, time.time()).busy
