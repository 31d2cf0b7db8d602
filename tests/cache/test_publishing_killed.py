"""`publish_recordings` is killed, interrupted, or finds a full disk, right before each change that it makes."""

import errno
import os
import shutil
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_stage import TWO_GROUPS
from tests.faults.at_step import is_change
from tests.faults.published import assert_intact_group
from tests.support.recordings import described, make_recording, record
from tests.support.world import World

from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cache.recordings import Recording, publish_recordings, read_recordings
from package_cache.cache.verify import verify

LEAST = 12
"""How many changes there are at least: files of the new folder, renames, the description twice."""


def ended_at(step: int, way: str, cache: Path, recording: Recording) -> bool:
    """Publish in a process of its own, with this happening at a step; return whether there was such a step."""
    child = os.fork()
    if child == 0:
        steps = count()

        def hook(event: str, args: tuple[Any, ...]) -> None:
            if is_change(event, args, str(cache)) and next(steps) == step:
                if way == "kill":
                    os._exit(9)
                raise KeyboardInterrupt if way == "interrupt" else OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        sys.addaudithook(hook)
        try:
            publish_recordings(CacheFolder(cache), described(cache, "edit"), {recording: b"new"})
        finally:
            os._exit(0 if next(steps) <= step else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


@pytest.mark.parametrize("way", ["kill", "interrupt", "full"])
def test_every_state_in_between_is_true(way: str, world: World) -> None:
    world.built(TWO_GROUPS)
    old = record(world.cache, "edit", b"old", status=b"old")
    new = make_recording(world.cache, "edit", b"new")
    before = read_description(CacheFolder(world.cache))
    for step in count():
        cache = world.folder / f"{way}-{step}"
        shutil.copytree(world.cache, cache)
        there_was = ended_at(step, way, cache, new)
        description = read_description(CacheFolder(cache))
        assert verify(CacheFolder(cache)).problems == ()
        for folder in cache.glob("groups/[!.]*"):
            assert_intact_group(folder, cache)
        names = {group.name for group in description.groups}
        assert names == {"edit", "view"} or (way, names) == ("kill", {"view"})
        if "edit" in names:
            found = read_recordings(CacheFolder(cache), described(cache, "edit"))
            assert set(found) in ({old}, {old, new})
            publish_recordings(CacheFolder(cache), described(cache, "edit"), {new: b"new"})
            assert set(read_recordings(CacheFolder(cache), described(cache, "edit"))) == {old, new}
            assert read_description(CacheFolder(cache)).lock_digest == before.lock_digest
        assert not list(cache.glob("groups/.new-*")) or way == "kill"
        if not there_was:
            break
    assert step > LEAST
