"""The verb `install` on this very machine, which it leaves as it is: what is there already, and what cannot be."""

import json
from pathlib import Path

import pytest
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.world import World, refused

from package_cache.cache.description import Description
from package_cache.cache.layout import CacheFolder
from package_cache.cli.main import run
from package_cache.releases.os_release import read_os_release

OWN = "{ID}{VERSION_ID}".format(**read_os_release())
"""This machine's own system."""


@pytest.fixture
def own_cache(tmp_path: Path) -> Path:
    """A cache for this machine, with a group of what every machine of the Debian family has."""
    cache = SyntheticCache(tmp_path / "cache", OWN)
    cache.add("base", ["dpkg", "apt"], [make_deb(tmp_path / "debs", "unneeded")])
    Description("2026-01-01T00:00:00+00:00", "test", "manifest", "", "", "", ()).write(CacheFolder(cache.path))
    return cache.path


def test_installed_groups_need_nothing(own_cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["install", "base", "--cache", str(own_cache)]) == 0
    assert capfd.readouterr() == ("package-cache: base: already there, nothing to do\n", "")
    assert run(["install", "base", "--cache", str(own_cache), "--json"]) == 0
    out, err = capfd.readouterr()
    answer = json.loads(out)
    assert (err, answer["status"], answer["reason"]) == ("", 0, "ok")
    assert (answer["result"]["already_there"], answer["result"]["installed"]) == ("2", "0")


def test_the_cache_is_built_first_and_the_installers_status_is_ours(world: World) -> None:
    other = "ubuntu18.04"
    assert other != OWN, "this test wants a machine that is not Ubuntu 18.04"
    world.manifest(f"edit,{other},editor\n")
    told = f"the group edit is not for {OWN}; it is for: {other}"
    refused(world.online("install", "edit", "--cache", str(world.cache)), 11, told)
    assert world.run("list", "--cache", str(world.cache))[0] == 0


def test_a_cache_whose_name_has_a_typo_is_not_built(world: World) -> None:
    world.manifest("edit,ubuntu18.04,editor\n")
    cache = world.folder / "nope"
    refused(world.run("install", "edit", "--cache", str(cache)), 30, f"cannot find a cache in {cache}")
    assert not cache.exists()


def test_options_are_not_taken_for_groups(own_cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["install", "--cache", str(own_cache), "--", "--help"]) == 2
    assert "is not a group's name" in capfd.readouterr().err
