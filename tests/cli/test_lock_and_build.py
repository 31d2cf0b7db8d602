"""From a manifest to a cache, with a signed archive on loopback."""

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.server import Failure
from tests.support.vendor import GROUP
from tests.support.world import World, printed, refused

EDIT = "edit,ubuntu18.04,editor\n"
TWO_GROUPS = f"{EDIT}view,ubuntu18.04,viewer\n"


@pytest.fixture
def built(world: World) -> World:
    world.built(TWO_GROUPS)
    return world


def debs(world: World) -> list[str]:
    """Return the package files that the archive was asked for."""
    return [path for path in world.server.requests if path.endswith(".deb")]


def test_a_build_locks_first_and_stores_a_shared_package_once_and_then_asks_for_nothing(world: World) -> None:
    world.manifest(TWO_GROUPS)
    status, out, err = world.build()
    assert (status, err) == (0, "")
    assert "2 group folders, 3 packages" in out
    assert len(list((world.cache / "pool").glob("*.deb"))) == 3
    listed = world.json("list", "--cache", str(world.cache))["result"]
    assert [(group["name"], group["packages"]) for group in listed["groups"]] == [("edit", 2), ("view", 2)]
    world.server.forget_requests()
    printed(world.build(), 0, "up to date")
    assert world.server.requests == []


def test_the_lock_is_stable_and_names_versions_hashes_and_origins(world: World) -> None:
    world.locked(TWO_GROUPS)
    first = (world.folder / "package-cache.lock").read_text()
    assert world.online("lock")[0] == 0
    assert (world.folder / "package-cache.lock").read_text() == first
    [system] = tomllib.loads(first)["system"]
    assert [package["name"] for package in system["package"]] == ["editor", "libshared", "viewer"]
    assert {package["repository"] for package in system["package"]} == {"ubuntu"}
    assert world.server.uri not in first


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        ("tools", "tools"),
        ("tools (2.0)", "tools (2.0)"),
        ("editor (2.0)", "editor (2.0)"),
        ("editor", None),
        ("tools (1.0)", "tools"),
        ("The Tools", None),  # of no archive that dpkg could build from, and no reason to lock nothing
    ],
)
def test_the_lock_names_a_source_where_it_is_another_one(world: World, field: str, kept: str | None) -> None:
    world.archive.remove("editor")
    world.add("editor", depends="libshared", Source=field)
    world.locked("edit,ubuntu18.04,editor\n")
    [system] = tomllib.loads((world.folder / "package-cache.lock").read_text())["system"]
    assert {item["name"]: item.get("source") for item in system["package"]} == {"editor": kept, "libshared": None}


def test_recommended_packages_come_only_where_a_group_wants_them(world: World) -> None:
    world.manifest(GROUP.replace("oddity", "viewer") + "recommends = true\n")
    assert world.online("lock")[::2] == (0, "")
    assert '"extras_1.0_all"' in (world.folder / "package-cache.lock").read_text()


def test_the_newest_version_of_all_suites_is_locked(world: World) -> None:
    world.add("editor", "1.1", suite="bionic-security", depends="libshared")
    world.manifest(TWO_GROUPS)
    world.online("lock")
    assert '"editor_1.1_all"' in (world.folder / "package-cache.lock").read_text()


def remove(place: Path) -> None:
    place.unlink()


def truncate(place: Path) -> None:
    place.write_bytes(place.read_bytes()[:-10])


def alter(place: Path) -> None:
    content = place.read_bytes()
    place.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("damage", [remove, truncate, alter])
@pytest.mark.parametrize("options", [(), ("--no-recompress",)])
def test_a_build_fetches_just_the_damaged_package(
    world: World, options: tuple[str, ...], damage: Callable[[Path], None]
) -> None:
    world.manifest(TWO_GROUPS)
    world.build(*options)
    victim = min((world.cache / "pool").glob("*.deb"))
    intact = victim.read_bytes()
    damage(victim)
    world.server.forget_requests()
    status, out, err = world.build(*options)
    assert (status, err) == (0, "")
    assert "up to date" not in out
    assert len(debs(world)) == 1
    assert victim.read_bytes() == intact
    assert world.run("verify", "--cache", str(world.cache))[0] == 0


def test_two_manifests_of_one_folder_have_a_lock_each(world: World) -> None:
    world.manifest(EDIT)
    assert world.build()[0] == 0
    world.manifest("view,ubuntu18.04,viewer\n", "tools")
    first = (world.folder / "package-cache.lock").read_bytes()
    assert world.build("--output", str(world.folder / "other"))[0] == 0
    assert (world.folder / "package-cache.lock").read_bytes() == first
    assert '"viewer_1.0_all"' in (world.folder / "tools.lock").read_text()


def test_a_lock_with_the_name_that_all_once_had_is_still_used(world: World) -> None:
    world.locked(EDIT, "tools")
    (world.folder / "tools.lock").rename(world.folder / "package-cache.lock")
    assert world.build()[0] == 0
    assert not (world.folder / "tools.lock").exists()


@pytest.mark.parametrize("verb", ["lock", "build"])
def test_the_lock_of_another_manifest_is_neither_used_nor_overwritten(verb: str, world: World) -> None:
    world.locked(EDIT)
    first = (world.folder / "package-cache.lock").read_bytes()
    world.manifest(GROUP.replace("oddity", "viewer"))
    refused(world.online(verb), 4, "it is the lock of", "move one of the two manifests")
    assert (world.folder / "package-cache.lock").read_bytes() == first


def test_packages_that_no_group_needs_any_more_leave_the_pool(built: World) -> None:
    built.manifest(EDIT)
    built.online("lock")
    assert built.build()[0] == 0
    assert len(list((built.cache / "pool").iterdir())) == 2
    assert [path.name for path in (built.cache / "groups").iterdir()] == ["edit-ubuntu18.04"]


def test_an_archive_signed_by_somebody_else_is_not_trusted(world: World) -> None:
    world.archive.publish(key="stranger")
    world.manifest(TWO_GROUPS)
    refused(world.build(), 6, "cannot trust what the mirrors of ubuntu")
    assert not world.cache.exists()


def test_a_package_with_other_bytes_than_the_index_says_is_not_kept(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.server.fail("*/editor_*", "wrong bytes")
    refused(world.build(), 6, "editor_1.0_all.deb")
    assert not (world.cache / "package-cache.json").exists()


def test_a_folder_that_is_no_cache_is_left_alone(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.cache.mkdir()
    (world.cache / "thesis.txt").write_text("mine")
    refused(world.build(), 31, "something else is there (thesis.txt)")
    assert [path.name for path in world.cache.iterdir()] == ["thesis.txt"]


def test_verify_names_altered_and_missing_files(built: World) -> None:
    one, two, _ = sorted((built.cache / "pool").glob("*.deb"))
    one.write_bytes(one.read_bytes()[:-1])
    two.unlink()
    status, out, err = built.run("verify", "--cache", str(built.cache))
    assert (status, out) == (31, "")
    assert f"{one}: its bytes do not fit its hash" in err
    assert f"{two}: is missing" in err


def test_a_build_that_was_killed_goes_on(world: World) -> None:
    world.manifest(TWO_GROUPS)
    description = world.cache / "package-cache.json"
    description.mkdir(parents=True)  # ends the build where it writes its last file
    assert world.build()[0] != 0
    description.rmdir()
    shutil.rmtree(world.cache / "groups" / "edit-ubuntu18.04")
    (world.cache / "groups" / ".new-abc").mkdir()
    world.server.forget_requests()
    status, out, _ = world.build("--json")
    assert (status, json.loads(out)["result"]["recompressed"], world.server.requests) == (0, 0, [])
    assert world.run("verify", "--cache", str(world.cache))[0] == 0
    assert not (world.cache / "groups" / ".new-abc").exists()


@pytest.mark.parametrize("failure", [503, "drop"])
def test_the_only_mirror_is_asked_a_fourth_time(world: World, failure: Failure) -> None:
    world.manifest(EDIT)
    world.server.fail("*/dists/bionic/InRelease", failure, times=3)
    assert world.online("lock")[::2] == (0, "")


def test_a_build_does_not_recompress_an_altered_original(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build("--no-recompress")
    victim = min((world.cache / "pool").glob("*.deb"))
    victim.write_bytes(bytes(victim.stat().st_size))
    assert world.build()[::2] == (0, "")
    assert world.run("verify", "--cache", str(world.cache))[0] == 0


def test_a_release_past_its_end_whose_archive_has_moved(world: World) -> None:
    world.manifest("edit,ubuntu24.10,editor\n")
    told = "hint: ubuntu24.10 is past its end of life; its archive has moved: name it with --mirror"
    refused(world.online("lock"), 5, told)


def test_a_package_for_one_architecture_is_locked_and_cached_there_alone(world: World) -> None:
    world.archive.architectures = ["amd64", "arm64"]
    for name, architecture in (("gpu-tool", "amd64"), ("gpu-tool", "arm64"), ("gpu-driver", "amd64")):
        world.add(name, architecture=architecture)
    packages = '"gpu-tool", { name = "gpu-driver", architectures = ["amd64"] }'
    group = GROUP.replace('"oddity"', packages) + 'architectures = ["amd64", "arm64"]\n'
    world.manifest(group)
    assert world.online("lock")[::2] == (0, "")
    locked = tomllib.loads((world.folder / "package-cache.lock").read_text())
    requests = {system["architecture"]: system["group"][0]["requests"] for system in locked["system"]}
    assert requests == {"amd64": ["gpu-tool", "gpu-driver"], "arm64": ["gpu-tool"]}
    assert world.build()[0] == 0
    folder = world.cache / "groups/odd-ubuntu18.04"
    assert "gpu-driver" in (folder / "amd64.group").read_text()
    assert "gpu-driver" not in (folder / "arm64.group").read_text()
