"""Recordings in a cache: their facts, their files, and how they come into a group's folder."""

import dataclasses
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_stage import TWO_GROUPS
from tests.support.recordings import described, make_recording, plain_recording, record
from tests.support.world import World

from package_cache.cache.checked_files import read_group
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cache.recording_list import parse_recordings, recordings_text
from package_cache.cache.recordings import (
    Recording,
    group_digest,
    is_recording,
    publish_recordings,
    read_recordings,
    recording_file,
    with_recordings,
)
from package_cache.cache.verify import verify
from package_cache.errors import CacheError

STATUS = "5" * 64


@pytest.fixture
def cache(world: World) -> Path:
    world.built(TWO_GROUPS)
    return world.cache


@pytest.fixture
def recording() -> Recording:
    return plain_recording()


def test_a_name_says_architecture_and_status() -> None:
    assert recording_file("amd64", STATUS) == f"recording.amd64.{STATUS}.deb"
    assert is_recording(f"recording.hurd-i386.{STATUS}.deb")
    for name in (f"recording.amd64.{STATUS}", f"recording..{STATUS}.deb", f"recording.a/b.{STATUS}.deb", "Packages"):
        assert not is_recording(name)


def test_facts_are_read_as_they_were_written(recording: Recording) -> None:
    other = dataclasses.replace(recording, file=recording_file("amd64", STATUS), status_before=STATUS, digest="")
    text = recordings_text([recording, other])
    assert parse_recordings(text.encode(), "it") == tuple(sorted([recording, other]))
    assert json.loads(text)["recordings"][0]["after"] == []
    assert text == recordings_text([other, recording])


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("file", "../../etc/passwd", "is not the name of a recording"),
        ("file", f"recording.amd64.{STATUS}.deb", "does not fit 'architecture' and 'status_before'"),
        ("architecture", "arm64", "does not fit 'architecture' and 'status_before'"),
        ("architecture", "../x", "is not an architecture"),
        ("image", "", "must be a text that is not empty"),
        ("image", "job\x1b[31m", "holds control characters"),
        ("digest", "sha256:1", "is not a digest"),
        ("after", ["../x"], "is not a group's name"),
        ("after", "ssh", "must be a list of texts"),
        ("status_before", "x", "is not a sha256"),
        ("status_after", None, "must be a text"),
        ("group_digest", "x", "is not a sha256"),
        ("packages", -1, "must be a whole number"),
        ("files", 1.5, "must be a whole number"),
        ("bytes", 0, "must be a number of bytes greater than 0"),
        ("rules", [1], "must be a list of texts"),
        ("rules_digest", "x", "is not a sha256"),
        ("created", "yesterday", "is not a time"),
        ("installed_seconds", float("nan"), "must be a number of seconds"),
        ("installed_seconds", True, "must be a number of seconds"),
        ("replayed_seconds", 10**400, "must be a number of seconds"),
    ],
)
def test_a_wrong_field_is_named(recording: Recording, key: str, value: Any, told: str) -> None:
    tables = json.loads(recordings_text([recording]))
    tables["recordings"][0][key] = value
    with pytest.raises(CacheError) as refused:
        parse_recordings(json.dumps(tables).encode(), "it")
    where = "file" if "fit" in told else key
    found = [problem for problem in refused.value.problems if told in problem.message]
    assert [str(problem.field).startswith(f"recordings[0].{where}") for problem in found] == [True]


@pytest.mark.parametrize("text", ["", "[]x", "{}", '{"recordings": 1}', '{"recordings": [1]}', "[" * 100_000, "[1]"])
def test_what_is_no_list_of_recordings_is_refused(text: str) -> None:
    with pytest.raises(CacheError, match="cannot read it"):
        parse_recordings(text.encode(), "it")


def test_the_same_file_twice_is_refused(recording: Recording) -> None:
    text = recordings_text([recording, dataclasses.replace(recording, image="another")])
    with pytest.raises(CacheError) as refused:
        parse_recordings(text.encode(), "it")
    assert "is there already" in str(refused.value)


def test_a_published_recording_is_a_file_of_the_group(cache: Path) -> None:
    recording = record(cache, "edit")
    group = described(cache, "edit")
    folder = cache / group.folder
    assert read_recordings(CacheFolder(cache), group) == (recording,)
    assert (folder / recording.file).read_bytes() == b"of an image"
    release = (folder / "Release").read_text()
    for name in (recording.file, "recordings.json"):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert group.files[name] == digest
        assert f" {digest} {(folder / name).stat().st_size} {name}\n" in release
    assert verify(CacheFolder(cache)).problems == ()
    assert json.loads((cache / "package-cache.json").read_text())["format"] == 2


def test_a_cache_without_recordings_is_as_before(cache: Path) -> None:
    before = {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    assert json.loads(before[cache / "package-cache.json"])["format"] == 1
    recording = record(cache, "edit")
    publish_recordings(CacheFolder(cache), described(cache, "edit"), {}, dropped=[recording.file])
    assert {path: path.read_bytes() for path in cache.rglob("*") if path.is_file()} == before


def test_recordings_add_up_and_replace_those_of_the_same_status(cache: Path) -> None:
    group = described(cache, "edit")
    first = record(cache, "edit", b"first")
    second = make_recording(cache, "edit", b"second", status=b"other")
    publish_recordings(CacheFolder(cache), group, {second: b"second"})  # as it was read before the first one came
    assert set(read_recordings(CacheFolder(cache), described(cache, "edit"))) == {first, second}
    newer = record(cache, "edit", b"newer", image="registry/job:2")
    assert set(read_recordings(CacheFolder(cache), described(cache, "edit"))) == {newer, second}
    assert (cache / group.folder / first.file).read_bytes() == b"newer"


def test_other_groups_and_the_digest_of_the_lock_stay(cache: Path) -> None:
    before = read_description(CacheFolder(cache))
    record(cache, "edit")
    after = read_description(CacheFolder(cache))
    assert dataclasses.replace(after, groups=before.groups) == before
    assert after.groups[1] == before.groups[1]


def test_a_group_that_was_changed_meanwhile_gets_none(world: World, cache: Path) -> None:
    group = described(cache, "edit")
    recording = make_recording(cache, "edit", b"bytes")
    world.add("editor", "2.0", depends="libshared")
    assert world.online("lock", "--upgrade")[0] == world.build()[0] == 0
    for known in (group, described(cache, "edit")):
        with pytest.raises(CacheError, match="was changed meanwhile") as refused:
            publish_recordings(CacheFolder(cache), known, {recording: b"bytes"})
        assert refused.value.hint == "record it again"
    assert described(cache, "edit").recording_files == []


@pytest.mark.parametrize("name", ["Packages", "amd64.group", "recordings.json", "recording"])
def test_a_damaged_group_gets_none(cache: Path, name: str) -> None:
    recording = record(cache, "edit")
    group = described(cache, "edit")
    victim = cache / group.folder / (recording.file if name == "recording" else name)
    victim.write_bytes(victim.read_bytes().replace(b"i", b"I"))
    other = dataclasses.replace(recording, file=recording_file("amd64", STATUS), status_before=STATUS)
    with pytest.raises(CacheError, match="was altered"):
        publish_recordings(CacheFolder(cache), group, {other: b"of an image"})
    assert not list((cache / "groups").glob(".new-*"))


def test_the_digest_follows_what_the_architecture_needs(cache: Path) -> None:
    files = dict(read_group(CacheFolder(cache), described(cache, "edit")).files)
    digest = group_digest(files, "amd64")
    packages = json.loads(files["packages.json"])
    lines = "".join(sorted(f"{one['sha256']}\n" for one in packages))
    assert digest == hashlib.sha256(b"2\n" + files["amd64.group"] + lines.encode()).hexdigest()
    foreign = {**packages[0], "sha256": "f" * 64, "architecture": "arm64"}
    files["arm64.group"] = files["amd64.group"]

    def digest_with(**changes: Any) -> str:
        files["packages.json"] = json.dumps([*packages, {**foreign, **changes}]).encode()
        return group_digest(files, "amd64")

    assert digest_with() == digest
    assert digest_with(companion_on=["arm64"]) == digest
    assert digest_with(companion_on=["amd64"]) != digest
    assert digest_with(architecture="all") != digest
    assert digest_with(architecture="i386") != digest  # which the group is not for: what depends on it is here
    files["amd64.group"] = files["amd64.group"].replace(b"end\n", b"package editor:arm64\nend\n")
    assert digest_with() != digest
    with pytest.raises(CacheError, match="not for riscv64"):
        group_digest(files, "riscv64")


def test_the_folder_without_recordings_is_that_of_a_build(cache: Path, recording: Recording) -> None:
    read = read_group(CacheFolder(cache), described(cache, "edit"))
    whole = partial(with_recordings, group="edit", system="ubuntu18.04", architectures=["amd64"])
    recorded = whole(read.files, {recording: b"bytes"})
    assert recorded[recording.file] == b"bytes"
    assert whole(recorded, {}) == read.files


@pytest.mark.parametrize(("field", "value"), [("image", "job\x1b[31m"), ("file", "x.deb"), ("installed_seconds", -1.0)])
def test_facts_that_no_reader_would_accept_are_not_published(cache: Path, field: str, value: Any) -> None:
    recording = make_recording(cache, "edit", b"bytes", **{field: value})
    with pytest.raises(CacheError, match="cannot read recordings"):
        publish_recordings(CacheFolder(cache), described(cache, "edit"), {recording: b"bytes"})
    with pytest.raises(ValueError, match="has 5 bytes, not 4"):
        record(cache, "edit", b"bytes", bytes=4)
    assert described(cache, "edit").recording_files == []
