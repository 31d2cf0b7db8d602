"""A registry that asks for a login, and podman: the real ones, on this machine alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from containers.podman import Podman, can_run, throwaway_podman
from containers.registry import Registry, loopback_registry
from tests.support.world import World, made_world

LOGIN = ("somebody", "a-secret-word")


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    with made_world(tmp_path, capfd) as made:
        yield made


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """One that serves `LOGIN` alone."""
    for tool in ("docker-registry", "perl"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    with loopback_registry(tmp_path / "registry", login=LOGIN) as running:
        yield running


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    why = can_run()
    if why or shutil.which("podman") is None:
        pytest.skip(why or "needs podman")
    with throwaway_podman() as made:
        yield made
