"""Rooms for pairs of a group and a root."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.check.layouts import HandMade
from tests.check.small import make_cache
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb
from tests.support.lab import Isolation, throwaway

from package_cache.cli.main import run


@pytest.fixture(scope="session")
def small_cache(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[SyntheticCache, Path]]:
    """Return the cache of small packages for a system, and the folder of all its packages; built once."""
    made: dict[str, tuple[SyntheticCache, Path]] = {}

    def give(system: str) -> tuple[SyntheticCache, Path]:
        if system not in made:
            folder = tmp_path_factory.mktemp(system)
            made[system] = make_cache(folder / "cache", folder / "debs", system), folder / "debs"
        return made[system]

    return give


@pytest.fixture
def layout(tmp_path: Path) -> HandMade:
    return HandMade(tmp_path / "image")


@pytest.fixture
def cache(tmp_path: Path) -> SyntheticCache:
    """A cache for Ubuntu 18.04 with a group of two small packages."""
    cache, debs = SyntheticCache(tmp_path / "cache"), tmp_path / "debs"
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="needed"), make_deb(debs, "needed")])
    return cache


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(cache: SyntheticCache, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `check` on the cache; gives its status, standard output and standard error."""

    def checked(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = run(["check", "--cache", str(cache.path), *words])
        return status, *capfd.readouterr()

    return checked


OpenRoom = Callable[..., Room]


@pytest.fixture
def open_room(real_root: Callable[..., Path], isolation: Isolation) -> Iterator[OpenRoom]:
    """Open a room with a cache in it: `open_room("ubuntu18.04", cache, {"/debs": debs}, upgraded=False)`."""
    with contextlib.ExitStack() as stack:

        def open_one(system: str, cache: Path, binds: dict[str, Path], *, upgraded: bool = True) -> Room:
            root = real_root(system, upgraded=upgraded)
            container = throwaway(root, isolation, binds={"/cache": cache, **binds})
            return Room(stack.enter_context(container), "/cache", stack)

        yield open_one
