"""A package that one architecture alone has: locked there, and only where the manifest says so."""

import tomllib

import pytest
from tests.support.world import World

GROUP = (
    '[[group]]\nname = "gpu"\nsystems = ["ubuntu18.04"]\narchitectures = ["amd64", "arm64"]\n'
    'packages = ["gpu-tool", {}]\n'
)


@pytest.fixture
def both(world: World) -> World:
    """The archive for two architectures: `gpu-tool` is for both, `gpu-driver` for amd64."""
    world.archive.architectures = ["amd64", "arm64"]
    world.add("gpu-tool", architecture="amd64")
    world.add("gpu-tool", architecture="arm64")
    world.add("gpu-driver", architecture="amd64")
    world.archive.publish()
    return world


def lock(world: World, driver: str) -> tuple[int, str]:
    path = world.manifest(GROUP.replace("{}", driver), "package-cache.toml")
    status, _, err = world.online("lock", "--manifest", str(path))
    return status, err


def test_it_is_locked_and_cached_for_its_architecture_alone(both: World) -> None:
    assert lock(both, '{ name = "gpu-driver", architectures = ["amd64"] }') == (0, "")
    locked = tomllib.loads((both.folder / "package-cache.lock").read_text())
    assert {system["architecture"]: system["group"][0]["requests"] for system in locked["system"]} == {
        "amd64": ["gpu-tool", "gpu-driver"],
        "arm64": ["gpu-tool"],
    }
    assert both.build("--manifest", str(both.folder / "package-cache.toml"))[0] == 0
    folder = both.cache / "groups" / "gpu-ubuntu18.04"
    assert "gpu-driver" in (folder / "amd64.group").read_text()
    assert "gpu-driver" not in (folder / "arm64.group").read_text()
