"""What a log of a pipeline shows of a command: nothing of a quick one, phases and how far they are of a long one."""

import re
import subprocess
import time

import pytest
from tests.cli.conftest import COMMAND
from tests.support.world import World

from package_cache.cli import plain_log
from package_cache.cli.render import Renderer
from package_cache.events import Progress, Step, Warn

QUIET = 0.2
"""Seconds, in the place of ten."""


def written(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return [re.sub(r"^[0-9]+ s: ", "", line) for line in capfd.readouterr().err.splitlines()]


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_log, "QUIET", QUIET)


@pytest.mark.parametrize(("json", "seconds"), [(False, 0), (True, 1.5 * QUIET)])
def test_a_quick_command_and_json_write_warnings_only(
    capfd: pytest.CaptureFixture[str], json: bool, seconds: float
) -> None:
    with Renderer(json=json, verb="build").listening() as listener:
        listener(Step("resolving"))
        listener(Progress("downloading", 0, 9))
        time.sleep(seconds)
        listener(Warn("one is not signed"))
    assert written(capfd) == ["warning: one is not signed"]


def test_a_long_command_writes_its_phases_and_how_far_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    with Renderer(json=False, verb="build").listening() as listener:
        listener(Step("resolving\x1b[2J"))
        listener(Step("making a root"))
        time.sleep(2.5 * QUIET)  # the phases so far, then one line that it goes on
        listener(Progress("downloading", 0, 9_000_000))
        listener(Progress("downloading", 2_000_000, 9_000_000))
        time.sleep(1.5 * QUIET)
        listener(Progress("downloading", 9_000_000, 9_000_000))
    phases = [r"resolving\x1b[2J", "making a root", "still making a root", "downloading"]
    assert written(capfd) == [*phases, "downloading: 2.0 MB of 9.0 MB"]


def test_phases_of_one_command_are_one_log(capfd: pytest.CaptureFixture[str]) -> None:
    renderer = Renderer(json=False, verb="install")
    with renderer.listening() as listener:  # as when a build locks first
        listener(Step("resolving"))
    time.sleep(1.2 * QUIET)
    with renderer.listening() as listener:
        listener(Step("writing"))
    assert written(capfd) == ["resolving", "writing"]


def test_a_build_has_a_line_for_each_phase(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_log, "QUIET", 0.02)  # less than any build takes
    world.manifest("edit,ubuntu18.04,editor\n")
    status, _, err = world.build()
    assert status == 0
    phases = [
        "bringing the lists of packages for ubuntu18.04 amd64 up to date",
        "resolving edit for ubuntu18.04 amd64",
        "checking the package files that are here already",
        "downloading",
        "recompressing",
        "writing the index of each group",
    ]
    lines = [re.sub(r"^[0-9]+ s: ", "", line) for line in err.splitlines()]
    assert [line for line in lines if line in phases] == phases


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full"])
def test_an_unwritable_standard_error_changes_no_status(world: World, redirected: str) -> None:
    world.built("edit,ubuntu18.04,editor\n")
    python, option, program = COMMAND
    talkative = f"import package_cache.cli.plain_log as log; log.QUIET = 0.0\n{program}"
    argv = ["sh", "-c", f'"$@" {redirected}', "sh", python, option, talkative, "verify", "--cache", str(world.cache)]
    done = subprocess.run(argv, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout.endswith("intact\n")) == (0, True), done.stderr
