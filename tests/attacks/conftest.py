"""What attacks share, and what holds after each: memory and disk stayed under their bounds, and nothing lies about.

Memory is what an attack adds to this process, by its peak (VmHWM of proc(5)), and the peak of the largest child: a
fresh process of the command has less than 60 MiB. Disk is the peak below the folder for temporary files, each test's
own.
"""

import contextlib
import ctypes
import gc
import os
import resource
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.attacks.registry import Hostile
from tests.installer.conftest import debs, open_room  # noqa: F401  # fixtures
from tests.installer.synthetic import SyntheticCache
from tests.runtime.pod import Pod
from tests.support.debs import make_deb
from tests.support.world import World, made_world

from package_cache.bounds import set_bounds

MOST_MEMORY = 240 << 20
"""Bytes of resident memory that an attack may add to a process; with the command's own, less than 300 MiB."""

FORKED = 64 << 20
"""Bytes by which a child's peak must exceed ours to be its own: it begins with what we had at fork(2)."""

MOST_DISK = 256 << 20
"""Bytes of temporary files, as blocks on the disk."""

peaks: dict[str, tuple[int, str]] = {}


@pytest.fixture(autouse=True)
def _bounded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    set_bounds("")
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what earlier tests had and left is not this one's
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of what ran before (proc(5))
    children_before, before = _children(), _own()
    with _watched(temporary) as disk:
        yield
    set_bounds("")
    found = {"memory": _own() - before, "disk": disk[0]}
    if (children := _children()) > max(children_before, _own() + FORKED):
        found["memory of children"] = children
    for what, size in found.items():
        peaks[what] = max(peaks.get(what, (0, "")), (size, request.node.name))
    assert {what: size for what, size in found.items() if "memory" in what and size > MOST_MEMORY} == {}
    assert disk[0] <= MOST_DISK
    assert sorted(path.name for path in temporary.iterdir()) == []


@pytest.fixture
def cache(tmp_path: Path) -> SyntheticCache:
    """A cache with one group, `tools`, of one package, `wanted`."""
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("tools", ["wanted"], [make_deb(tmp_path / "debs", "wanted")])
    return cache


@pytest.fixture
def registry() -> Iterator[Hostile]:
    with Hostile() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    with made_world(tmp_path, capfd) as made:
        yield made


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def _own() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def _children() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


@contextlib.contextmanager
def _watched(folder: Path) -> Iterator[list[int]]:
    """Yield the largest number of bytes that files of a folder took, looked at fifty times a second."""
    largest, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            largest[0] = max(largest[0], _size(folder))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield largest
    finally:
        done.set()
        thread.join()


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(place, name).lstat().st_blocks * 512
    return total


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what, (size, name) in sorted(peaks.items()):
        terminalreporter.write_line(f"attacks: most {what}: {size / (1 << 20):.0f} MiB ({name})")
