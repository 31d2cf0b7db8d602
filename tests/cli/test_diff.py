"""Comparing locks and caches for a review."""

import shutil

from tests.support.recordings import record
from tests.support.world import World, printed

TWO_GROUPS = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"


def locked(world: World, name: str, text: str = TWO_GROUPS) -> str:
    """Lock a manifest anew, and give the path of a copy of its lock."""
    lock = world.manifest(text).with_name("package-cache.lock")
    lock.unlink(missing_ok=True)
    assert world.online("lock")[0] == 0
    return str(shutil.copyfile(lock, world.folder / name))


def test_each_change_is_listed_once_with_its_groups(world: World) -> None:
    old = locked(world, "old.lock")
    world.add("libshared", "1.10", suite="bionic-updates", depends="libnew")
    world.add("libnew", "2:1~rc1")
    new = locked(world, "new.lock")
    status, out, err = world.run("diff", old, new)
    assert (status, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert ["ubuntu18.04", "up", "libshared:all", "1.0", "→", "1.10", "edit", "view"] in rows
    assert ["ubuntu18.04", "new", "libnew:all", "2:1~rc1", "edit", "view"] in rows
    assert ["edit", "ubuntu18.04", "changed", "2", "→", "3", "packages"] in [row[:7] for row in rows]
    assert "1 up, 1 new" in out
    result = world.json("diff", old, new)["result"]
    assert result["changes"] == {"up": 1, "down": 0, "new": 1, "gone": 0, "changed": 0}
    assert [group["state"] for group in result["groups"]] == ["changed", "changed"]
    assert 0 < result["new_bytes"] < result["after"]["bytes"]
    back = world.json("diff", new, old)["result"]["changes"]
    assert back == {"up": 0, "down": 1, "new": 0, "gone": 1, "changed": 0}


def test_the_versions_order_is_dpkgs(world: World) -> None:
    for version, kind in (("1.0~rc1", "down"), ("1:0.1", "up"), ("1.0-1", "up")):
        old = locked(world, "old.lock", "edit,ubuntu18.04,editor=1.0\n")
        world.add("editor", version, depends="libshared")
        new = locked(world, "new.lock", f"edit,ubuntu18.04,editor={version}\n")
        [group] = world.json("diff", old, new)["result"]["groups"]
        assert [change["kind"] for change in group["changes"]] == [kind]


def test_other_bytes_of_the_same_version_are_a_change(world: World) -> None:
    old = locked(world, "old.lock")
    world.archive.remove("editor")
    world.add("editor", depends="libshared", Homepage="elsewhere")
    new = locked(world, "new.lock")
    out = world.run("diff", old, new)[1]
    assert "1.0 (other bytes)" in out
    assert world.json("diff", old, new)["result"]["changes"]["changed"] == 1


def test_a_lock_and_the_cache_of_it_hold_the_same(world: World) -> None:
    lock = locked(world, "old.lock")
    world.build()
    result = world.json("diff", lock, str(world.cache))["result"]
    assert (result["different"], result["new_bytes"]) == (False, 0)
    assert (result["before"]["kind"], result["after"]["kind"]) == ("lock", "cache")
    printed(world.run("diff", str(world.cache), str(world.cache), "--exit-code"), 0, "no difference")


def test_new_and_removed_groups_and_the_exit_code(world: World) -> None:
    old = locked(world, "old.lock")
    new = locked(world, "new.lock", "edit,ubuntu18.04,editor\nmore,ubuntu18.04,extras\n")
    status, out, _ = world.run("diff", old, new, "--exit-code")
    assert status == 15
    rows = [line.split()[:3] for line in out.splitlines()]
    assert ["more", "ubuntu18.04", "new"] in rows
    assert ["view", "ubuntu18.04", "gone"] in rows
    told = world.json("diff", old, new, "--exit-code")
    assert (told["status"], told["reason"]) == (15, "different")
    assert world.run("diff", old, new)[0] == 0


def test_recordings_of_two_caches_are_compared(world: World) -> None:
    world.built(TWO_GROUPS)
    record(world.cache, "edit", status=b"gone")
    record(world.cache, "edit", b"before", status=b"changed")
    record(world.cache, "view")
    old = shutil.copytree(world.cache, world.folder / "old")
    shutil.rmtree(world.cache)
    world.built(TWO_GROUPS)
    record(world.cache, "edit", b"after", status=b"changed", image="registry/job:2")
    record(world.cache, "edit", status=b"new", image="registry/job:3")
    record(world.cache, "view")
    status, out, err = world.run("diff", str(old), str(world.cache), "--exit-code")
    assert (status, err) == (15, "")
    rows = [line.split() for line in out.splitlines()]
    assert rows[:3] == [
        ["ubuntu18.04", "changed", "recording:amd64", "of", "registry/job:2", "edit"],
        ["ubuntu18.04", "gone", "recording:amd64", "of", "registry/job:1", "edit"],
        ["ubuntu18.04", "new", "recording:amd64", "of", "registry/job:3", "edit"],
    ]
    assert ["edit", "ubuntu18.04", "changed", "2", "→", "2", "packages"] in [row[:7] for row in rows]
    assert out.splitlines()[-1].endswith(": 1 new (recordings), 1 gone (recordings), 1 changed (recordings)")
    result = world.json("diff", str(old), str(world.cache))["result"]
    assert result["recordings"] == {"new": 1, "gone": 1, "changed": 1}
    assert [(group["name"], group["state"], len(group["recordings"])) for group in result["groups"]] == [
        ("edit", "changed", 3),
        ("view", "same", 0),
    ]


def test_a_lock_has_no_recordings_to_miss(world: World) -> None:
    lock = locked(world, "old.lock")
    world.build()
    record(world.cache, "edit")
    for pair in ((lock, str(world.cache)), (str(world.cache), lock)):
        printed(world.run("diff", *pair, "--exit-code"), 0, "no difference")
