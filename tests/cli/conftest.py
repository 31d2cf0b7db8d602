"""An imitation of Ubuntu 18.04 on loopback, and the command `package-cache` run against it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.keys import throwaway_key
from tests.support.vendor import Vendor, made_vendor
from tests.support.world import World, made_world

from package_cache.apt.isolated import PAUSES

COMMAND = [sys.executable, "-c", "from package_cache.cli.entry import main; main()"]
"""The command in a process of its own."""


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry as often as usual, without the pauses."""
    monkeypatch.setattr("package_cache.apt.isolated.PAUSES", tuple(0.0 for _ in PAUSES))


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    with made_world(tmp_path, capfd) as made:
        yield made


@pytest.fixture
def key(world: World) -> str:
    """Export the vendor's key beside the manifest, and return the manifest's line for it."""
    throwaway_key("vendor").export(world.folder / "vendor.asc", armoured=True)
    return 'key = "vendor.asc"'


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    with made_vendor(tmp_path) as made:
        yield made
