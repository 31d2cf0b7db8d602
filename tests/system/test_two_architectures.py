"""One package of two architectures, from the manifest to the container."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.check.layouts import package, write_root
from tests.image.trees import init_tree
from tests.support.world import World, made_world
from tests.system.conftest import Start, install

pytestmark = pytest.mark.system

BOTH = ("amd64", "i386")
KEYS = ["libfoo_1_amd64", "libfoo_1_i386", "tool_1_i386"]


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    with made_world(tmp_path, capfd) as made:
        yield made


def add(world: World, version: str) -> None:
    for architecture in BOTH:
        path = f"/usr/lib/{architecture}/libfoo"
        world.add("libfoo", version, architecture=architecture, Multi_Arch="same", files={path: version})
    world.add("tool", version, architecture="i386", depends=f"libfoo (= {version})")


def installed(world: World, root: Path) -> tuple[str, list[str]]:
    """Return what `check` says of a root: the result, and what would be installed."""
    (found,) = world.json("check", "foo", "--cache", str(world.cache), "--root", str(root))["result"]["groups"]
    return found["reason"], sorted(map(key_of, found["packages"]))


def key_of(item: dict[str, str]) -> str:
    return f"{item['name']}_{item['version']}_{item['architecture']}"


def root_of(world: World, name: str, *paragraphs: str, foreign: bool = True) -> Path:
    root = write_root(world.folder / name, *paragraphs)
    if foreign:
        (root / "var/lib/dpkg/arch").write_text("amd64\ni386\n")
    return root


def test_all_the_way(world: World, start: Start) -> None:
    world.archive.architectures.append("i386")
    add(world, "1")
    world.manifest("foo,ubuntu18.04,libfoo:amd64 libfoo:i386 tool:i386\n")
    assert world.build()[0] == 0

    (system,) = tomllib.loads((world.folder / "package-cache.lock").read_text())["system"]
    assert [group["packages"] for group in system["group"]] == [KEYS]

    one = package("libfoo", "1", architecture="amd64", Multi_Arch="same")
    other = package("libfoo", "1", architecture="i386", Multi_Arch="same")
    assert installed(world, root_of(world, "bare")) == ("ok", KEYS)
    assert installed(world, root_of(world, "one", one)) == ("ok", KEYS[1:])
    assert installed(world, root_of(world, "other", other)) == ("ok", [KEYS[0], KEYS[2]])
    assert installed(world, root_of(world, "native", foreign=False)) == ("no-plan", [])

    (shown,) = world.json("show", "foo", "--cache", str(world.cache))["result"]["systems"]
    assert list(map(key_of, shown["packages"])) == KEYS

    bill = json.loads(world.run("sbom", "--cache", str(world.cache), "--format", "cyclonedx")[1])
    urls = {item["purl"] for item in bill["components"]}
    assert {url.partition("?")[2].partition("&")[0] for url in urls if "libfoo" in url} == {"arch=amd64", "arch=i386"}
    assert len({item["bom-ref"] for item in bill["components"]}) == len(KEYS)
    spdx = json.loads(world.run("sbom", "--cache", str(world.cache), "--format", "spdx")[1])
    assert len({item["SPDXID"] for item in spdx["packages"]}) == len(KEYS)

    tree = init_tree(world, world.folder)
    assert tree.stage("foo", "--system", "ubuntu18.04").returncode == 0
    assert len([*tree.volume.glob("pool/*.deb")]) == len(KEYS)
    assert world.run("stage", "foo", "--cache", str(world.cache), "--to", str(world.folder / "staged"))[0] == 0
    staged = (world.folder / "staged/pool").iterdir()
    assert {path.name for path in staged} == {path.name for path in tree.volume.glob("pool/*.deb")}

    container = start("ubuntu18.04", {"/cache": tree.volume})
    install(container, "foo", status=13)
    container.run(["dpkg", "--add-architecture", "i386"])
    install(container, "foo")
    form = ["dpkg-query", "-W", "-f", "${Package}_${Version}_${Architecture}\\n", "libfoo", "tool:i386"]
    assert sorted(container.run(form).stdout.split()) == KEYS
    manual = ["libfoo", "libfoo:i386", "tool:i386"]
    assert sorted(container.run(["apt-mark", "showmanual", *manual]).stdout.split()) == manual
    install(container, "foo")

    before = (world.folder / "package-cache.lock").read_bytes()
    add(world, "2")
    (found,) = json.loads(world.online("outdated", "--json")[1])["result"]["systems"]
    newer = {f"{item['name']}_1_{item['architecture']}": item["newest"] for item in found["packages"]}
    assert newer == dict.fromkeys(KEYS, "2")
    (world.folder / "old.lock").write_bytes(before)
    assert world.online("lock")[0] == 0
    difference = world.json("diff", str(world.folder / "old.lock"), str(world.folder / "package-cache.lock"))["result"]
    (changed,) = difference["groups"]
    kinds = {f"{item['name']}_1_{item['architecture']}": item["kind"] for item in changed["changes"]}
    assert kinds == dict.fromkeys(KEYS, "up")
