"""Staging groups to a volume."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.recordings import described, record
from tests.support.world import World, refused

from package_cache.cache.layout import CacheFolder
from package_cache.cache.recordings import read_recordings
from package_cache.cache.verify import verify
from package_cache.filesystem.paths import sha256_of
from package_cache.stage import stage

TWO_GROUPS = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"


@pytest.fixture
def built(world: World) -> World:
    world.built(TWO_GROUPS)
    return world


@pytest.fixture
def volume(world: World) -> Path:
    return world.folder / "volume"


def staged(world: World, *groups: str) -> tuple[int, str, str]:
    return world.run("stage", *groups, "--cache", str(world.cache), "--to", str(world.folder / "volume"))


def test_staged_groups_are_complete_and_add_up(built: World, volume: Path) -> None:
    assert "2 new files" in staged(built, "edit")[1]
    assert "1 new file" in staged(built, "view")[1]
    assert "nothing to do" in staged(built, "view")[1]
    listed = built.json("list", "--cache", str(volume))["result"]["groups"]
    assert [group["name"] for group in listed] == ["edit", "view"]
    assert built.run("verify", "--cache", str(volume))[0] == 0


def test_two_at_once_are_both_right(built: World, volume: Path) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda group: stage([group], CacheFolder(built.cache), volume), ["edit", "view"] * 5))
    assert verify(CacheFolder(volume)).problems == ()
    assert len(list((volume / "pool").iterdir())) == 3


def put_link_to_secret(place: Path) -> None:
    secret = place.parents[2] / "secret"
    secret.write_bytes(b"x" * place.stat().st_size)
    place.unlink()
    place.symlink_to(secret)


def truncate(place: Path) -> None:
    place.write_bytes(b"")


def alter(place: Path) -> None:
    place.write_bytes(bytes(place.stat().st_size))


@pytest.mark.parametrize("damage", [truncate, alter, put_link_to_secret])
def test_a_damaged_package_is_not_staged(damage: Callable[[Path], None], built: World, volume: Path) -> None:
    victim = next((built.cache / "pool").glob("*.deb"))
    damage(victim)
    refused(staged(built, "edit", "view"), 31, f"{victim} does not match its hash or size")
    assert list(volume.glob(f"pool/{victim.name}")) == list(volume.glob("pool/.new-*")) == []
    assert not (volume / "package-cache.json").exists()
    assert volume.exists() == (damage is alter)  # which is seen only while it is copied


def test_an_altered_package_of_the_same_size_is_staged_again(built: World, volume: Path) -> None:
    staged(built, "edit", "view")
    victim = next((volume / "pool").glob("*.deb"))
    intact = victim.read_bytes()
    victim.write_bytes(bytes(len(intact)))
    assert "1 new file" in staged(built, "edit", "view")[1]
    assert victim.read_bytes() == intact
    assert verify(CacheFolder(volume)).problems == ()


def put_folder(place: Path) -> None:
    (place / "in it").mkdir(parents=True)


def put_link(place: Path) -> None:
    place.symlink_to(next(path for path in place.parent.glob("*.deb") if not path.is_symlink()))


@pytest.mark.parametrize("put", [put_folder, put_link, os.mkfifo])
@pytest.mark.parametrize("verb", ["build", "stage"])
def test_other_kinds_of_files_in_the_pool_are_replaced(verb: str, put: Callable[[Path], None], built: World) -> None:
    staged(built, "edit", "view")
    place = built.cache if verb == "build" else built.folder / "volume"
    victim = next((place / "pool").glob("*.deb"))
    victim.unlink()
    put(victim)
    assert (built.build() if verb == "build" else staged(built, "edit", "view"))[::2] == (0, "")
    assert verify(CacheFolder(place)).problems == ()
    assert not victim.is_symlink()


def test_a_job_that_writes_to_its_volume_does_not_write_to_the_cache(built: World, volume: Path) -> None:
    staged(built, "edit", "view")
    for path in volume.rglob("*"):
        if path.is_file():
            path.chmod(0o666)
            path.write_bytes(b"written by a job")
    assert verify(CacheFolder(built.cache)).problems == ()


@pytest.mark.parametrize("name", ["package-cache.json", "install_group.sh", "groups/edit-ubuntu18.04/amd64.group"])
def test_a_file_that_is_a_pipe_is_not_waited_for(name: str, built: World, volume: Path) -> None:
    (built.cache / name).unlink()
    os.mkfifo(built.cache / name)
    status, _, err = staged(built, "edit")
    assert (status, volume.exists()) == (31, False)
    assert "is not a regular file" in err
    status, _, err = built.run("verify", "--cache", str(built.cache))
    assert (status, name.rpartition("/")[2] in err) == (31, True)


def test_a_description_that_leads_elsewhere_touches_nothing_there(built: World, volume: Path) -> None:
    description = built.cache / "package-cache.json"
    document = json.loads(description.read_bytes())
    document["groups"][0].update(system="/../../../precious", files={})
    description.write_text(json.dumps(document))
    (built.folder / "precious").mkdir()
    (built.folder / "precious/file").write_text("mine")
    status, _, err = staged(built, "edit")
    assert (status, volume.exists()) == (31, False)
    assert "groups[0].system: '/../../../precious' is not an OS release" in err
    assert (built.folder / "precious/file").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["pool", "groups", "groups/edit-ubuntu18.04", "package-cache.json", "install_group.sh", ".lock"]
)
def test_a_link_on_the_volume_does_not_lead_out_of_it(name: str, built: World, volume: Path) -> None:
    outside = built.folder / "outside"
    for folder in (volume, outside):
        folder.mkdir()
    (volume / name).parent.mkdir(exist_ok=True)
    (volume / name).symlink_to(outside / "new" if "." in name else outside)
    status, _, err = staged(built, "edit")
    assert not list(outside.iterdir())
    if name == ".lock":
        assert (status, "Too many levels of symbolic links" in err) == (42, True)
    else:
        assert status == 0
        assert verify(CacheFolder(volume)).problems == ()


def test_recordings_are_staged_with_their_group(built: World, volume: Path) -> None:
    staged(built, "edit", "view")
    recordings = record(built.cache, "edit"), record(built.cache, "edit", status=b"other")
    record(built.cache, "view")
    assert "nothing to do" in staged(built, "edit")[1]  # no package file
    assert set(read_recordings(CacheFolder(volume), described(volume, "edit"))) == set(recordings)
    assert read_recordings(CacheFolder(volume), described(volume, "view")) == ()
    assert verify(CacheFolder(volume)).problems == ()
    folder = volume / "groups/edit-ubuntu18.04"
    assert (folder / recordings[0].file).stat().st_nlink == 1
    before = folder.stat().st_ino
    staged(built, "edit")
    assert folder.stat().st_ino == before


@pytest.mark.parametrize("damage", [truncate, alter, put_link_to_secret, Path.unlink])
def test_a_damaged_recording_is_not_staged(damage: Callable[[Path], None], built: World, volume: Path) -> None:
    victim = built.cache / "groups/edit-ubuntu18.04" / record(built.cache, "edit").file
    damage(victim)
    refused(staged(built, "edit"), 31, f"cannot read {victim}: ")
    assert not (volume / "package-cache.json").exists()
    assert not list(volume.glob("groups/*")) + list(volume.glob("groups/.new-*"))
    assert volume.exists() == (damage is alter)  # which is seen only while it is copied


def test_a_group_on_the_volume_outlives_a_damaged_recording(built: World, volume: Path) -> None:
    staged(built, "edit", "view")
    alter(built.cache / "groups/edit-ubuntu18.04" / record(built.cache, "edit").file)
    refused(staged(built, "edit"), 31, "it was altered", "hint: build the cache again")
    assert described(volume, "edit").recording_files == []
    assert verify(CacheFolder(volume)).problems == ()


def test_only_what_is_expected_is_staged(built: World, volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = built.run("show", "edit", "--cache", str(built.cache))[1].splitlines()
    [word] = [line.removeprefix("expect: ") for line in lines if line.startswith("expect: ")]
    assert word == f"edit={sha256_of(built.cache / 'groups/edit-ubuntu18.04/Release')}"
    stage = ["stage", "edit", "--cache", str(built.cache), "--to", str(volume)]
    other = f"edit={'0' * 64}"
    refused(built.run(*stage, "--expect", other), 33, "is expected of the Release of edit for ubuntu18.04")
    refused(built.run(*stage, "view", "--expect", word), 33, "view for ubuntu18.04")
    refused(built.run(*stage, "--expect", "edit=abc"), 2, "is not GROUP=SHA256")
    assert not volume.exists()
    monkeypatch.setenv("PACKAGE_CACHE_EXPECT", other)
    assert built.run(*stage)[0] == 33
    monkeypatch.setenv("PACKAGE_CACHE_EXPECT", f"{other} {word}")
    assert built.json(*stage)["result"]["expected"] == [{"group": "edit", "sha256": word.partition("=")[2]}]
