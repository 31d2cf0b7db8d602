"""Signals to `build`, `stage` and `lock` at moments spread over a run: what is published is intact."""

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable
from fnmatch import fnmatch
from typing import TypeVar

import pytest
from tests.faults.job import Whom, send
from tests.faults.published import judge_done, judge_interrupted, judge_visible, originals
from tests.faults.spread import spread
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import VERBS, Trial, ended, seconds_of, wait_until_ended, wait_until_heard

from package_cache.exit_codes import ExitStatus

MOMENTS = 30
pytestmark = pytest.mark.injection
WAYS = {
    "SIGKILL to all that runs": (signal.SIGKILL, Whom.ALL),
    "SIGTERM": (signal.SIGTERM, Whom.GROUP),
    "Ctrl-C": (signal.SIGINT, Whom.GROUP),
}
ROWS = spread(list(itertools.product(VERBS, WAYS, range(MOMENTS))), 18)
WAITING = [("build", "*.deb"), ("lock", "*/InRelease")]
"""Verbs that reach archives, and the files for which a server lets them wait."""

MakeTrial = Callable[..., Trial]
Found = TypeVar("Found")


@pytest.mark.parametrize(("verb", "way", "moment"), ROWS)
def test_a_signal_and_the_same_command_again(verb: str, way: str, moment: int, trial: MakeTrial) -> None:
    replacing = moment % 3 > 0
    measured = trial(verb, replacing=replacing)
    seconds = seconds_of((verb, replacing), measured.start, lambda done: judge_done(measured, done))
    one = trial(verb, replacing=replacing)
    sign, whom = WAYS[way]
    process = one.start()
    wait_until_heard(process)
    time.sleep(seconds * (moment + 0.5) / MOMENTS)
    if process.poll() is None:
        send(process, sign, whom)
    done = ended(process)
    if sign is not signal.SIGKILL:
        judge_interrupted(done)
    wait_until_ended(one.mark)
    judge_visible(one)
    there = {path.stem for path in one.target.glob("pool/*.deb")}
    wanted = originals(one.new) if verb == "build" else {}
    missing = [original for original, stored in wanted.items() if not {original, stored} & there]
    one.shelf.server.forget_requests()
    judge_done(one, one.again())
    with verdict(Verdict.OTHER):
        fetched = [path for path in one.shelf.server.requests if path.endswith(".deb")]
        assert len(fetched) == len(set(fetched)) == len(missing), fetched


def start_and_stall(one: Trial, silent: str) -> "subprocess.Popen[str]":
    """Start a verb, and let the server fall silent in the middle of files like `silent`."""
    server = one.shelf.server
    server.forget_requests()
    server.fail(silent, "stall")
    process = one.start()
    wait_for(lambda: [path for path in server.requests if fnmatch(path, silent)])
    return process


def wait_for(look: Callable[[], list[Found]]) -> list[Found]:
    """Wait until something is found."""
    deadline = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.01)
    return found


@pytest.mark.parametrize(("verb", "silent"), WAITING)
def test_a_process_that_dies_alone_takes_its_children_along(verb: str, silent: str, trial: MakeTrial) -> None:
    one = trial(verb, replacing=True)
    process = start_and_stall(one, silent)
    process.kill()
    process.communicate()
    wait_until_ended(one.mark, 3)
    one.shelf.server.recover()
    judge_visible(one)
    judge_done(one, one.again())


@pytest.mark.parametrize("way", ["SIGTERM", "Ctrl-C"])
@pytest.mark.parametrize(("verb", "silent"), WAITING)
def test_a_signal_ends_a_verb_that_waits_for_a_server(verb: str, silent: str, way: str, trial: MakeTrial) -> None:
    one = trial(verb, replacing=True)
    process = start_and_stall(one, silent)
    send(process, WAYS[way][0])
    began = time.monotonic()
    done = ended(process)
    one.shelf.server.recover()
    with verdict(Verdict.WRONG_REASON):
        assert time.monotonic() - began < 10  # the server is waited for at least 15
        assert done.returncode == ExitStatus.INTERRUPTED.code, done.stderr
    judge_interrupted(done)
    wait_until_ended(one.mark)
    judge_visible(one)
    judge_done(one, one.again())


def test_a_half_file_that_was_altered_is_fetched_again(trial: MakeTrial) -> None:
    one = trial("build", replacing=False)
    process = start_and_stall(one, "*/big*.deb")
    half = wait_for(lambda: [path for path in one.target.glob("pool/.partial/*") if path.stat().st_size > 10**6])[0]
    send(process, signal.SIGTERM)  # not killed: then apt gives the half the time by which it can be continued
    ended(process)
    one.shelf.server.recover()
    before = half.stat()
    half.write_bytes(bytes(before.st_size))
    os.utime(half, ns=(before.st_atime_ns, before.st_mtime_ns))  # so that it looks fit to be continued
    judge_visible(one)
    judge_done(one, one.again())


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("replacing", [False, True])
def test_three_at_once_all_end_well(verb: str, replacing: bool, trial: MakeTrial) -> None:
    one = trial(verb, replacing=replacing)
    for done in [ended(process) for process in [one.start() for _ in range(3)]]:
        judge_done(one, done)


def test_a_cache_is_staged_from_while_it_is_built_again(trial: MakeTrial) -> None:
    build = trial("build", replacing=True)
    stages = [trial("stage", replacing=bool(number % 2), source=build.target) for number in range(6)]
    running = build.start()
    processes = []
    for stage in stages:
        time.sleep(0.05)
        processes.append(stage.start())
    judge_done(build, ended(running))
    for stage, done in zip(stages, map(ended, processes), strict=True):
        with verdict(Verdict.NOT_SANE):
            assert done.returncode == 0, done.stderr
        judge_visible(stage)


def test_a_build_and_stages_at_once_on_one_folder(trial: MakeTrial) -> None:
    build = trial("build", replacing=True)
    stages = [trial("stage", replacing=False, to=build.target) for _ in range(3)]
    for done in [ended(process) for process in [each.start() for each in (stages[0], build, *stages[1:])]]:
        with verdict(Verdict.NOT_SANE):
            assert done.returncode == 0, done.stderr
    judge_visible(build)
