"""What images need that are newer than a lock: in the part of the cache for their architecture, and staged with it."""

from pathlib import Path

import pytest
from tests.check.layouts import package, write_root
from tests.image.trees import init_tree
from tests.support.world import World, toml_group

from package_cache.cache.layout import CacheFolder
from package_cache.cache.platform_subset import read_part
from package_cache.cache.verify import verify

MANIFEST = toml_group("dev", "library-dev", more='architectures = ["amd64", "arm64"]\n')
ARCHITECTURES = ("amd64", "arm64")


def add(world: World, version: str, suite: str = "bionic-updates") -> None:
    for architecture in ARCHITECTURES:
        world.add("library", version, architecture=architecture, suite=suite)
        depends = f"library (= {version})"
        world.add("library-dev", version, architecture=architecture, suite=suite, depends=depends, Source="library")
    world.archive.publish()


@pytest.fixture
def roots(world: World) -> dict[str, Path]:
    """Build a cache that was also locked for a newer root of each architecture, and give the roots."""
    world.archive.architectures = list(ARCHITECTURES)
    add(world, "1.0", "bionic")
    world.manifest(MANIFEST)
    assert world.online("lock")[0] == 0
    add(world, "2.0")
    found = {}
    for name in ARCHITECTURES:
        library = package("library", "2.0", architecture=name)
        found[name] = write_root(world.folder / f"newer-{name}", library, architecture=name)
        assert world.online("lock", "--for", str(found[name]))[0] == 0
    status, _, err = world.build()
    assert status == 0, err
    return found


def test_each_part_has_what_its_own_images_need(world: World, roots: dict[str, Path]) -> None:
    for name in roots:
        (group,) = read_part(CacheFolder(world.cache), name).groups
        assert {file for file in group.files if file.startswith("Packages.")} == {f"Packages.{name}.newer-{name}"}
        assert {(item.version, item.architecture) for item in group.packages} == {("1.0", name), ("2.0", name)}


def test_an_init_container_stages_it(world: World, roots: dict[str, Path]) -> None:
    tree = init_tree(world, world.folder)
    assert tree.stage("dev").returncode == 0
    volume = CacheFolder(tree.volume)
    assert verify(volume).problems == ()
    found = world.json("check", "--cache", str(tree.volume), "--root", str(roots["amd64"]))["result"]["groups"]
    assert [[one["version"] for one in item["packages"]] for item in found] == [["2.0"]]
