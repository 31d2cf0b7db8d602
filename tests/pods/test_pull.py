"""What a node pulls again after an update of one package, by the registry's log: its layer, and the indexes."""

import os

from containers.podman import Podman
from containers.registry import Registry
from tests.support.world import World

PACKAGES = 24
SIZE = 200_000
"""Of each, in bytes that cannot be compressed."""


def content(name: str) -> dict[str, bytes]:
    return {f"/usr/lib/{name}": os.urandom(SIZE)}


def push(world: World, to: str, form: str) -> None:
    state = str(world.folder / "state")
    words = ("--cache", str(world.cache), "--form", form, "--state", state, "--output", f"docker://{to}")
    status, _, err = world.run("image", *words)
    assert status == 0, err


def test_an_update_of_one_package(world: World, registry: Registry, podman: Podman) -> None:
    for number in range(PACKAGES):
        world.add(f"part{number}", files=content(f"part{number}"))
    world.add("all", depends=", ".join(f"part{number}" for number in range(PACKAGES)))
    world.archive.publish()
    world.manifest("all,ubuntu18.04,all\nedit,ubuntu18.04,editor\n")
    assert world.build()[0] == 0
    name = f"{registry.host}/updated:volume"
    push(world, name, "volume")
    podman.pull(name)

    world.add("part7", "1.1", suite="bionic-security", files=content("part7"))
    world.archive.publish()
    assert world.online("lock")[0] == 0
    assert world.build()[0] == 0
    before = len(registry.requests())
    push(world, name, "volume")
    uploaded = [one for one in registry.requests(before) if one.method == "PUT" and "/blobs/uploads/" in one.path]
    assert len(uploaded) == 3  # the layer, the indexes, the configuration

    before = len(registry.requests())
    podman.pull(name)
    blobs = [one for one in registry.pulled(before) if "/blobs/" in one.path]
    assert SIZE < sum(one.bytes for one in blobs) < SIZE + (1 << 20)
    assert len(blobs) == 3
    assert sum(path.stat().st_size for path in world.cache.glob("pool/*")) > PACKAGES * SIZE
