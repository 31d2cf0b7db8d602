"""From a manifest to a cache, with a signed archive on loopback."""

import shutil
import tomllib

import pytest
from tests.support.server import Failure
from tests.support.world import World

TWO_GROUPS = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"


def test_a_build_locks_first_and_stores_a_shared_package_once(world: World) -> None:
    world.manifest(TWO_GROUPS)
    status, out, err = world.build()
    assert (status, err) == (0, "")
    assert "2 group folders, 3 packages" in out
    assert len(list((world.cache / "pool").glob("*.deb"))) == 3
    listed = world.json("list", "--cache", str(world.cache))["result"]
    assert [(group["name"], group["packages"]) for group in listed["groups"]] == [("edit", 2), ("view", 2)]


def test_the_lock_is_stable_and_names_versions_hashes_and_origins(world: World) -> None:
    manifest = world.manifest(TWO_GROUPS)
    assert world.online("lock")[0] == 0
    first = (manifest.parent / "package-cache.lock").read_text()
    assert world.online("lock")[0] == 0
    assert (manifest.parent / "package-cache.lock").read_text() == first
    [system] = tomllib.loads(first)["system"]
    assert [package["name"] for package in system["package"]] == ["editor", "libshared", "viewer"]
    assert {package["repository"] for package in system["package"]} == {"ubuntu"}
    assert world.server.uri not in first


def test_recommended_packages_come_only_where_a_group_wants_them(world: World) -> None:
    text = '[[group]]\nname = "view"\nsystems = ["ubuntu18.04"]\npackages = ["viewer"]\nrecommends = true\n'
    path = world.manifest(text, "package-cache.toml")
    status, _, err = world.online("lock", "--manifest", str(path))
    assert (status, err) == (0, "")
    assert '"extras_1.0_all"' in (path.parent / "package-cache.lock").read_text()


def test_the_newest_version_of_all_suites_is_locked(world: World) -> None:
    world.add("editor", "1.1", suite="bionic-security", depends="libshared")
    world.archive.publish()
    manifest = world.manifest(TWO_GROUPS)
    world.online("lock")
    assert '"editor_1.1_all"' in (manifest.parent / "package-cache.lock").read_text()


def test_nothing_changed_means_no_request_at_all(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    world.server.forget_requests()
    status, out, _ = world.build()
    assert (status, world.server.requests) == (0, [])
    assert "up to date" in out


def test_a_build_without_its_pool_file_fetches_just_that(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    victim = next((world.cache / "pool").glob("*.deb"))
    victim.unlink()
    world.server.forget_requests()
    assert world.build()[0] == 0
    assert victim.exists()
    assert len([path for path in world.server.requests if path.endswith(".deb")]) == 1


def test_two_manifests_of_one_folder_have_a_lock_each(world: World) -> None:
    world.manifest("edit,ubuntu18.04,editor\n")
    other = world.manifest("view,ubuntu18.04,viewer\n", "tools")
    assert world.build()[0] == 0
    first = (world.folder / "package-cache.lock").read_bytes()
    assert world.build("--manifest", str(other), "--output", str(world.folder / "other"))[0] == 0
    assert (world.folder / "package-cache.lock").read_bytes() == first
    assert '"viewer_1.0_all"' in (world.folder / "tools.lock").read_text()


def test_a_lock_with_the_name_that_all_once_had_is_still_used(world: World) -> None:
    manifest = world.manifest("edit,ubuntu18.04,editor\n", "tools")
    words = ("--manifest", str(manifest))
    assert world.online("lock", *words)[0] == 0
    (world.folder / "tools.lock").rename(world.folder / "package-cache.lock")
    assert world.build(*words)[0] == 0
    assert not (world.folder / "tools.lock").exists()


@pytest.mark.parametrize("verb", ["lock", "build"])
def test_the_lock_of_another_manifest_is_neither_used_nor_overwritten(verb: str, world: World) -> None:
    world.manifest("edit,ubuntu18.04,editor\n")
    assert world.online("lock")[0] == 0
    first = (world.folder / "package-cache.lock").read_bytes()
    other = world.manifest(
        '[[group]]\nname = "x"\nsystems = ["ubuntu18.04"]\npackages = ["viewer"]\n', "package-cache.toml"
    )
    status, _, err = world.online(verb, "--manifest", str(other))
    assert (status, "it is the lock of" in err, "move one of the two manifests" in err) == (4, True, True)
    assert (world.folder / "package-cache.lock").read_bytes() == first


def test_packages_that_no_group_needs_any_more_leave_the_pool(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    world.manifest("edit,ubuntu18.04,editor\n")
    world.online("lock")
    assert world.build()[0] == 0
    assert len(list((world.cache / "pool").iterdir())) == 2
    assert [path.name for path in (world.cache / "groups").iterdir()] == ["edit-ubuntu18.04"]


def test_an_archive_signed_by_somebody_else_is_not_trusted(world: World) -> None:
    world.archive.publish(key="stranger")
    world.manifest(TWO_GROUPS)
    status, _, err = world.build()
    assert status == 6
    assert "cannot trust what the mirrors of ubuntu" in err
    assert not world.cache.exists()


def test_a_package_with_other_bytes_than_the_index_says_is_not_kept(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.server.fail("*/editor_*", "wrong bytes")
    status, _, err = world.build()
    assert status == 6
    assert "editor_1.0_all.deb" in err
    assert not (world.cache / "package-cache.json").exists()


def test_a_folder_that_is_no_cache_is_left_alone(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.cache.mkdir()
    (world.cache / "thesis.txt").write_text("mine")
    status, _, err = world.build()
    assert status == 31
    assert "something else is there (thesis.txt)" in err
    assert [path.name for path in world.cache.iterdir()] == ["thesis.txt"]


def test_verify_names_altered_and_missing_files(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build()
    one, two, _ = sorted((world.cache / "pool").glob("*.deb"))
    one.write_bytes(one.read_bytes()[:-1])
    two.unlink()
    status, out, err = world.run("verify", "--cache", str(world.cache))
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
    assert world.build()[0] == 0
    assert world.server.requests == []
    assert world.run("verify", "--cache", str(world.cache))[0] == 0
    assert not (world.cache / "groups" / ".new-abc").exists()


@pytest.mark.parametrize("failure", [503, "drop"])
def test_a_mirror_that_fails_three_times_is_asked_a_fourth_where_there_is_no_other(
    world: World, failure: Failure
) -> None:
    world.manifest("edit,ubuntu18.04,editor\n")
    world.server.fail("*/dists/bionic/InRelease", failure, times=3)
    status, _, err = world.online("lock")
    assert (status, err) == (0, "")


@pytest.mark.parametrize("recompress", [True, False])
def test_a_build_repairs_an_altered_package_of_the_same_size(world: World, *, recompress: bool) -> None:
    world.manifest(TWO_GROUPS)
    options = [] if recompress else ["--no-recompress"]
    world.build(*options)
    victim = min((world.cache / "pool").glob("*.deb"))
    intact = victim.read_bytes()
    victim.write_bytes(intact[:-1] + bytes([intact[-1] ^ 1]))
    world.server.forget_requests()
    status, out, err = world.build(*options)
    assert (status, err) == (0, "")
    assert "up to date" not in out
    assert len([path for path in world.server.requests if path.endswith(".deb")]) == 1
    assert victim.read_bytes() == intact
    assert world.run("verify", "--cache", str(world.cache))[0] == 0


def test_a_build_does_not_recompress_an_altered_original(world: World) -> None:
    world.manifest(TWO_GROUPS)
    world.build("--no-recompress")
    victim = min((world.cache / "pool").glob("*.deb"))
    victim.write_bytes(bytes(victim.stat().st_size))
    status, _, err = world.build()
    assert (status, err) == (0, "")
    assert world.run("verify", "--cache", str(world.cache))[0] == 0


def test_a_release_past_its_end_whose_archive_has_moved(world: World) -> None:
    world.manifest("edit,ubuntu24.10,editor\n")
    status, _, err = world.online("lock")
    assert status == 5
    assert "hint: ubuntu24.10 is past its end of life; its archive has moved: name it with --mirror" in err
