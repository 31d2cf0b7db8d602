"""Recordings in a cache that others can write to: nothing of them is followed, waited for, or read without end."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.attacks.test_volumes import KINDS, put_kind
from tests.support.recordings import described, put, record
from tests.support.world import World

from package_cache.bounds import MIB
from package_cache.cache.layout import RECORDINGS, CacheFolder
from package_cache.cache.verify import verify

pytestmark = pytest.mark.timeout(60)
"""Seconds: nothing here is waited for."""

VERBS = ("list", "show edit", "verify", "stage edit --to OTHER", "image --output oci:LAYOUT:x --state STATE")


@pytest.fixture
def volume(world: World) -> Path:
    """A cache with one recording, and a folder outside of it."""
    world.built("edit,ubuntu18.04,editor\n")
    world.cache.rename(world.folder / "volume")
    outside = world.folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("of the host")
    record(world.folder / "volume", "edit")
    return world.folder / "volume"


def outputs(world: World, cache: Path) -> Iterator[tuple[str, int, str]]:
    """Run each verb that reads a cache; yield it, its status and what it printed."""
    places = {name: str(world.folder / name.lower()) for name in ("OTHER", "LAYOUT", "STATE")}
    for line in VERBS:
        words = line
        for name, place in places.items():
            words = words.replace(name, place)
        status, out, err = world.run(*words.split(), "--cache", str(cache))
        yield line.split()[0], status, out + err


def files(folder: Path) -> set[str]:
    return {f"{path.relative_to(folder)} {path.is_file() and path.read_text()}" for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ["recording", RECORDINGS])
@pytest.mark.parametrize("kind", KINDS)
def test_another_kind_of_file_in_its_place(kind: str, name: str, volume: Path, world: World) -> None:
    group = described(volume, "edit")
    place = volume / group.folder / (group.recording_files[0] if name == "recording" else name)
    place.unlink()
    put_kind(place, kind)
    before = files(world.folder / "outside")
    for verb, status, text in outputs(world, volume):
        assert "Traceback" not in text, verb
        assert "of the host" not in text, verb
        if verb in ("verify", "stage", "image"):
            assert status == 31, verb
    assert files(world.folder / "outside") == before


def test_a_file_without_end_is_not_read(volume: Path, world: World) -> None:
    group = described(volume, "edit")
    with (volume / group.folder / group.recording_files[0]).open("r+b") as stream:
        stream.truncate(1 << 40)
    began = time.monotonic()
    for verb, status, text in outputs(world, volume):
        assert status == (0 if verb in ("list", "show") else 31), (verb, text)
    assert time.monotonic() - began < 30


def test_a_list_that_is_too_long(volume: Path, world: World) -> None:
    facts = json.loads((volume / described(volume, "edit").folder / RECORDINGS).read_text())["recordings"][0]
    put(volume, "edit", json.dumps({"recordings": [facts] * 40_000}).encode())
    for verb, status, text in outputs(world, volume):
        if verb in ("show", "verify", "stage", "image"):
            assert (status, "document-values" in text) == (31, True), (verb, text)
    put(volume, "edit", b"x" * (33 * MIB))
    for verb, status, text in outputs(world, volume):
        if verb in ("show", "verify", "stage", "image"):
            assert status == 31, (verb, text)
            assert len(text) < 5000


@pytest.mark.parametrize("key", ["file", "architecture"])
def test_a_name_does_not_lead_out(key: str, volume: Path, world: World) -> None:
    content = (volume / described(volume, "edit").folder / RECORDINGS).read_text()
    document = json.loads(content)
    document["recordings"][0][key] = "../../../outside/file"
    put(volume, "edit", json.dumps(document).encode())
    for verb, status, text in outputs(world, volume):
        assert "of the host" not in text
        if verb in ("show", "verify", "stage", "image"):
            assert (status, "'../../../outside/file' is not" in text) == (31, True), verb


def test_a_link_in_place_of_one_is_not_followed_by_a_build(world: World) -> None:
    world.built("edit,ubuntu18.04,editor\n")
    victim = world.cache / "groups/edit-ubuntu18.04" / record(world.cache, "edit", b"of the host").file
    (world.folder / "file").write_bytes(b"of the host")  # the very bytes
    victim.unlink()
    victim.symlink_to(world.folder / "file")
    status, out, err = world.build()
    assert (status, "0 recordings kept, 1 dropped" in out) == (0, True), err
    assert verify(CacheFolder(world.cache)).problems == ()
    assert (world.folder / "file").read_bytes() == b"of the host"
    assert not os.path.lexists(victim)
