"""What `lock` takes anew and what it keeps."""

import tomllib

import pytest
from tests.support.vendor import GROUP
from tests.support.world import World, refused

ONE = "edit,ubuntu18.04,editor\n"
TWO = ONE + "view,ubuntu18.04,viewer\n"


@pytest.fixture
def locked(world: World) -> World:
    """A lock of two groups, after which the archive got a newer version of everything in them."""
    world.manifest(TWO)
    assert world.online("lock")[0] == 0
    world.add("libshared", "1.1", suite="bionic-updates")
    world.add("editor", "1.1", suite="bionic-updates", depends="libshared")
    world.add("viewer", "1.1", suite="bionic-updates", depends="libshared")
    world.archive.publish()
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


def test_one_package_is_upgraded(locked: World) -> None:
    assert locked.online("lock", "--upgrade", "editor")[::2] == (0, "")
    assert versions(locked) == {"editor": "1.1", "libshared": "1.0", "viewer": "1.0"}


def test_one_group_is_upgraded_with_its_shared_packages(locked: World) -> None:
    assert locked.online("lock", "--upgrade", "edit")[::2] == (0, "")
    assert versions(locked) == {"editor": "1.1", "libshared": "1.1", "viewer": "1.0"}


def test_a_package_is_upgraded_with_its_new_dependencies(locked: World) -> None:
    locked.add("editor", "1.2", suite="bionic-updates", depends="libshared (>= 1.1)")
    locked.archive.publish()
    status, _, err = locked.online("lock", "--upgrade", "editor")
    assert status == 0
    assert versions(locked) == {"editor": "1.2", "libshared": "1.1", "viewer": "1.0"}
    assert "ubuntu18.04 amd64: what is needed now does not go with libshared 1.0 (now 1.1)" in err


def test_a_version_that_the_archive_dropped_causes_a_warning(world: World) -> None:
    world.manifest(TWO)
    assert world.online("lock")[0] == 0
    world.archive.remove("viewer")
    world.add("viewer", "2.0", depends="libshared")
    world.add("libshared", "1.1")
    world.archive.publish()
    status, _, err = world.online("lock", "--keep")
    assert status == 0
    assert err == "warning: ubuntu18.04 amd64: the archive no longer has viewer 1.0 (now 2.0)\n"
    assert versions(world) == {"editor": "1.0", "libshared": "1.0", "viewer": "2.0"}


def test_other_bytes_of_a_kept_version_cause_a_warning(world: World) -> None:
    world.manifest(ONE)
    assert world.online("lock")[0] == 0
    world.archive.remove("editor")
    world.add("editor", depends="libshared", Homepage="elsewhere")
    world.archive.publish()
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
