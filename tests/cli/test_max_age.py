"""What is too old is neither built from nor staged from; the installer is not asked."""

import json
import tomllib

import pytest
from tests.support.world import World, refused, toml_group

TOML = f'max-age = "30d"\n\n{toml_group("edit", "editor")}'
OLD = "2020-02-03T04:05:06+00:00"


def age_lock(world: World, time: str = OLD) -> None:
    lock = world.folder / "package-cache.lock"
    created = tomllib.loads(lock.read_text())["created"]
    lock.write_text(lock.read_text().replace(created, time))


@pytest.fixture
def aging(world: World) -> World:
    """A manifest with max-age, and a cache of it."""
    world.manifest(TOML)
    assert world.build()[0] == 0
    return world


def test_a_fresh_lock_is_accepted_and_the_cache_records_its_time(aging: World) -> None:
    created = tomllib.loads((aging.folder / "package-cache.lock").read_text())["created"]
    assert "up to date" in aging.build()[1]
    listed = aging.json("list", "--cache", str(aging.cache))["result"]
    assert listed["locked"] == created
    assert f"locked {created}" in aging.run("list", "--cache", str(aging.cache))[1]


def test_an_old_lock_is_refused_also_where_the_cache_is_up_to_date(aging: World) -> None:
    age_lock(aging)
    refused(aging.build(), 17, f"it was created {OLD}, ")
    assert aging.build("--max-age", "none")[0] == 0
    assert aging.build("--max-age", "9999w")[0] == 0
    assert aging.build()[0] == 17
    assert aging.online("lock")[0] == 0
    assert aging.build()[0] == 0


def test_a_lock_without_a_date_is_refused_only_where_its_age_matters(world: World) -> None:
    world.manifest("edit,ubuntu18.04,editor\n")
    assert world.build()[0] == 0
    assert "created" not in (world.folder / "package-cache.lock").read_text()
    refused(world.build("--max-age", "30d"), 4, "cannot tell how old", "--dated")
    assert world.online("lock", "--dated")[0] == 0
    assert world.build("--max-age", "30d")[0] == 0


def described(world: World, **fields: str) -> list[str]:
    """Change the description of the cache, and return the words that stage a group of it."""
    file = world.cache / "package-cache.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | fields))
    return ["stage", "edit", "--cache", str(world.cache), "--to", str(world.folder / "volume")]


def test_stage_refuses_only_where_it_is_asked_to(aging: World) -> None:
    words = described(aging, locked=OLD)
    refused(aging.run(*words, "--max-age", "30d"), 17, f"it was locked {OLD}, ")
    assert not (aging.folder / "volume").exists()
    assert aging.json(*words, "--max-age", "30d")["reason"] == "too-old"
    assert aging.run(*words, "--max-age", "none")[0] == 0
    assert aging.run(*words)[0] == 0


def test_invalid_times(aging: World) -> None:
    age_lock(aging, "yesterday")
    refused(aging.build(), 4, "created: 'yesterday' is not a time")
    age_lock(aging, "2020-02-31T00:00:00Z")
    assert aging.build()[0] == 4
    refused(aging.run(*described(aging, created="yesterday"), "--max-age", "30d"), 31, "is not a time: 'yesterday'")


@pytest.mark.parametrize("age", ["soon", "0d", "30", "-1d", "3 months"])
def test_an_invalid_age_in_the_manifest(world: World, age: str) -> None:
    world.manifest(TOML.replace("30d", age))
    refused(world.build(), 3, f"package-cache.toml:1:1: max-age: '{age}' is not an age", "such as 12h, 30d or 4w")
    assert world.build("--max-age", age)[0] == 2
