"""The init form killed at fifty moments: what it leaves is no cache, or a whole one; run again, it ends right."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.spread import spread
from tests.image.trees import InitTree, init_tree
from tests.installer.synthetic import Outcome, Room
from tests.support.lab import Isolation, throwaway
from tests.support.world import World

from package_cache.cache.layout import CacheFolder
from package_cache.cache.verify import verify
from package_cache.exit_codes import ExitStatus
from package_cache.installer import install_group
from package_cache.process import start

MOMENTS = 50
TRIED = spread(range(MOMENTS), 25)
PACKAGES = 12
NO_CACHE_YET = {ExitStatus.CACHE_MISSING.code, ExitStatus.NO_SUCH_GROUP.code}

Install = Callable[[Path], Outcome]


@pytest.fixture
def tree(world: World) -> InitTree:
    for number in range(PACKAGES):
        world.add(f"part{number}", files={f"/usr/lib/part{number}": os.urandom(100_000).hex()})
    world.add("whole", depends=", ".join(f"part{number}" for number in range(PACKAGES)))
    world.manifest("whole,ubuntu18.04,whole\nedit,ubuntu18.04,editor\n")
    assert world.build()[0] == 0
    return init_tree(world, world.folder)


@pytest.fixture
def install(real_root: Callable[[str], Path], isolation: Isolation, tmp_path: Path) -> Install:
    """Run the installer on a volume, as a job that starts too early would: a container that has its own copy of it."""

    runtime = tmp_path / "runtime"
    runtime.mkdir()
    (runtime / "install_group.sh").write_text(install_group())

    def run_it(volume: Path) -> Outcome:
        binds = {"/package_cache": volume, "/runtime": runtime}
        with throwaway(real_root("ubuntu18.04"), isolation, binds=binds) as container, contextlib.ExitStack() as stack:
            room = Room(container, "/runtime", stack)
            done = room.install("--cache", "/package_cache", "whole")
            if done.status == 0:
                states = room.state("whole", "part0")
                assert [state[:3] for state in states.values()] == ["ii ", "ii "]
            return done

    return run_it


def kill_at(tree: InitTree, seconds: float) -> bool:
    """Start it and kill all of it after so many seconds; tell whether it was still at work."""
    process = start(tree.argv("whole", "edit", "--to", str(tree.volume)))
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    return process.returncode != 0


def duration(tree: InitTree) -> float:
    """Measure how long an undisturbed run takes, in seconds."""
    best = 60.0
    for _ in range(3):
        shutil.rmtree(tree.volume, ignore_errors=True)
        began = time.monotonic()
        assert tree.stage("whole", "edit").returncode == 0
        best = min(best, time.monotonic() - began)
    return best


@pytest.mark.parametrize("before", ["an empty volume", "an older cache"])
def test_a_kill_at_any_moment(tree: InitTree, world: World, install: Install, before: str) -> None:
    seconds, older, at_work = duration(tree), world.folder / "older", 0
    shutil.copytree(tree.volume, older)
    if before == "an older cache":
        world.add("whole", "2.0", suite="bionic-security", depends="part0, editor")
        assert world.online("lock")[0] == 0
        assert world.build()[0] == 0
        tree = init_tree(world, world.folder)
    for moment in TRIED:
        shutil.rmtree(tree.volume, ignore_errors=True)
        if before == "an older cache":
            shutil.copytree(older, tree.volume)
        at_work += kill_at(tree, seconds * (moment + 0.5) / MOMENTS)
        tree.volume.mkdir(exist_ok=True)
        done = install(tree.volume)
        assert done.status == 0 or done.status in NO_CACHE_YET, done.err
        again = tree.stage("whole", "edit")
        assert again.returncode == 0, again.stderr
        assert verify(CacheFolder(tree.volume)).problems == ()
        assert not list(tree.volume.glob("groups/.new-*"))
    assert at_work > len(TRIED) // 2
