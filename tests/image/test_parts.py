"""The part of a cache that an image for one architecture holds: whole to `verify`, and to the installer.

It has what images need that are newer than the lock, and this is staged with it.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.check.layouts import package, write_root
from tests.image.trees import init_tree
from tests.installer.synthetic import Room
from tests.support.lab import Isolation, throwaway
from tests.support.layout import images, unpacked
from tests.support.recordings import described, record
from tests.support.world import World, toml_group

from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder, group_folder
from package_cache.cache.platform_subset import read_part
from package_cache.cache.recordings import read_recordings
from package_cache.cache.verify import verify

BOTH = 'architectures = ["amd64", "arm64"]\n'
MANIFEST = (
    toml_group("both", "tool", more=BOTH)
    + toml_group("other", "tool", more='architectures = ["arm64"]\n')
    + toml_group("foreign", "tool", "old:i386", more=BOTH)
)


@pytest.fixture
def parts(world: World) -> dict[str, CacheFolder]:
    """Return what the image holds, by architecture in Go's words."""
    world.archive.architectures = ["amd64", "arm64", "i386"]
    for architecture in ("amd64", "arm64", "i386"):
        world.add("tool", architecture=architecture, depends="libshared, own", Multi_Arch="foreign")
        world.add("own", architecture=architecture, Multi_Arch="same")
    world.add("old", architecture="i386", depends="own")
    world.manifest(MANIFEST)
    assert world.build()[::2] == (0, "")
    for architecture in ("amd64", "arm64"):
        record(world.cache, "both", architecture.encode(), architecture=architecture)
    record(world.cache, "foreign", architecture="amd64")
    layout, state = world.folder / "layout", str(world.folder / "state")
    status, out, _ = world.run("image", "--cache", str(world.cache), "--state", state, "--output", f"oci:{layout}")
    assert (status, "amd64, arm64" in out) == (0, True)
    found = images(layout)
    assert set(found) == {"amd64", "arm64"}
    return {name: CacheFolder(unpacked(layout, own, world.folder / name)) for name, own in found.items()}


def architectures(cache: CacheFolder, group: str) -> list[str]:
    text = (cache.path / group_folder(group, "ubuntu18.04") / "Packages").read_text()
    return sorted({line.split()[1] for line in text.splitlines() if line.startswith("Architecture: ")})


def test_each_part_is_whole_and_has_nothing_of_the_others(parts: dict[str, CacheFolder]) -> None:
    for name, cache in parts.items():
        description = read_description(cache)
        assert verify(cache).problems == ()
        stored = [path.stat().st_size for path in cache.pool.iterdir()]
        assert (description.packages, description.size) == (len(stored), sum(stored))
        assert architectures(cache, "both") == ["all", name]
        assert [path.name for path in (cache.path / group_folder("both", "ubuntu18.04")).glob("*.group")] == [
            f"{name}.group"
        ]
    assert [group.name for group in read_description(parts["amd64"]).groups] == ["both", "foreign"]
    assert [group.name for group in read_description(parts["arm64"]).groups] == ["both", "foreign", "other"]


def test_what_is_asked_for_of_a_third_architecture_stays(parts: dict[str, CacheFolder]) -> None:
    assert architectures(parts["amd64"], "foreign") == ["all", "amd64", "i386"]
    assert architectures(parts["arm64"], "foreign") == ["all", "arm64", "i386"]


def test_each_part_has_its_own_recordings(parts: dict[str, CacheFolder]) -> None:
    for name, cache in parts.items():
        group = described(cache.path, "both")
        (recording,) = read_recordings(cache, group)
        assert recording.architecture == name
        assert (cache.path / group.folder / recording.file).read_bytes() == name.encode()
        assert len(list((cache.path / group.folder).glob("recording.*"))) == 1
    assert len(read_recordings(parts["amd64"], described(parts["amd64"].path, "foreign"))) == 1
    assert "recordings.json" not in described(parts["arm64"].path, "foreign").files


def test_the_installer_takes_it(
    parts: dict[str, CacheFolder], real_root: Callable[[str], Path], isolation: Isolation
) -> None:
    binds = {"/cache": parts["amd64"].path}
    with throwaway(real_root("ubuntu18.04"), isolation, binds=binds) as container, contextlib.ExitStack() as stack:
        room = Room(container, "/cache", stack)
        assert room.install("other").status == 10
        room.sh("dpkg --add-architecture i386")
        done = room.install("both", "foreign")
        assert (done.status, done.err) == (0, "")
        names = ("tool", "libshared", "old")
        assert room.state(*names) == dict.fromkeys(names, "ii 1.0")


ARCHITECTURES = ("amd64", "arm64")


def add(world: World, version: str, suite: str = "bionic-updates") -> None:
    for architecture in ARCHITECTURES:
        world.add("library", version, architecture=architecture, suite=suite)
        depends = f"library (= {version})"
        world.add("library-dev", version, architecture=architecture, suite=suite, depends=depends, Source="library")


@pytest.fixture
def roots(world: World) -> dict[str, Path]:
    """Build a cache that was also locked for a newer root of each architecture, and give the roots."""
    world.archive.architectures = list(ARCHITECTURES)
    add(world, "1.0", "bionic")
    world.locked(toml_group("dev", "library-dev", more=BOTH))
    add(world, "2.0")
    found = {}
    for name in ARCHITECTURES:
        library = package("library", "2.0", architecture=name)
        found[name] = write_root(world.folder / f"newer-{name}", library, architecture=name)
        assert world.online("lock", "--for", str(found[name]))[0] == 0
    assert world.build()[::2] == (0, "")
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
