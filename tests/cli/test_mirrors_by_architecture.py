"""A mirror that has not all architectures, as those of Ubuntu's archive: the next one is asked for what it lacks."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.server import ArchiveServer
from tests.support.world import World

GROUP = '[[group]]\nname = "edit"\nsystems = ["ubuntu18.04"]\narchitectures = ["amd64", "arm64"]\npackages = ["tool"]\n'


@pytest.fixture
def full(world: World, tmp_path: Path) -> Iterator[ArchiveServer]:
    """A mirror with two architectures; `world` is left with the packages of one."""
    for architecture in ("amd64", "arm64"):
        world.add("tool", architecture=architecture)
    world.archive.architectures = ["amd64", "arm64"]
    world.archive.publish()
    shutil.copytree(world.archive.folder, tmp_path / "full")
    for path in world.archive.folder.rglob("*_arm64.deb"):
        path.unlink()
    world.manifest(GROUP, "package-cache.toml")
    with ArchiveServer(tmp_path / "full") as server:
        yield server


def lacking_by_its_release(world: World) -> None:
    """As an archive of its own for other architectures."""
    world.archive.architectures = ["amd64"]
    world.archive.publish()


def lacking_its_lists(world: World) -> None:
    """As half a mirror: the signed Release is that of the whole."""
    for path in world.archive.folder.glob("dists/*/*/binary-arm64"):
        shutil.rmtree(path)


LACKING = pytest.mark.parametrize("lacking", [lacking_by_its_release, lacking_its_lists])


def attempt(world: World, verb: str, *words: str) -> tuple[int, str]:
    output = ["--output", str(world.cache)] if verb == "build" else []
    status, _, err = world.online(verb, "--manifest", str(world.folder / "package-cache.toml"), *output, *words)
    return status, err


@LACKING
def test_the_next_mirror_is_asked_for_it(world: World, full: ArchiveServer, lacking: object) -> None:
    assert callable(lacking)
    lacking(world)
    assert attempt(world, "lock", "--mirror", f"ubuntu={full.uri}") == (0, "")
    assert attempt(world, "build", "--mirror", f"ubuntu={full.uri}") == (0, "")
    assert [path.name for path in sorted((world.cache / "groups/edit-ubuntu18.04").glob("*.group"))] == [
        "amd64.group",
        "arm64.group",
    ]
    fetched = [item.path.rpartition("/")[2] for item in full.log if item.status == 200 and item.path.endswith(".deb")]
    assert fetched == ["tool_1.0_arm64.deb"]


def test_no_mirror_has_the_architecture(world: World, full: ArchiveServer) -> None:
    lacking_by_its_release(world)
    status, err = attempt(world, "lock")
    assert (status, err) == (
        5,
        "error: cannot reach any mirror of ubuntu (bionic, bionic-updates, bionic-security)\n"
        f"E: The repository '{world.server.uri} bionic' has no packages of arm64, only of amd64\n"
        "hint: name a mirror that has arm64 with --mirror: it is asked where those before it fail\n",
    )


def test_no_mirror_has_the_lists_of_the_architecture(world: World, full: ArchiveServer) -> None:
    lacking_its_lists(world)
    status, err = attempt(world, "lock")
    assert (status, "/binary-arm64/Packages" in err) == (5, True)
    assert err.endswith("hint: name a mirror that has arm64 with --mirror: it is asked where those before it fail\n")
