"""Rooms for the installer: a new one for each test, on a real Ubuntu root."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb
from tests.support.lab import Isolation, throwaway

OpenRoom = Callable[..., Room]


@pytest.fixture
def system() -> str:
    """The system of the test's cache and room; a test with a parameter of this name has another one."""
    return "ubuntu18.04"


@pytest.fixture
def cache(tmp_path: Path, system: str) -> SyntheticCache:
    return SyntheticCache(tmp_path / "cache", system)


@pytest.fixture
def debs(tmp_path: Path) -> Path:
    """The folder for a test's packages."""
    return tmp_path / "debs"


@pytest.fixture
def open_room(real_root: Callable[[str], Path], isolation: Isolation) -> Iterator[OpenRoom]:
    """Open a room with a cache in it: `open_room(cache, at="/cache")`."""
    with contextlib.ExitStack() as stack:

        def open_one(cache: SyntheticCache, *, at: str = "/cache", binds: dict[str, Path] | None = None) -> Room:
            container = throwaway(real_root(cache.system), isolation, binds={at: cache.path, **(binds or {})})
            return Room(stack.enter_context(container), at, stack)

        yield open_one


@pytest.fixture
def room(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> Room:
    """A room with a cache whose group `tools` has the one package `wanted`."""
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    return open_room(cache)
