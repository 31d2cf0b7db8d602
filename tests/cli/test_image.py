"""Images of a cache: what is in them, where they go, and what is told where one cannot be made.

They are the same each time; what is at the destination already stays, and no skopeo is taken on trust.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.support.layout import document, entries, images, unpacked
from tests.support.recordings import record
from tests.support.registry import late_registry
from tests.support.world import World, refused

from package_cache.process import start

COMMAND = str(Path(sys.executable).with_name("package-cache"))
TWO_GROUPS = "edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n"


@pytest.fixture
def built(world: World) -> World:
    world.built(TWO_GROUPS)
    return world


def image(world: World, to: str, *words: str) -> tuple[int, str, str]:
    state = str(world.folder / "state")
    return world.run("image", "--cache", str(world.cache), "--state", state, "--output", to, *words)


def tags(layout: Path) -> list[str]:
    named = json.loads((layout / "index.json").read_bytes())["manifests"]
    return [one["annotations"]["org.opencontainers.image.ref.name"] for one in named]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_volume_form_is_the_cache_and_nothing_else(built: World) -> None:
    layout = built.folder / "layout"
    status, out, _ = image(built, f"oci:{layout}:v1")
    assert status == 0
    assert "volume form, amd64, 2 layers" in out
    (named,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert named["digest"] == out.splitlines()[-1]
    assert tags(layout) == ["v1"]
    (manifest,) = images(layout).values()
    own = {name: content for name, content in tree(built.cache).items() if not name.startswith(".")}
    assert tree(unpacked(layout, manifest, built.folder / "unpacked")) == own
    for entry in entries(layout, manifest):
        assert (entry.uid, entry.gid, entry.mtime) == (0, 0, 0)
        assert entry.mode == (0o755 if entry.isdir() or entry.name == "install_group.sh" else 0o644)
    said = manifest["annotations"]
    assert said["package-cache.groups"] == "edit-ubuntu18.04 view-ubuntu18.04"
    assert said["package-cache.form"] == "volume"
    assert said["org.opencontainers.image.title"] == "package cache"
    assert document(layout, manifest["config"]["digest"])["config"]["Labels"] == said


def test_recordings_are_in_the_layers_of_packages(built: World) -> None:
    record(built.cache, "edit")
    layout = built.folder / "layout"
    assert image(built, f"oci:{layout}:v1")[0] == 0
    (manifest,) = images(layout).values()
    own = {name: content for name, content in tree(built.cache).items() if not name.startswith(".")}
    assert tree(unpacked(layout, manifest, built.folder / "unpacked")) == own
    indexes = [layer for layer in manifest["layers"] if layer["mediaType"].endswith("gzip")]
    assert len(indexes) == 1
    names = {entry.name for entry in entries(layout, {**manifest, "layers": indexes})}
    assert "groups/edit-ubuntu18.04/recordings.json" in names
    assert not [name for name in names if name.startswith("groups/edit-ubuntu18.04/recording.")]


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


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("pool/*.deb", "cannot make an image: {} does not fit its hash"),
        ("groups/edit-ubuntu18.04/Packages", "{} was altered"),
    ],
)
def test_a_damaged_file_is_not_put_into_an_image(built: World, pattern: str, told: str) -> None:
    victim = next(built.cache.glob(pattern))
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    status, _, err = image(built, f"oci:{built.folder}/layout")
    assert status == 31
    assert told.format(victim) in err
    assert not (built.folder / "layout").exists()
    assert not (built.folder / "state/image").exists()


def test_a_registry_that_comes_up_meanwhile_is_waited_for(built: World) -> None:
    with late_registry(built.folder / "registry", after=0.5) as host:
        status, out, err = image(built, f"docker://{host}/package-cache:v1")
    assert (status, err) == (0, "")
    assert out.startswith(f"docker://{host}/package-cache:v1: ")


def test_a_folder_that_cannot_be_written_and_a_missing_cache(built: World) -> None:
    (built.folder / "file").write_text("")
    status, _, err = image(built, f"oci:{built.folder}/file/layout")
    assert status != 0
    assert f"cannot write the image to {built.folder}/file/layout" in err
    shutil.rmtree(built.cache)
    refused(image(built, f"oci:{built.folder / 'layout'}"), 30, f"cannot find a cache in {built.cache}")


def as_skopeo(world: World, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Replace skopeo with a script, which finds the real one as $SKOPEO."""
    folder = world.folder / "tools"
    folder.mkdir()
    (folder / "skopeo").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "skopeo").chmod(0o755)
    monkeypatch.setenv("SKOPEO", shutil.which("skopeo") or "")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_another_tag_in_a_layout_keeps_the_existing_ones(built: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(built.folder)
    for tag in ("one", "two", "two"):
        assert image(built, f"oci:layout:{tag}")[0] == 0
    assert tags(built.folder / "layout") == ["one", "two"]


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("oci:a:b/c", "it has the tag 'b/c', which is none (a path has no colon here)"),
        ("oci-archive:a:b:c", "it has the tag 'b:c', which is none"),
        ("docker://localhost:1/UPPER:v1", "it names 'UPPER', which no registry accepts"),
        ("docker://localhost:1/name:a:b", "it has the tag 'a:b', which is none"),
        ("docker://u:secret@localhost:1/name", "it holds credentials, which others would see"),
        ("https://u:secret@localhost:1/name", "write oci:DIR"),
        ("layout", "cannot write an image to 'layout': write oci:DIR[:TAG], oci-archive:FILE[:TAG], or docker://"),
        ("docker-daemon:x", "cannot write an image to 'docker-daemon:x': write oci:DIR"),
        ("docker://name", "cannot write an image to 'docker://name': it does not say where: write"),
        ("docker://localhost:1/x@sha256:00", "it names an image by its digest: write"),
        ("oci:", "cannot write an image to 'oci:': it does not say where: write"),
        ("oci-archive:FOLDER/", "it is a folder"),
        ("oci-archive:FOLDER/none/image.tar", "there is no folder"),
    ],
)
def test_a_destination_that_is_none_or_means_something_else(built: World, to: str, told: str) -> None:
    status, out, err = image(built, to.replace("FOLDER", str(built.folder)))
    assert status == 2
    assert told in err
    assert "secret" not in out + err
    assert not (built.folder / "state" / "image").exists()


def test_a_folder_of_other_things_is_left_alone(built: World) -> None:
    before = sorted(built.cache.iterdir())
    refused(image(built, f"oci:{built.cache}"), 2, "the folder holds something else: name another one")
    assert sorted(built.cache.iterdir()) == before


def test_leftovers_of_killed_processes_are_removed_or_ignored(built: World) -> None:
    image_left, archive_left = built.folder / "state/image", built.folder / ".image.tar.new-abc"
    layout = built.folder / "layout"
    for folder in (image_left / "blobs", archive_left, layout / "blobs/sha256"):
        folder.mkdir(parents=True)
    (archive_left / "image.tar").write_text("half")
    (layout / "oci-put-blob12345").write_text("half")
    assert image(built, f"oci:{layout}:v1")[0] == 0
    assert tags(layout) == ["v1"]
    assert not image_left.exists()
    assert image(built, f"oci-archive:{built.folder}/image.tar:v1")[0] == 0
    assert not archive_left.exists()


def test_a_state_folder_with_a_colon(built: World) -> None:
    words = ("--cache", str(built.cache), "--state", str(built.folder / "a:b"))
    assert built.run("image", *words, "--output", f"oci:{built.folder}/layout")[::2] == (0, "")
    assert (built.folder / "layout" / "index.json").is_file()


def test_a_skopeo_that_changes_what_it_copies(built: World, monkeypatch: pytest.MonkeyPatch) -> None:
    script = '"$SKOPEO" "$@" || exit\nfor word; do [ "$before" != --digestfile ] || file=$word; before=$word; done\n'
    as_skopeo(built, monkeypatch, f'{script}printf sha256:{"0" * 64} >"$file"')
    status, out, err = image(built, f"oci:{built.folder}/layout:v1")
    assert status == 1
    assert out == ""
    assert f"cannot vouch for the image at oci:{built.folder}/layout:v1: its digest is sha256:{'0' * 64}" in err


def test_an_archive_is_replaced_only_when_complete(built: World, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = built.folder / "image.tar"
    assert image(built, f"oci-archive:{archive}:v1")[0] == 0
    before = archive.read_bytes()
    as_skopeo(built, monkeypatch, 'for to; do :; done; to=${to#*:}; echo half >"${to%%:*}"; echo broken >&2; exit 1')
    assert image(built, f"oci-archive:{archive}:v1")[0] == 1
    assert archive.read_bytes() == before
    assert not list(built.folder.glob(".image.tar*"))


def test_a_copy_that_hangs_has_an_end(built: World, monkeypatch: pytest.MonkeyPatch) -> None:
    as_skopeo(built, monkeypatch, "exec sleep 60")
    monkeypatch.setattr("package_cache.oci.skopeo.LIMIT", 0.5)
    refused(image(built, "docker://localhost:1/name:v1"), 14, "skopeo did not end within 0.5 s")


def test_a_description_with_an_invalid_time(built: World) -> None:
    file = built.cache / "package-cache.json"
    described = json.loads(file.read_bytes())
    file.write_text(json.dumps(described | {"created": "yesterday"}))
    refused(image(built, f"oci:{built.folder}/layout"), 31, f"cannot read {file}: 'created' is no time: 'yesterday'")


def test_labels_are_short_enough_for_every_runtime(built: World) -> None:
    lines = [f"group-with-a-rather-long-name-{number},ubuntu18.04,editor\n" for number in range(120)]
    built.locked("".join(lines))
    assert built.build()[0] == 0
    layout = built.folder / "layout"
    assert image(built, f"oci:{layout}")[0] == 0
    (manifest,) = images(layout).values()
    assert "group-with-a-rather-long-name-119-ubuntu18.04" in manifest["annotations"]["package-cache.groups"]
    labels = document(layout, manifest["config"]["digest"])["config"]["Labels"]
    assert labels["package-cache.form"] == "volume"
    assert all(len(key) + len(value) <= 4096 for key, value in labels.items())


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(built: World, monkeypatch: pytest.MonkeyPatch, sign: signal.Signals) -> None:
    begun = built.folder / "begun"
    as_skopeo(built, monkeypatch, f"touch {begun}; exec sleep 60")
    command = [COMMAND, "image", "--cache", str(built.cache)]
    archive = f"oci-archive:{built.folder}/image.tar"
    process = start([*command, "--state", str(built.folder / "state"), "--output", archive])
    deadline = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(sign)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err
    assert not (built.folder / "state" / "image").exists()
    assert not list(built.folder.glob("*image.tar*"))


@pytest.mark.parametrize("where", ["state", "destination"])
def test_a_full_disk(built: World, where: str) -> None:
    small = built.folder / "small"
    small.mkdir()
    state, to = (small, built.folder / "layout") if where == "state" else (built.folder / "state", small / "layout")
    command = [COMMAND, "image", "--cache", str(built.cache), "--state", str(state)]
    script = f'mount -t tmpfs -o size=12k,mode=700 none "{small}" && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", script, "sh", *command, "--output", f"oci:{to}:v1"]
    process = start(words)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 41
    assert "no space left on device" in err.lower()
    assert "Traceback" not in err
