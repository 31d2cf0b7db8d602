"""Where an image goes, and with which skopeo: what is there already stays, and nothing is taken on trust."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.support.layout import document, images
from tests.support.world import World

from package_cache.process import start

COMMAND = str(Path(sys.executable).with_name("package-cache"))


@pytest.fixture
def built(world: World) -> World:
    world.built("edit,ubuntu18.04,editor\n")
    return world


def image(world: World, to: str, *words: str) -> tuple[int, str, str]:
    state = str(world.folder / "state")
    return world.run("image", "--cache", str(world.cache), "--state", state, "--output", to, *words)


def tags(layout: Path) -> list[str]:
    named = json.loads((layout / "index.json").read_bytes())["manifests"]
    return [one["annotations"]["org.opencontainers.image.ref.name"] for one in named]


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
    ],
)
def test_a_destination_that_means_something_else(built: World, to: str, told: str) -> None:
    status, out, err = image(built, to)
    assert status == 2
    assert told in err
    assert "secret" not in out + err
    assert not (built.folder / "state" / "image").exists()


def test_a_folder_of_other_things_is_left_alone(built: World) -> None:
    before = sorted(built.cache.iterdir())
    status, _, err = image(built, f"oci:{built.cache}")
    assert status == 2
    assert "the folder holds something else: name another one" in err
    assert sorted(built.cache.iterdir()) == before


def test_leftovers_of_a_killed_copy_are_ignored(built: World) -> None:
    layout = built.folder / "layout"
    (layout / "blobs" / "sha256").mkdir(parents=True)
    (layout / "oci-put-blob12345").write_text("half")
    assert image(built, f"oci:{layout}:v1")[0] == 0
    assert tags(layout) == ["v1"]


def test_a_state_folder_with_a_colon(built: World) -> None:
    words = ("--cache", str(built.cache), "--state", str(built.folder / "a:b"))
    status, _, err = built.run("image", *words, "--output", f"oci:{built.folder}/layout")
    assert (status, err) == (0, "")
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


@pytest.mark.parametrize(("name", "told"), [("", "it is a folder"), ("none/image.tar", "there is no folder")])
def test_an_archive_that_can_have_no_place(built: World, name: str, told: str) -> None:
    status, _, err = image(built, f"oci-archive:{built.folder}/{name}")
    assert status == 2
    assert told in err


def test_leftovers_of_a_killed_archive_are_removed(built: World) -> None:
    left = built.folder / ".image.tar.new-abc"
    left.mkdir()
    (left / "image.tar").write_text("half")
    assert image(built, f"oci-archive:{built.folder}/image.tar:v1")[0] == 0
    assert not left.exists()


def test_a_copy_that_hangs_has_an_end(built: World, monkeypatch: pytest.MonkeyPatch) -> None:
    as_skopeo(built, monkeypatch, "exec sleep 60")
    monkeypatch.setattr("package_cache.oci.skopeo.LIMIT", 0.5)
    status, _, err = image(built, "docker://localhost:1/name:v1")
    assert status == 14
    assert "skopeo did not end within 0.5 s" in err


def test_a_description_with_an_invalid_time(built: World) -> None:
    file = built.cache / "package-cache.json"
    described = json.loads(file.read_bytes())
    file.write_text(json.dumps(described | {"created": "yesterday"}))
    status, _, err = image(built, f"oci:{built.folder}/layout")
    assert status == 31
    assert f"cannot read {file}: 'created' is no time: 'yesterday'" in err


def test_labels_are_short_enough_for_every_runtime(built: World) -> None:
    lines = [f"group-with-a-rather-long-name-{number},ubuntu18.04,editor\n" for number in range(120)]
    built.manifest("".join(lines))
    assert built.online("lock")[0] == 0
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
