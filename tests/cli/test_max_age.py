"""What is too old is neither built from nor staged from; the installer is not asked."""

import json
import tomllib

import pytest
from tests.support.world import World

TOML = """\
max-age = "30d"

[[group]]
name = "edit"
systems = ["ubuntu18.04"]
packages = ["editor"]
"""
OLD = "2020-02-03T04:05:06+00:00"


def age_lock(world: World, time: str = OLD) -> None:
    """Change the time of the lock."""
    lock = world.folder / "package-cache.lock"
    created = tomllib.loads(lock.read_text())["created"]
    lock.write_text(lock.read_text().replace(created, time))


@pytest.fixture
def aging(world: World) -> World:
    """A manifest with max-age, and a cache of it."""
    world.manifest(TOML, "package-cache.toml")
    assert build(world)[0] == 0
    return world


def build(world: World, *words: str) -> tuple[int, str, str]:
    return world.build("--manifest", str(world.folder / "package-cache.toml"), *words)


def test_a_fresh_lock_is_accepted_and_the_cache_records_its_time(aging: World) -> None:
    created = tomllib.loads((aging.folder / "package-cache.lock").read_text())["created"]
    assert "up to date" in build(aging)[1]
    listed = aging.json("list", "--cache", str(aging.cache))["result"]
    assert listed["locked"] == created
    assert f"locked {created}" in aging.run("list", "--cache", str(aging.cache))[1]


def test_an_old_lock_is_refused_also_where_the_cache_is_up_to_date(aging: World) -> None:
    age_lock(aging)
    status, _, err = build(aging)
    assert status == 17
    assert f"it was created {OLD}, " in err
    assert "days ago, and max-age is 30 days" in err
    assert "lock again: package-cache lock" in err
    assert build(aging, "--max-age", "none")[0] == 0
    assert build(aging, "--max-age", "9999w")[0] == 0
    assert build(aging)[0] == 17
    assert aging.online("lock", "--manifest", str(aging.folder / "package-cache.toml"))[0] == 0
    assert build(aging)[0] == 0


def test_a_lock_without_a_date_is_refused_only_where_its_age_matters(world: World) -> None:
    world.manifest("edit,ubuntu18.04,editor\n")
    assert world.build()[0] == 0
    assert "created" not in (world.folder / "package-cache.lock").read_text()
    status, _, err = world.build("--max-age", "30d")
    assert (status, "cannot tell how old" in err, "--dated" in err) == (4, True, True)
    assert world.online("lock", "--dated")[0] == 0
    assert world.build("--max-age", "30d")[0] == 0


def test_stage_refuses_only_where_it_is_asked_to(aging: World) -> None:
    file = aging.cache / "package-cache.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"locked": OLD}))
    words = ["stage", "edit", "--cache", str(aging.cache), "--to", str(aging.folder / "volume")]
    status, _, err = aging.run(*words, "--max-age", "30d")
    assert (status, (aging.folder / "volume").exists()) == (17, False)
    assert f"it was locked {OLD}, " in err
    assert aging.json(*words, "--max-age", "30d")["reason"] == "too-old"
    assert aging.run(*words, "--max-age", "none")[0] == 0
    assert aging.run(*words)[0] == 0


def test_invalid_times(aging: World) -> None:
    age_lock(aging, "yesterday")
    status, _, err = build(aging)
    assert (status, "created: 'yesterday' is not a time" in err) == (4, True)
    age_lock(aging, "2020-02-31T00:00:00Z")
    assert build(aging)[0] == 4
    file = aging.cache / "package-cache.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"created": "yesterday"}))
    words = ["stage", "edit", "--cache", str(aging.cache), "--to", str(aging.folder / "volume")]
    status, _, err = aging.run(*words, "--max-age", "30d")
    assert (status, "is not a time: 'yesterday'" in err) == (31, True)


@pytest.mark.parametrize("age", ["soon", "0d", "30", "-1d", "3 months"])
def test_an_invalid_age_in_the_manifest(world: World, age: str) -> None:
    world.manifest(TOML.replace("30d", age), "package-cache.toml")
    status, _, err = build(world)
    assert status == 3
    assert f"package-cache.toml:1:1: max-age: '{age}' is not an age" in err
    assert "such as 12h, 30d or 4w" in err
    assert build(world, "--max-age", age)[0] == 2
