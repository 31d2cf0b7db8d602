"""`verify`: recordings, and what `recordings.json` says of them."""

import json
from pathlib import Path

import pytest
from tests.cli.test_stage import TWO_GROUPS
from tests.support.recordings import record, restate
from tests.support.world import World

from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cache.recordings import recording_file
from package_cache.cache.verify import verify


@pytest.fixture
def cache(world: World) -> Path:
    world.built(TWO_GROUPS)
    return world.cache


def problems(cache: Path) -> list[str]:
    return [text.replace(f"{cache}/", "") for text in verify(CacheFolder(cache)).problems]


def test_an_intact_one_is_counted(cache: Path) -> None:
    before = verify(CacheFolder(cache))
    recording = record(cache, "edit")
    after = verify(CacheFolder(cache))
    assert (after.files - before.files, after.problems) == (2, ())
    assert after.bytes > before.bytes + recording.bytes


def test_altered_and_missing_ones_are_named(cache: Path) -> None:
    altered, missing = record(cache, "edit"), record(cache, "view")
    places = [f"groups/{name}-ubuntu18.04" for name in ("edit", "view")]
    (cache / places[0] / altered.file).write_bytes(b"of AN image")
    (cache / places[1] / missing.file).unlink()
    assert f"{places[0]}/{altered.file}: its bytes do not fit its hash" in problems(cache)
    assert f"{places[1]}/{missing.file}: is missing" in problems(cache)


def test_facts_that_do_not_fit_are_named(cache: Path) -> None:
    place = f"groups/edit-ubuntu18.04/{record(cache, 'edit').file}"
    restate(cache, "edit", lambda facts: facts.update(bytes=12))
    assert problems(cache) == [f"{place}: its size is not what recordings.json states"]
    restate(cache, "edit", lambda facts: facts.update(bytes=11, group_digest="0" * 64))
    assert problems(cache) == [f"{place}: it was recorded when the group was another: record it again"]


def test_a_list_of_other_recordings_is_named(cache: Path) -> None:
    recording, other = record(cache, "edit"), recording_file("amd64", "0" * 64)
    restate(cache, "edit", lambda facts: facts.update(file=other, status_before="0" * 64))
    found = problems(cache)
    assert len(found) == 2
    assert found[0].endswith(f"recordings.json: does not have {recording.file}")
    assert found[1].endswith(f"recordings.json: names {other}, which the group does not have")


def test_a_description_that_names_one_without_the_list_is_refused(cache: Path) -> None:
    record(cache, "edit")
    description = cache / "package-cache.json"
    document = json.loads(description.read_text())
    del document["groups"][0]["files"]["recordings.json"]
    description.write_text(json.dumps(document))
    with pytest.raises(Exception, match="cannot read") as refused:
        read_description(CacheFolder(cache))
    assert "groups[0].files: does not have 'recordings.json'" in str(refused.value)
