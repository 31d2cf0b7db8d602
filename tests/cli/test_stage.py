"""Staging groups to a volume."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.world import World

from package_cache.cache.layout import CacheFolder
from package_cache.cache.verify import verify
from package_cache.stage import stage

TWO_GROUPS = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"


def test_staged_groups_are_complete_and_add_up(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    volume = world.folder / "volume"
    assert "2 new files" in world.run("stage", "edit", "--cache", str(world.cache), "--to", str(volume))[1]
    assert "1 new file" in world.run("stage", "view", "--cache", str(world.cache), "--to", str(volume))[1]
    assert "nothing to do" in world.run("stage", "view", "--cache", str(world.cache), "--to", str(volume))[1]
    listed = world.json("list", "--cache", str(volume))["result"]["groups"]
    assert [group["name"] for group in listed] == ["edit", "view"]
    assert world.run("verify", "--cache", str(volume))[0] == 0


def test_two_at_once_are_both_right(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    volume = world.folder / "volume"
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda group: stage([group], CacheFolder(world.cache), volume), ["edit", "view"] * 5))
    assert verify(CacheFolder(volume)).problems == ()
    assert len(list((volume / "pool").iterdir())) == 3


def test_a_truncated_package_is_not_staged(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    victim = next((world.cache / "pool").glob("*.deb"))
    victim.write_bytes(b"")
    volume = world.folder / "volume"
    status, _, err = world.run("stage", "edit", "view", "--cache", str(world.cache), "--to", str(volume))
    assert status == 31
    assert "does not match its hash or size" in err
    assert not volume.exists()


def test_an_altered_package_of_the_same_size_is_not_staged(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    victim = next((world.cache / "pool").glob("*.deb"))
    victim.write_bytes(bytes(victim.stat().st_size))
    volume = world.folder / "volume"
    status, _, err = world.run("stage", "edit", "view", "--cache", str(world.cache), "--to", str(volume))
    assert status == 31
    assert f"{victim} does not match its hash or size" in err
    assert list((volume / "pool").glob(victim.name)) == list((volume / "pool").glob(".new-*")) == []
    assert not (volume / "package-cache.json").exists()


def test_an_altered_package_of_the_same_size_is_staged_again(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    volume = world.folder / "volume"
    words = ["stage", "edit", "view", "--cache", str(world.cache), "--to", str(volume)]
    world.run(*words)
    victim = next((volume / "pool").glob("*.deb"))
    intact = victim.read_bytes()
    victim.write_bytes(bytes(len(intact)))
    assert "1 new file" in world.run(*words)[1]
    assert victim.read_bytes() == intact
    assert verify(CacheFolder(volume)).problems == ()


def put_folder(place: Path) -> None:
    (place / "in it").mkdir(parents=True)


def put_link(place: Path) -> None:
    place.symlink_to(next(path for path in place.parent.glob("*.deb") if not path.is_symlink()))


@pytest.mark.parametrize("put", [put_folder, put_link, os.mkfifo])
@pytest.mark.parametrize("verb", ["build", "stage"])
def test_other_kinds_of_files_in_the_pool_are_replaced(verb: str, put: Callable[[Path], None], world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    words = ["stage", "edit", "view", "--cache", str(world.cache), "--to", str(world.folder / "volume")]
    world.run(*words)
    place = world.cache if verb == "build" else world.folder / "volume"
    victim = next((place / "pool").glob("*.deb"))
    victim.unlink()
    put(victim)
    status, _, err = world.build() if verb == "build" else world.run(*words)
    assert (status, err) == (0, "")
    assert verify(CacheFolder(place)).problems == ()
    assert not victim.is_symlink()


def test_a_job_that_writes_to_its_volume_does_not_write_to_the_cache(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    volume = world.folder / "volume"
    world.run("stage", "edit", "view", "--cache", str(world.cache), "--to", str(volume))
    for staged in volume.rglob("*"):
        if staged.is_file():
            staged.chmod(0o666)
            staged.write_bytes(b"written by a job")
    assert verify(CacheFolder(world.cache)).problems == ()


@pytest.mark.parametrize("name", ["package-cache.json", "install_group.sh", "groups/edit-ubuntu18.04/amd64.group"])
def test_a_file_that_is_a_pipe_is_not_waited_for(name: str, world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    (world.cache / name).unlink()
    os.mkfifo(world.cache / name)
    volume = world.folder / "volume"
    status, _, err = world.run("stage", "edit", "--cache", str(world.cache), "--to", str(volume))
    assert (status, volume.exists()) == (31, False)
    assert "is not a regular file" in err
    status, _, err = world.run("verify", "--cache", str(world.cache))
    assert (status, name.rpartition("/")[2] in err) == (31, True)


def test_a_description_that_leads_elsewhere_touches_nothing_there(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    description = world.cache / "package-cache.json"
    document = json.loads(description.read_bytes())
    document["groups"][0].update(system="/../../../precious", files={})
    description.write_text(json.dumps(document))
    (world.folder / "precious").mkdir()
    (world.folder / "precious/file").write_text("mine")
    volume = world.folder / "volume"
    status, _, err = world.run("stage", "edit", "--cache", str(world.cache), "--to", str(volume))
    assert (status, volume.exists()) == (31, False)
    assert "groups[0].system: '/../../../precious' is not an OS release" in err
    assert (world.folder / "precious/file").read_text() == "mine"


def test_a_link_is_not_staged(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    victim = next((world.cache / "pool").glob("*.deb"))
    secret = world.folder / "secret"
    secret.write_bytes(b"x" * victim.stat().st_size)
    victim.unlink()
    victim.symlink_to(secret)
    volume = world.folder / "volume"
    status, _, err = world.run("stage", "edit", "view", "--cache", str(world.cache), "--to", str(volume))
    assert status == 31
    assert "does not match its hash or size" in err
    assert not volume.exists()


@pytest.mark.parametrize(
    "name", ["pool", "groups", "groups/edit-ubuntu18.04", "package-cache.json", "install_group.sh", ".lock"]
)
def test_a_link_on_the_volume_does_not_lead_out_of_it(name: str, world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    volume, outside = world.folder / "volume", world.folder / "outside"
    for folder in (volume, outside):
        folder.mkdir()
    (volume / name).parent.mkdir(exist_ok=True)
    (volume / name).symlink_to(outside / "new" if "." in name else outside)
    status, _, err = world.run("stage", "edit", "--cache", str(world.cache), "--to", str(volume))
    assert not list(outside.iterdir())
    if name == ".lock":
        assert (status, "Too many levels of symbolic links" in err) == (42, True)
    else:
        assert status == 0
        assert verify(CacheFolder(volume)).problems == ()
