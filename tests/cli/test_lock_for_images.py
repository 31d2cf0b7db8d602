"""`lock --for`: what images need that are newer or older than a lock, beside what all others get."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.check.layouts import HandMade, base, package, write_root
from tests.support.world import World, refused, toml_group

from package_cache.filesystem.paths import sha256_of
from package_cache.lock.model import ImageSet, Lock, LockedGroup, LockedPackage, LockedSystem
from package_cache.resolve.upgrade_policy import Keep, Kept
from package_cache.system import System

GROUPS = f"\n{toml_group('dev', 'library-dev')}\n{toml_group('tools', 'editor')}"


NEWER = package("library", "1.1")


def root_of(world: World, name: str, *paragraphs: str) -> Path:
    """Write the files of a root that has these packages beside dpkg and the like."""
    return write_root(world.folder / name, *paragraphs)


@pytest.fixture
def old(world: World) -> World:
    """A lock and a cache, after which the archive got a newer library."""
    world.add("library")
    world.add("library-dev", depends="library (= 1.0)", Source="library")
    world.manifest(GROUPS)
    assert locked(world) == (0, "")
    add_newer(world, "1.1")
    return world


def add_newer(world: World, version: str) -> None:
    world.add("library", version, suite="bionic-updates")
    world.add("library-dev", version, suite="bionic-updates", depends=f"library (= {version})", Source="library")


def locked(world: World, *words: str) -> tuple[int, str]:
    """Return the status, and standard error without the name of the world's folder."""
    status, _, err = world.online("lock", *words)
    return status, err.replace(str(world.folder), "")


def lock(world: World) -> Any:
    (system,) = tomllib.loads((world.folder / "package-cache.lock").read_text())["system"]
    return system


def sets(world: World) -> dict[str, dict[str, Sequence[str]]]:
    """Return the packages locked for images, by group and image."""
    groups = lock(world)["group"]
    return {one["name"]: {of["name"]: of["packages"] for of in one.get("image", ())} for one in groups}


def checked(world: World, root: Path) -> dict[str, list[str]]:
    """Build, and give what `check` says would be installed in a root: the status first."""
    assert world.build()[0] == 0
    found = world.json("check", "--cache", str(world.cache), "--root", str(root))["result"]
    return {
        item["name"]: [str(item["status"]), *(f"{one['name']} {one['version']}" for one in item["packages"])]
        for item in found["groups"]
    }


def test_a_newer_image_is_served_and_older_ones_stay_served(old: World) -> None:
    newer = root_of(old, "newer", NEWER)
    bare = root_of(old, "bare")  # which needs no override
    assert locked(old, "--for", str(bare))[0] == 0
    assert sets(old) == {"dev": {}, "tools": {}}
    assert lock(old)["image"] == [{"name": "bare", "root": "bare"}]
    assert locked(old, "--forget", "bare")[0] == 0
    assert checked(old, newer)["dev"] == ["13"]
    before = lock(old)
    status, out, err = old.online("lock", "--for", str(newer))
    assert (status, err) == (0, "")
    assert out.endswith("since the previous lock: 1 new\n")
    assert sets(old) == {"dev": {"newer": ["library-dev_1.1_all"]}, "tools": {}}
    assert [one["packages"] for one in lock(old)["group"]] == [one["packages"] for one in before["group"]]
    assert checked(old, newer) == {"dev": ["0", "library-dev 1.1"], "tools": ["0", "libshared 1.0", "editor 1.0"]}
    assert checked(old, bare)["dev"] == ["0", "library 1.0", "library-dev 1.0"]


def test_what_an_image_needs_is_vouched_for_by_the_lists_that_had_it(old: World) -> None:
    def releases() -> set[tuple[str, str]]:
        return {(item["suite"], item["sha256"]) for item in lock(old)["repository"][0]["release"]}

    before = releases()
    newer = root_of(old, "newer", NEWER)
    assert locked(old, "--for", str(newer))[0] == 0
    suites = ("bionic", "bionic-security", "bionic-updates")
    now = {(suite, sha256_of(old.archive.folder / f"dists/{suite}/InRelease")) for suite in suites}
    assert now - before
    assert releases() == before | now
    path = old.folder / "package-cache.lock"
    again = path.read_bytes()
    assert locked(old, "--for", str(newer))[0] == 0
    assert path.read_bytes() == again


def test_a_newer_lock_is_made_for_the_same_images(old: World) -> None:
    newer = root_of(old, "newer", NEWER)
    assert locked(old, "--for", str(newer))[0] == 0
    for name in ("library", "library-dev"):
        old.archive.remove(name)
    for version in ("1.0", "1.2"):
        add_newer(old, version)
    assert locked(old, "--keep") == (0, "")
    assert sets(old) == {"dev": {"newer": ["library-dev_1.2_all", "library_1.2_all"]}, "tools": {}}
    assert checked(old, newer)["dev"] == ["0", "library 1.2", "library-dev 1.2"]
    assert locked(old) == (0, "")
    assert (sets(old), lock(old)["image"][0]["name"]) == ({"dev": {}, "tools": {}}, "newer")


def test_an_image_that_holds_an_older_version(old: World) -> None:
    held = root_of(old, "held", package("library", "1.0", "hold ok installed"))
    assert locked(old)[0] == 0
    assert checked(old, held)["dev"] == ["13"]
    assert locked(old, "--for", str(held)) == (0, "")
    assert sets(old)["dev"] == {"held": ["library-dev_1.0_all"]}
    assert checked(old, held)["dev"] == ["0", "library-dev 1.0"]
    assert checked(old, root_of(old, "bare"))["dev"] == ["0", "library 1.1", "library-dev 1.1"]


def test_an_image_that_is_forgotten(old: World) -> None:
    before = (old.folder / "package-cache.lock").read_bytes()
    assert locked(old, "--for", str(root_of(old, "newer", NEWER)))[0] == 0
    assert locked(old, "--forget", "never", "--forget", "newer") == (
        2,
        "error: cannot forget 'never': the lock was not made for such an image\nhint: it was made for: newer\n",
    )
    assert locked(old, "--forget", "newer") == (0, "")
    assert (old.folder / "package-cache.lock").read_bytes() == before


def test_an_image_by_its_reference(old: World) -> None:
    layout = HandMade(old.folder / "images")
    reference = layout.name(layout.image([base(NEWER)]), "job:2")
    assert locked(old, "--for", reference) == (0, "")
    (image,) = lock(old)["image"]
    assert image == {"name": "images-job-2", "reference": reference}
    assert sets(old)["dev"] == {"images-job-2": ["library-dev_1.1_all"]}
    layout.name(layout.image([base(package("library", "9.0"))]), "job:3")
    assert locked(old, "--for", f"oci:{layout.folder}:job:4") == (
        2,
        "error: cannot lock for the image images-job-4: cannot read the image oci:/images:job:4: "
        "name one of its tags; there are: job:2, job:3\n"
        "hint: where it is gone for good: package-cache lock --forget images-job-4\n",
    )


IMAGE = '[[image]]\nname = "training"\nstatus = "training.status"\nsystem = "ubuntu18.04"\ngroups = ["dev"]\n'


def test_an_image_of_the_manifest(old: World) -> None:
    status = root_of(old, "newer", NEWER) / "var/lib/dpkg/status"
    (old.folder / "training.status").write_text(status.read_text())
    old.manifest(GROUPS + IMAGE)
    assert locked(old)[0] == 0
    add_newer(old, "1.2")
    status = root_of(old, "newest", package("library", "1.2")) / "var/lib/dpkg/status"
    (old.folder / "training.status").write_text(status.read_text())
    assert locked(old, "--for", "training") == (0, "")
    assert lock(old)["image"] == [{"name": "training"}]
    assert sets(old) == {"dev": {"training": ["library-dev_1.2_all"]}, "tools": {}}
    old.manifest(GROUPS)
    assert locked(old, "--keep") == (
        0,
        "warning: the lock is no longer for the image training: the manifest does not name it any more\n",
    )
    assert "image" not in lock(old)


def test_nothing_that_the_archives_have_fits(old: World) -> None:
    before = (old.folder / "package-cache.lock").read_bytes()
    assert locked(old, "--for", str(root_of(old, "newest", package("library", "9.0")))) == (
        3,
        "error: cannot lock this manifest\n"
        "/package-cache.toml:4:12: group[0].systems[0]: "
        "group 'dev' cannot be installed in the image newest, whatever the archives have:\n"
        "    E: Unable to correct problems, you have held broken packages.\n"
        "    The following packages have unmet dependencies:\n"
        "     library-dev : Depends: library (= 1.1) but 9.0 is to be installed\n"
        "    upgrade the image, or leave the group to the image's fallback: "
        "in an [[image]], groups = [...] names the others\n",
    )
    assert (old.folder / "package-cache.lock").read_bytes() == before


@pytest.mark.parametrize("other", ["--keep", "--upgrade"])
@pytest.mark.parametrize("own", ["--for", "--forget"])
def test_options_that_contradict_an_image(own: str, other: str, old: World) -> None:
    told = "--for and --forget change no locked version: run lock --keep or --upgrade separately\n"
    refused(old.online("lock", own, "job", other), 2, told)


def test_names_of_images_that_are_alike(old: World) -> None:
    (old.folder / "more").mkdir()
    one = root_of(old, "Newer!", NEWER)
    other = root_of(old, "more/newer-", NEWER)
    for root in (one, other, one):
        assert locked(old, "--for", str(root))[0] == 0
    assert lock(old)["image"] == [{"name": "newer-", "root": "Newer!"}, {"name": "newer--2", "root": "more/newer-"}]


def test_other_verbs_with_two_versions_of_a_package(old: World) -> None:
    newer = root_of(old, "newer", NEWER)
    assert checked(old, newer)["dev"] == ["13"]
    before = old.folder / "before.lock"
    before.write_bytes((old.folder / "package-cache.lock").read_bytes())
    assert locked(old, "--for", str(newer))[0] == 0
    assert checked(old, newer)["dev"][0] == "0"
    cache, lock_file = str(old.cache), str(old.folder / "package-cache.lock")
    assert ": up to date: " in old.build()[1]
    assert old.json("diff", lock_file, cache)["result"]["different"] is False
    assert old.json("diff", str(before), cache)["result"]["changes"]["new"] == 1
    assert old.run("verify", "--cache", cache)[0] == 0
    assert old.run("gc", "--cache", cache, "--grace", "0")[0] == 0
    assert old.run("stage", "--cache", cache, "--to", str(old.folder / "staged/package_cache"), "dev")[0] == 0
    found = old.json("check", "--cache", str(old.folder / "staged/package_cache"), "--root", str(newer))["result"]
    assert [item["prediction"] for item in found["groups"]] == ["hit"]
    status, out, _ = old.run("sbom", "--cache", cache, "--format", "cyclonedx")
    assert status == 0
    both = [item for item in json.loads(out)["components"] if item["name"] == "library-dev"]
    assert [item["version"] for item in both] == ["1.0", "1.1"]
    assert both[0]["supplier"] == both[1]["supplier"]


def test_an_image_with_a_second_architecture(world: World) -> None:
    world.archive.architectures = ["amd64", "i386"]
    world.manifest(GROUPS)

    def publish(version: str) -> None:
        for architecture in ("amd64", "i386"):
            world.add("library", version, architecture=architecture, Multi_Arch="same")
        world.add("library-dev", version, architecture="amd64", depends=f"library (= {version})", Source="library")

    publish("1.0")
    assert locked(world) == (0, "")
    for name in ("library", "library-dev"):
        world.archive.remove(name)
    publish("1.2")
    both = [package("library", "1.1", architecture=name, Multi_Arch="same") for name in ("amd64", "i386")]
    root = root_of(world, "both", *both)
    (root / "var/lib/dpkg/arch").write_text("amd64\ni386\n")
    assert locked(world, "--for", str(root)) == (0, "")
    needed = ["library-dev_1.2_amd64", "library_1.2_amd64", "library_1.2_i386"]
    assert sets(world)["dev"] == {"both": needed}


def test_no_more_than_one_version_is_kept_of_a_package() -> None:
    system = System.parse("ubuntu18.04")
    packages = tuple(LockedPackage("lib", version, "all", 1, "", "r", "lib") for version in ("1", "2"))
    groups = (LockedGroup("dev", ("lib",), ("lib_1_all",), images=(ImageSet("job", ("lib_2_all",)),)),)
    before = Lock("m", "d", (LockedSystem(system, (), groups, packages),))
    assert Kept.of(Keep(before), (), system).packages == [packages[0]]
