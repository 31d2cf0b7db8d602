"""What `lock` takes anew and what it keeps, and what `outdated` finds newer in the archive."""

import datetime
import tomllib

import pytest
from tests.support.vendor import GROUP
from tests.support.world import World, refused

from package_cache.releases.distributions import support_of
from package_cache.system import System

ONE = "edit,ubuntu18.04,editor\n"
TWO = ONE + "view,ubuntu18.04,viewer\n"


@pytest.fixture
def locked(world: World) -> World:
    """A lock of two groups, after which the archive got a newer version of everything in them."""
    world.locked(TWO)
    world.add("libshared", "1.1", suite="bionic-updates")
    world.add("editor", "1.1", suite="bionic-updates", depends="libshared")
    world.add("viewer", "1.1", suite="bionic-updates", depends="libshared")
    return world


def versions(world: World) -> dict[str, str]:
    [system] = tomllib.loads((world.folder / "package-cache.lock").read_text())["system"]
    assert len({item["name"] for item in system["package"]}) == len(system["package"])
    return {item["name"]: item["version"] for item in system["package"]}


def test_a_plain_lock_upgrades_and_lists_the_changes(locked: World) -> None:
    status, out, err = locked.online("lock")
    assert (status, err) == (0, "")
    assert versions(locked) == {"editor": "1.1", "libshared": "1.1", "viewer": "1.1"}
    assert "since the previous lock: 3 up" in out
    assert "since" not in locked.online("lock", "--upgrade")[1]


def test_keep_while_a_group_is_added(locked: World) -> None:
    locked.manifest(TWO + "more,ubuntu18.04,extras\n")
    assert locked.online("lock", "--keep")[::2] == (0, "")
    assert versions(locked) == {"editor": "1.0", "extras": "1.0", "libshared": "1.0", "viewer": "1.0"}
    before = (locked.folder / "package-cache.lock").read_text()
    assert locked.online("lock", "--keep")[0] == 0
    assert (locked.folder / "package-cache.lock").read_text() == before


@pytest.mark.parametrize(("name", "shared"), [("editor", "1.0"), ("edit", "1.1")])
def test_one_package_or_a_group_with_its_shared_packages_is_upgraded(locked: World, name: str, shared: str) -> None:
    assert locked.online("lock", "--upgrade", name)[::2] == (0, "")
    assert versions(locked) == {"editor": "1.1", "libshared": shared, "viewer": "1.0"}


def test_a_package_is_upgraded_with_its_new_dependencies(locked: World) -> None:
    locked.add("editor", "1.2", suite="bionic-updates", depends="libshared (>= 1.1)")
    status, _, err = locked.online("lock", "--upgrade", "editor")
    assert status == 0
    assert versions(locked) == {"editor": "1.2", "libshared": "1.1", "viewer": "1.0"}
    assert "ubuntu18.04 amd64: what is needed now does not go with libshared 1.0 (now 1.1)" in err


def test_a_version_that_the_archive_dropped_causes_a_warning(world: World) -> None:
    world.locked(TWO)
    world.archive.remove("viewer")
    world.add("viewer", "2.0", depends="libshared")
    world.add("libshared", "1.1")
    status, _, err = world.online("lock", "--keep")
    assert status == 0
    assert err == "warning: ubuntu18.04 amd64: the archive no longer has viewer 1.0 (now 2.0)\n"
    assert versions(world) == {"editor": "1.0", "libshared": "1.0", "viewer": "2.0"}


def test_other_bytes_of_a_kept_version_cause_a_warning(world: World) -> None:
    world.locked(ONE)
    world.archive.remove("editor")
    world.add("editor", depends="libshared", Homepage="elsewhere")
    assert "the archive has other bytes of editor 1.0" in world.online("lock", "--keep")[2]


def test_a_version_in_the_manifest_overrides_the_lock(locked: World) -> None:
    locked.manifest("edit,ubuntu18.04,editor=1.1\nview,ubuntu18.04,viewer\n")
    assert locked.online("lock", "--keep")[::2] == (0, "")
    assert versions(locked) == {"editor": "1.1", "libshared": "1.0", "viewer": "1.0"}


def test_unknown_names_are_all_listed(locked: World) -> None:
    refused(locked.online("lock", "--upgrade", "edit", "editr", "vieww"), 2, "cannot upgrade 'editr', 'vieww'")
    assert locked.online("lock", "editor")[0] == 2
    assert locked.online("lock", "--keep", "--upgrade")[0] == 2
    assert versions(locked)["editor"] == "1.0"


def test_a_lock_that_cannot_be_read_is_not_kept_in_silence(locked: World) -> None:
    (locked.folder / "package-cache.lock").write_text("format = 1\nsystem = 3\n")
    refused(locked.online("lock", "--keep"), 4, "lock again: package-cache lock")
    assert locked.online("lock")[0] == 0
    assert versions(locked)["editor"] == "1.1"


def test_keep_with_a_pin(locked: World) -> None:
    pin = '[[pin]]\npackages = ["extras"]\nversion = "1.0"\npriority = 600\n'
    locked.manifest(GROUP.replace("oddity", "editor") + pin)
    (locked.folder / "package_cache_info").unlink()
    assert locked.online("lock", "--keep")[::2] == (0, "")
    assert versions(locked) == {"editor": "1.0", "libshared": "1.0"}


def test_nothing_newer_is_status_0(world: World) -> None:
    world.locked(TWO)
    status, out, err = world.online("outdated")
    assert (status, err) == (0, "")
    assert "nothing is newer" in out
    assert "standard support ended 2023-" in out


def test_each_package_is_listed_with_suite_and_groups(world: World) -> None:
    world.locked(TWO)
    before = (world.folder / "package-cache.lock").read_bytes()
    for name, version, suite in (
        ("libshared", "1.1", "security"), ("libshared", "1.1", "updates"), ("libshared", "1.2~rc1", "updates"),
        ("viewer", "0.9", "security"), ("editor", "2:0.1", "updates"), ("editor", "0.9", "security"),
    ):  # fmt: skip
        world.add(name, version, suite=f"bionic-{suite}")
    status, out, _ = world.online("outdated")
    assert status == 16
    rows = [line.split() for line in out.splitlines()]
    assert ["editor:all", "1.0", "→", "2:0.1", "bionic-updates", "edit"] in rows
    assert ["libshared:all", "1.0", "→", "1.2~rc1", "bionic-updates", "security:", "1.1", "edit", "view"] in rows
    assert "2 packages newer, 1 of them for security" in out
    assert (world.folder / "package-cache.lock").read_bytes() == before
    assert world.online("lock")[0] == 0
    assert world.online("outdated")[0] == 0


def test_only_security_updates_count_where_that_is_asked_for(world: World) -> None:
    world.locked(TWO)
    world.add("editor", "1.1", suite="bionic-updates")
    assert world.online("outdated", "--security")[0] == 0
    assert world.online("outdated")[0] == 16
    world.add("libshared", "1.1", suite="bionic-security")
    status, out, _ = world.online("outdated", "--security")
    assert (status, "libshared" in out, "editor:all" in out) == (16, True, False)
    assert "1 package newer, 1 of them for security" in out


@pytest.mark.parametrize(
    ("wanted", "newer", "status", "told"),
    [
        ("editor", "1.10", 16, "1.9 → 1.10"),  # as dpkg compares them
        ("editor=1.9", "2.0", 0, "1 package newer, 1 of them for security, 1 pinned by the manifest"),
    ],
)
def test_newer_versions_and_pinned_ones(world: World, wanted: str, newer: str, status: int, told: str) -> None:
    world.add("editor", "1.9")
    world.locked(f"edit,ubuntu18.04,{wanted}\n")
    world.add("editor", newer, suite="bionic-security")
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
