"""What the archive has newer than the lock."""

import datetime

import pytest
from tests.support.world import World

from package_cache.releases.distributions import support_of
from package_cache.system import System

TWO_GROUPS = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"


@pytest.fixture
def locked(world: World) -> World:
    world.manifest(TWO_GROUPS)
    assert world.online("lock")[0] == 0
    return world


def test_nothing_newer_is_status_0(locked: World) -> None:
    status, out, err = locked.online("outdated")
    assert (status, err) == (0, "")
    assert "nothing is newer" in out
    assert "standard support ended 2023-" in out


def test_each_package_is_listed_with_suite_and_groups(locked: World) -> None:
    before = (locked.folder / "package-cache.lock").read_bytes()
    for name, version, suite in (
        ("libshared", "1.1", "security"), ("libshared", "1.1", "updates"), ("libshared", "1.2~rc1", "updates"),
        ("viewer", "0.9", "security"), ("editor", "2:0.1", "updates"), ("editor", "0.9", "security"),
    ):  # fmt: skip
        locked.add(name, version, suite=f"bionic-{suite}")
    locked.archive.publish()
    status, out, _ = locked.online("outdated")
    assert status == 16
    rows = [line.split() for line in out.splitlines()]
    assert ["editor:all", "1.0", "→", "2:0.1", "bionic-updates", "edit"] in rows
    assert ["libshared:all", "1.0", "→", "1.2~rc1", "bionic-updates", "security:", "1.1", "edit", "view"] in rows
    assert "2 packages newer, 1 of them for security" in out
    assert (locked.folder / "package-cache.lock").read_bytes() == before
    assert locked.online("lock")[0] == 0
    assert locked.online("outdated")[0] == 0


@pytest.mark.parametrize(
    ("wanted", "newer", "status", "told"),
    [
        ("editor", "1.10", 16, "1.9 → 1.10"),  # as dpkg compares them
        ("editor=1.9", "2.0", 0, "1 package newer, 1 of them for security, 1 pinned by the manifest"),
    ],
)
def test_newer_versions_and_pinned_ones(world: World, wanted: str, newer: str, status: int, told: str) -> None:
    world.add("editor", "1.9")
    world.archive.publish()
    world.manifest(f"edit,ubuntu18.04,{wanted}\n")
    assert world.online("lock")[0] == 0
    world.add("editor", newer, suite="bionic-security")
    world.archive.publish()
    found, out, _ = world.online("outdated")
    assert (found, told in out) == (status, True)


@pytest.mark.parametrize(
    ("system", "year", "applies", "has_ended"),
    [
        ("ubuntu18.04", 2020, "eol", False),
        ("ubuntu18.04", 2024, "eol-esm", True),
        ("debian12", 2024, "eol", False),
        ("debian11", 2025, "eol-lts", True),
        ("ubuntu18.04", 2222, None, True),
    ],
)
def test_the_ends_are_the_distributions_own(system: str, year: int, applies: str | None, *, has_ended: bool) -> None:
    support = support_of(System.parse(system), datetime.date(year, 1, 1))
    assert (support.applies, support.has_ended) == (applies, has_ended)
    assert list(support.ends.values()) == sorted(support.ends.values())


def test_a_manifest_that_is_not_there(world: World) -> None:
    assert world.json("outdated", "--manifest", str(world.folder / "none"))["status"] == 3
