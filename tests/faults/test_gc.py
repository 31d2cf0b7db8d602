"""`gc` that is killed, interrupted, left without space, or beside others: what the groups need stays, the rest goes."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.published import assert_intact, judge_interrupted, judge_refused, wait_until_ended
from tests.faults.spread import spread
from tests.faults.test_builds import MakeTrial
from tests.faults.test_builds_disk import PutOnDisk, put_on_disk
from tests.faults.tidying import Tidying, judge_and_go_on, judge_tidied, needed, tidying
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import Shelf, ended, run_in_process

from package_cache.exit_codes import ExitStatus
from package_cache.process import Completed

__all__ = ["put_on_disk"]
pytestmark = pytest.mark.injection
STEPS = 28
"""At least how many changes of the file system it makes."""
ROWS = [(way, step) for way, every in (("kill", 1), ("term", 2), ("full", 1)) for step in range(0, STEPS, every)]

Tidy = Callable[[], Tidying]


@pytest.fixture
def tidy(trial: MakeTrial) -> Tidy:
    return lambda: tidying(trial("stage", replacing=False))


def run_to(one: Tidying, way: str, step: int) -> Completed:
    program = Path(__file__).with_name("at_step.py")
    return ended(one.start([sys.executable, str(program), str(step), way, str(one.target.parent)]))


def test_there_are_no_more_steps_than_are_tried(tidy: Tidy) -> None:
    one = tidy()
    done = run_to(one, "count", -1)
    assert int(done.stderr.split()[-1]) <= STEPS
    judge_tidied(one, done)


@pytest.mark.parametrize(("way", "step"), spread(ROWS, 12))
def test_something_happens_right_before_a_step(way: str, step: int, tidy: Tidy) -> None:
    one = tidy()
    done = run_to(one, way, step)
    if way == "term":
        judge_interrupted(done)
    if way == "full" and done.returncode != 0:
        judge_refused(done, ExitStatus.NO_SPACE, one.folder)
    wait_until_ended(one)
    judge_and_go_on(one)


def test_a_disk_without_a_single_inode_gets_some(tidy: Tidy, put_on_disk: PutOnDisk) -> None:
    one = tidy()
    disk = put_on_disk(one, inodes=0)
    judge_tidied(one, one.run(), disk.seen / "volume")


def test_a_disk_that_is_read_only(tidy: Tidy, put_on_disk: PutOnDisk) -> None:
    one = tidy()
    disk = put_on_disk(one)
    disk.sh(f"mount -o remount,ro {disk.folder}")
    judge_refused(one.run(), ExitStatus.READ_ONLY, disk.folder)
    disk.sh(f"mount -o remount,rw {disk.folder}")
    judge_tidied(one, one.run(), disk.seen / "volume")


def test_three_at_once_all_end_well(tidy: Tidy) -> None:
    one = tidy()
    for done in [ended(process) for process in [one.start() for _ in range(3)]]:
        judge_tidied(one, done)


@pytest.mark.parametrize("wait", spread([0.0, 0.05, 0.1, 0.2, 0.3, 0.4], 2))
def test_beside_those_who_build_stage_install_from_and_pack_one_folder(
    wait: float, shelf: Shelf, trial: MakeTrial, tmp_path: Path
) -> None:
    build = trial("build", replacing=True)
    stage = trial("stage", replacing=False, to=build.target)
    away = trial("stage", replacing=True, source=build.target)
    one = Tidying(shelf, build.folder, "gc", replacing=False, to=build.target)
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
