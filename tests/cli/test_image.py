"""Images of a cache: what is in them, that they are the same each time, and what is told where one cannot be made."""

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.support.layout import document, entries, images, unpacked
from tests.support.registry import late_registry
from tests.support.world import World

from package_cache.cache.layout import CacheFolder, group_folder
from package_cache.cache.verify import verify

TWO_GROUPS = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"


@pytest.fixture
def built(world: World) -> World:
    world.built(TWO_GROUPS)
    return world


def image(world: World, to: str, *words: str) -> tuple[int, str, str]:
    state = str(world.folder / "state")
    return world.run("image", "--cache", str(world.cache), "--state", state, "--output", to, *words)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_volume_form_is_the_cache_and_nothing_else(built: World) -> None:
    layout = built.folder / "layout"
    status, out, _ = image(built, f"oci:{layout}:v1")
    assert status == 0
    assert "volume form, amd64, 2 layers" in out
    (manifest,) = images(layout).values()
    own = {name: content for name, content in tree(built.cache).items() if not name.startswith(".")}
    assert tree(unpacked(layout, manifest, built.folder / "unpacked")) == own
    for entry in entries(layout, manifest):
        assert (entry.uid, entry.gid, entry.mtime) == (0, 0, 0)
        assert entry.mode == (0o755 if entry.isdir() or entry.name == "install_group.sh" else 0o644)


def test_the_printed_digest_is_that_of_the_image(built: World) -> None:
    layout = built.folder / "layout"
    digest = image(built, f"oci:{layout}:v1")[1].splitlines()[-1]
    (named,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert named["digest"] == digest
    assert named["annotations"]["org.opencontainers.image.ref.name"] == "v1"


def test_the_same_cache_gives_the_same_bytes(built: World) -> None:
    first = built.json("image", "--cache", str(built.cache), "--output", f"oci:{built.folder}/one")["result"]
    copy = built.folder / "elsewhere"
    shutil.copytree(built.cache, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    second = built.json("image", "--cache", str(copy), "--output", f"oci:{built.folder}/two")["result"]
    assert second["digest"] == first["digest"]
    assert second["platforms"] == first["platforms"]


def test_annotations_and_labels(built: World) -> None:
    layout = built.folder / "layout"
    image(built, f"oci:{layout}")
    (manifest,) = images(layout).values()
    said = manifest["annotations"]
    assert said["package-cache.groups"] == "edit-ubuntu18.04 view-ubuntu18.04"
    assert said["package-cache.form"] == "volume"
    assert said["org.opencontainers.image.title"] == "package cache"
    assert document(layout, manifest["config"]["digest"])["config"]["Labels"] == said


def test_each_architecture_gets_its_own_part(world: World) -> None:
    world.archive.architectures = ["amd64", "arm64"]
    for architecture in ("amd64", "arm64"):
        world.add("tool", architecture=architecture, depends="libshared")
    world.archive.publish()
    world.manifest(
        '[[group]]\nname = "tools"\nsystems = ["ubuntu18.04"]\narchitectures = ["amd64", "arm64"]\n'
        'packages = ["tool"]\n',
        "package-cache.toml",
    )
    mirror = ("--mirror", f"ubuntu={world.server.uri}", "--keyring", f"ubuntu={world.archive.keyring}")
    manifest = ("--manifest", str(world.folder / "package-cache.toml"), "--state", str(world.folder / "state"))
    assert world.run("build", *manifest, *mirror, "--output", str(world.cache))[0] == 0
    layout = world.folder / "layout"
    status, out, _ = image(world, f"oci:{layout}")
    assert status == 0
    assert "amd64, arm64" in out
    found = images(layout)
    assert set(found) == {"amd64", "arm64"}
    for architecture, own in found.items():
        folder = CacheFolder(unpacked(layout, own, world.folder / architecture))
        assert verify(folder).problems == ()
        group = folder.path / group_folder("tools", "ubuntu18.04")
        index = (group / "Packages").read_text()
        assert index.count("Package: ") == 2
        assert f"Architecture: {architecture}\n" in index
        assert len(list(folder.pool.iterdir())) == 2
        assert sorted(path.name for path in group.glob("*.group")) == [f"{architecture}.group"]


def test_a_damaged_package_is_not_put_into_an_image(built: World) -> None:
    victim = next((built.cache / "pool").glob("*.deb"))
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    layout = built.folder / "layout"
    status, _, err = image(built, f"oci:{layout}")
    assert status == 31
    assert f"cannot make an image: {victim} does not fit its hash" in err
    assert not layout.exists()
    assert not (built.folder / "state" / "image").exists()


def test_an_altered_index_is_not_put_into_an_image(built: World) -> None:
    index = built.cache / "groups" / "edit-ubuntu18.04" / "Packages"
    index.write_text(index.read_text() + "\n")
    status, _, err = image(built, f"oci:{built.folder / 'layout'}")
    assert status == 31
    assert f"{index} was altered" in err


def test_leftovers_of_a_killed_image_are_removed(built: World) -> None:
    left = built.folder / "state" / "image"
    (left / "blobs").mkdir(parents=True)
    assert image(built, f"oci:{built.folder / 'layout'}")[0] == 0
    assert not left.exists()


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("layout", "cannot write an image to 'layout': write oci:DIR[:TAG], oci-archive:FILE[:TAG], or docker://"),
        ("docker-daemon:x", "cannot write an image to 'docker-daemon:x': write oci:DIR"),
        ("docker://name", "cannot write an image to 'docker://name': it does not say where: write"),
        ("docker://localhost:1/x@sha256:00", "it names an image by its digest: write"),
        ("oci:", "cannot write an image to 'oci:': it does not say where: write"),
    ],
)
def test_a_destination_that_is_none(built: World, to: str, told: str) -> None:
    status, _, err = image(built, to)
    assert status == 2
    assert told in err


def test_a_registry_that_comes_up_meanwhile_is_waited_for(built: World) -> None:
    with late_registry(built.folder / "registry", after=0.5) as host:
        status, out, err = image(built, f"docker://{host}/package-cache:v1")
    assert (status, err) == (0, "")
    assert out.startswith(f"docker://{host}/package-cache:v1: ")


def test_a_folder_that_cannot_be_written(built: World) -> None:
    (built.folder / "file").write_text("")
    status, _, err = image(built, f"oci:{built.folder}/file/layout")
    assert status != 0
    assert f"cannot write the image to {built.folder}/file/layout" in err


def test_a_missing_cache(world: World) -> None:
    status, _, err = image(world, f"oci:{world.folder / 'layout'}")
    assert status == 30
    assert f"cannot find a cache in {world.cache}" in err
