"""Verbs on wrong files: a status of the table that is not `internal`, and nothing written where it is not 0."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, note
from tests.fuzz.documents import json_mutant
from tests.fuzz.effort import fuzzed, randoms
from tests.fuzz.law import bounded
from tests.fuzz.mutation import mutated
from tests.fuzz.world import Runner, World, as_process, check_said, in_process, make_world

from package_cache.errors import LockError, ManifestError
from package_cache.exit_codes import ExitStatus
from package_cache.lock.file import read_lock
from package_cache.manifest import read_manifest

REFUSALS = (ExitStatus.USAGE, ExitStatus.NO_SUCH_GROUP, ExitStatus.CACHE_DAMAGED, ExitStatus.CACHE_TOO_NEW)
CACHE_STATUSES = [0, *(each.code for each in REFUSALS)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@fuzzed("verbs", random=randoms)
def test_in_process(world: World, random: Random) -> None:
    try_one(world, in_process, random)


@fuzzed("processes", random=randoms)
def test_as_processes(world: World, random: Random) -> None:
    try_one(world, as_process, random)


def try_one(world: World, runner: Runner, random: Random) -> None:
    """Damage one file of the world, and run the verbs that read it."""
    world.forget_made()
    victim = random.choice((world.manifest, world.toml, world.lock, *[world.cache.description] * 3, None))
    if victim in (world.manifest, world.toml):
        a_manifest(world, runner, random, victim)
    elif victim == world.lock:
        a_lock(world, runner, random)
    else:
        a_cache(world, runner, random, victim or random.choice(files_of(world)))


def files_of(world: World) -> Sequence[Path]:
    """Return the files of the cache that a description names."""
    folder = world.cache.path
    return sorted([*folder.glob("groups/*/*"), *folder.glob("pool/*.deb"), world.cache.path / "install_group.sh"])


def wrong(path: Path, random: Random) -> bytes:
    """Return a wrong content for a file."""
    if path.suffix == ".json" and random.randrange(2):
        content = json_mutant(json.loads(path.read_bytes()), random)
    else:
        content = mutated(path.read_bytes(), random)
    note(f"{path.name}: {content!r}")
    return content


def a_manifest(world: World, runner: Runner, random: Random, path: Path) -> None:
    with world.replaced(path, wrong(path, random)):
        try:
            read_manifest(path)
        except ManifestError:
            words = [random.choice(("lock", "build")), "--manifest", str(path)]
            expected = ExitStatus.BAD_MANIFEST
        else:  # a right one, of which the lock knows nothing
            words, expected = ["build", "--manifest", str(path)], ExitStatus.BAD_LOCK
        words += ["--output", str(world.new)] if words[0] == "build" else []
        run_one(world, runner, words, [expected.code, 0])


def a_lock(world: World, runner: Runner, random: Random) -> None:
    content = wrong(world.lock, random)
    try:
        lock = read_lock(content.decode(), file="l")
        assume(world.is_served(lock))  # else it would be tried to get them, for a while
    except (UnicodeDecodeError, LockError):
        pass
    with world.replaced(world.lock, content):
        words = ["build", "--manifest", str(world.manifest), "--output", str(world.new)]
        run_one(world, runner, words, [0, ExitStatus.BAD_LOCK.code])


def a_cache(world: World, runner: Runner, random: Random, path: Path) -> None:
    content = wrong(path, random)
    description = world.cache.description
    restated = world.restated(path, content) if random.randrange(2) and path != description else None
    as_json = ["--json"] if random.randrange(2) else []
    with world.replaced(path, content), world.replaced(description, restated or description.read_bytes()):
        for verb in (["list"], ["show", "tool"], ["verify"], ["stage", "tool", "--to", str(world.volume)]):
            words = [*verb, "--cache", str(world.cache.path), *as_json]
            run_one(world, runner, words, CACHE_STATUSES, in_pool=path.parent == world.cache.pool)


def run_one(
    world: World, runner: Runner, words: Sequence[str], allowed: Sequence[int], *, in_pool: bool = False
) -> None:
    """Run a verb, and see that it changes nothing where its status is not 0, and leaves something whole where it is."""
    before = world.map()
    with bounded():
        done = runner(words)
    check_said(done, words, allowed)
    if done.status == 0 and words[0] == "stage":
        # A pool's file that has its size is not hashed again before the installer does it.
        check_said(runner(["verify", "--cache", str(world.volume)]), ["verify"], [0, *([31] if in_pool else [])])
    if done.status == 0:
        world.forget_made()
    assert world.map() == before
