"""Real roots as images with signed, unsigned and broken sources."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.conftest import free_port
from tests.faults.job import BUSYBOX
from tests.installer.synthetic import Room
from tests.plugin.online.image import Image
from tests.support.lab import Isolation, throwaway

OpenImage = Callable[..., Image]


@pytest.fixture
def open_image(real_root: Callable[..., Path], isolation: Isolation) -> Iterator[OpenImage]:
    """Open an image: `open_image("ubuntu18.04", good=folder)` shows that folder as /good."""
    with contextlib.ExitStack() as stack:

        def open_one(system: str, **folders: Path) -> Image:
            binds = {f"/{name}": folder for name, folder in folders.items()} | {BUSYBOX: Path("/bin/busybox")}
            container = stack.enter_context(throwaway(real_root(system), isolation, binds=binds))
            return Image(Room(container, "", stack), free_port())

        yield open_one


@pytest.fixture
def system() -> str:
    """The system of the test's image; a test with a parameter of this name has another one."""
    return "ubuntu18.04"
