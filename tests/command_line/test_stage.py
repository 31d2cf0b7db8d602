"""Staging groups to a volume."""

from concurrent.futures import ThreadPoolExecutor

from tests.command_line.conftest import World

from package_cache.cache.layout import CacheFolder
from package_cache.verbs.stage import stage
from package_cache.verbs.verify import verify

TWO_GROUPS = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"


def test_staged_groups_are_whole_and_add_up(world: World) -> None:
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
    assert "is not the file it was" in err
    assert not (volume / "package-cache.json").exists()


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
    assert "is not the file it was" in err
    assert not (volume / "pool" / victim.name).exists()


def test_an_unknown_group_is_told_with_those_there_are(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    words = ["stage", "debug", "--cache", str(world.cache), "--to", str(world.folder / "volume")]
    status, _, err = world.run(*words)
    assert status == 10
    assert "the groups there are: edit, view" in err
    told = world.json(*words)
    assert (told["status"], told["reason"]) == (10, "no-such-group")
