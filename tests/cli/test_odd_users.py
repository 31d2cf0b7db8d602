"""A user without account, home and group, as in containers that run with just a number; and a strict umask."""

import os
import subprocess

import pytest
from tests.check.layouts import STATUS
from tests.cli.conftest import COMMAND
from tests.support.busybox import needs_containment
from tests.support.world import World


def run_as_nobody(world: World, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a user id that no user database has, and next to no environment."""
    user = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]
    env = {"PATH": os.environ["PATH"], **more}
    return subprocess.run(
        [*user, *COMMAND, *words],
        env=env, capture_output=True, text=True, check=False, cwd=world.folder, umask=0o077,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _contained(world: World) -> None:
    needs_containment()
    world.manifest("edit,ubuntu18.04,editor\n")


def test_every_verb_for_a_user_without_an_account(world: World) -> None:
    (world.folder / "status").write_text(STATUS.format(architecture="amd64"))
    online = ("--state", "state", *world.sources)
    cache = ("--cache", "package_cache")
    for words in (
        ("lock", *online), ("build", *online), ("outdated", *online), ("list", *cache), ("show", "edit", *cache),
        ("verify", *cache), ("stage", "edit", *cache, "--to", "staged"), ("sbom", *cache), ("gc", *cache),
        ("report", *cache),
        ("check", *cache, "--status", "status", "--system", "ubuntu18.04", "--state", "state"),
        ("image", *cache, "--state", "state", "--output", "oci:layout"),
        ("diff", "package-cache.lock", "package-cache.lock"),
    ):  # fmt: skip
        done = run_as_nobody(world, *words)
        assert (done.returncode, done.stderr) == (0, ""), words
    closed = [
        path
        for folder in ("package_cache", "staged", "layout")
        for path in (world.folder / folder).rglob("*")
        if path.name != ".build.lock" and path.stat().st_mode & 0o044 != 0o044
    ]
    assert closed == [], "others can read what was made under a strict umask"


def test_a_user_without_a_home_must_name_the_state_folder(world: World) -> None:
    done = run_as_nobody(world, "lock")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: cannot find a folder for what is kept between runs: this user has no home\n"
        "hint: name one with --state or PACKAGE_CACHE_STATE\n"
    )
    assert run_as_nobody(world, "lock", XDG_CACHE_HOME=str(world.folder)).returncode != 2


def test_a_home_that_cannot_be_written(world: World) -> None:
    home = world.folder / "home"
    home.mkdir(mode=0o555)
    done = run_as_nobody(world, "lock", HOME=str(home))
    assert (done.returncode, done.stdout) == (42, "")
    assert done.stderr == (
        f"error: cannot write to {home}/.cache/package-cache: Permission denied\n"
        "hint: name a folder that can be written to with --state, or make this one so\n"
    )
