"""`gc` that is killed, interrupted, left without space, or beside others: what the groups need stays, the rest goes."""

import json
import re
import time
from pathlib import Path

import pytest
from tests.faults.published import assert_intact, hidden, judge_at_step, judge_refused, judge_visible
from tests.faults.spread import spread
from tests.faults.test_builds import MakeTrial
from tests.faults.test_builds_disk import PutOnDisk, put_on_disk
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import Trial, ended, processes_of, run_in_process

from package_cache.exit_codes import ExitStatus
from package_cache.process import Completed

__all__ = ["put_on_disk"]
pytestmark = pytest.mark.injection
STEPS = 28
"""At least how many changes of the file system it makes."""
ROWS = [(way, step) for way, every in (("kill", 1), ("term", 2), ("full", 1)) for step in range(0, STEPS, every)]


@pytest.fixture
def one(trial: MakeTrial) -> Trial:
    """A run of `gc` on a volume to which two generations were staged, with what killed writers left."""
    one = trial("gc", replacing=True)
    for folder in ("groups/.new-abcd1234", "pool/.partial"):
        (one.target / folder).mkdir()
        (one.target / folder / "some").write_bytes(b"12345")
    (one.target / "pool/.new-xyz").write_bytes(b"12345")
    return one


def needed(volume: Path) -> set[str]:
    """Return the names of the package files that the groups on a volume take."""
    texts = [path.read_text() for path in volume.glob("groups/[!.]*/Packages")]
    return {name for text in texts for name in re.findall(r"^Filename: pool/(\S+)$", text, re.MULTILINE)}


def judge_tidied(one: Trial, done: Completed, at: Path | None = None) -> None:
    """Judge the result: all that is needed is there and nothing else, and nobody is said to be at work."""
    volume = at or one.target
    with verdict(Verdict.OTHER):
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)["result"]
        assert (result["busy"], result["waiting"]) == (False, 0), result
    with verdict(Verdict.UNTRUE):
        assert_intact(volume)
        assert {path.name for path in (volume / "pool").iterdir()} == needed(volume)
    with verdict(Verdict.LEFT_BEHIND):
        assert set(hidden(one, volume)) <= {".lock"}
        assert processes_of(one.mark) == []


def judge_and_go_on(one: Trial) -> None:
    """Judge what there is after `gc` ended in whatever way, and that another one completes it."""
    judge_visible(one)
    with verdict(Verdict.UNTRUE):
        assert needed(one.target) <= {path.name for path in (one.target / "pool").iterdir()}
    judge_tidied(one, run_in_process(one.words))


def test_there_are_no_more_steps_than_are_tried(one: Trial) -> None:
    done = one.run_to("count", -1)
    assert int(done.stderr.split()[-1]) <= STEPS
    judge_tidied(one, done)


@pytest.mark.parametrize(("way", "step"), spread(ROWS, 12))
def test_something_happens_right_before_a_step(way: str, step: int, one: Trial) -> None:
    judge_at_step(one, way, one.run_to(way, step))
    judge_and_go_on(one)


def test_a_disk_without_a_single_inode_gets_some(one: Trial, put_on_disk: PutOnDisk) -> None:
    disk = put_on_disk(one, inodes=0)
    judge_tidied(one, one.run(), disk.seen / "volume")


def test_a_disk_that_is_read_only(one: Trial, put_on_disk: PutOnDisk) -> None:
    disk = put_on_disk(one)
    disk.sh(f"mount -o remount,ro {disk.folder}")
    judge_refused(one.run(), ExitStatus.READ_ONLY, disk.folder)
    disk.sh(f"mount -o remount,rw {disk.folder}")
    judge_tidied(one, one.run(), disk.seen / "volume")


def test_three_at_once_all_end_well(one: Trial) -> None:
    for done in [ended(process) for process in [one.start() for _ in range(3)]]:
        judge_tidied(one, done)


@pytest.mark.parametrize("wait", spread([0.0, 0.05, 0.1, 0.2, 0.3, 0.4], 2))
def test_beside_those_who_build_stage_install_from_and_pack_one_folder(
    wait: float, trial: MakeTrial, tmp_path: Path
) -> None:
    build = trial("build", replacing=True)
    stage = trial("stage", replacing=False, to=build.target)
    away = trial("stage", replacing=True, source=build.target)
    one = trial("gc", replacing=False, to=build.target)
    image = ["image", "--cache", str(build.target), "--output", f"oci:{tmp_path}/image", "--state", str(tmp_path / "s")]
    started = [one.start(), build.start()]
    time.sleep(wait)
    started += [one.start(), stage.start(), away.start(), one.start()]
    done = [ended(process) for process in started]
    with verdict(Verdict.NOT_SANE):
        assert [each.returncode for each in done] == [0] * len(started), [each.stderr for each in done]
    with verdict(Verdict.UNTRUE):
        for cache in (build.target, away.target):
            assert_intact(cache)
            assert needed(cache) <= {path.name for path in (cache / "pool").iterdir()}
    assert run_in_process(image).returncode == 0
    judge_tidied(one, run_in_process(one.words))
