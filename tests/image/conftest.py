"""A likeness of Ubuntu 18.04 on loopback, and the command `package-cache` run against it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.world import World, made_world


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    with made_world(tmp_path, capfd) as made:
        yield made
