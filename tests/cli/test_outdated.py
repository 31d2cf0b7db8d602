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


def test_each_package_is_listed_with_suite_and_groups(locked: World) -> None:
    before = (locked.folder / "package-cache.lock").read_bytes()
    locked.add("libshared", "1.1", suite="bionic-security")
    locked.add("libshared", "1.1", suite="bionic-updates")
    locked.add("libshared", "1.2~rc1", suite="bionic-updates")
    locked.add("viewer", "0.9", suite="bionic-security")
    locked.add("editor", "2:0.1", suite="bionic-updates")
    locked.add("editor", "0.9", suite="bionic-security")
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


def test_versions_are_compared_like_dpkg(world: World) -> None:
    world.add("editor", "1.9")
    world.archive.publish()
    world.manifest("edit,ubuntu18.04,editor\n")
    assert world.online("lock")[0] == 0
    world.add("editor", "1.10")
    world.archive.publish()
    status, out, _ = world.online("outdated")
    assert (status, "1.9 → 1.10" in out) == (16, True)


def test_pinned_packages_are_listed_and_do_not_count(world: World) -> None:
    world.manifest("edit,ubuntu18.04,editor=1.0\n")
    assert world.online("lock")[0] == 0
    world.add("editor", "1.1", suite="bionic-security")
    world.archive.publish()
    status, out, _ = world.online("outdated")
    assert status == 0
    assert "1 package newer, 1 of them for security, 1 pinned by the manifest" in out


@pytest.mark.parametrize(
    ("system", "today", "applies", "has_ended"),
    [
        ("ubuntu18.04", "2020-01-01", "eol", False),
        ("ubuntu18.04", "2024-01-01", "eol-esm", True),
        ("debian12", "2024-01-01", "eol", False),
        ("debian11", "2025-01-01", "eol-lts", True),
        ("ubuntu18.04", "2222-01-01", None, True),
    ],
)
def test_the_ends_are_the_distributions_own(system: str, today: str, applies: str | None, *, has_ended: bool) -> None:
    support = support_of(System.parse(system), datetime.date.fromisoformat(today))
    assert (support.applies, support.has_ended) == (applies, has_ended)
    assert list(support.ends.values()) == sorted(support.ends.values())


def test_a_system_past_its_end_is_listed(locked: World) -> None:
    status, out, _ = locked.online("outdated")
    assert (status, "standard support ended 2023-" in out) == (0, True)
    assert locked.json("outdated", "--manifest", str(locked.folder / "none"))["status"] == 3
