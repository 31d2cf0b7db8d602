"""Files come from a good server, whole, each once, with progress; whoever interrupts that finds no half file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from tests.support.busybox import processes_with
from tests.support.downloads import Source
from tests.support.server import ArchiveServer

from package_cache.archive.downloads import PARTIAL, Download, download
from package_cache.events import Event, Progress

PROGRAM = """
import sys
from pathlib import Path
from package_cache.archive.downloads import Download, Patience, download
uri, target, sha256, size = sys.argv[1:]
try:
    download([Download((uri,), Path(target), sha256, int(size))],
        patience=Patience(timeout=120))  # longer than the test waits
except KeyboardInterrupt:
    sys.exit(42)
"""
SIZE = 3_000_000


def test_many_files_come_whole(source: Source, server: ArchiveServer) -> None:
    files = {f"pool/f{number}.deb": 1000 * number for number in range(1, 61)}
    items = [source.item(name, size, server) for name, size in files.items()]
    assert download(items) == sum(files.values())
    assert sorted(server.requests) == sorted(f"/{name}" for name in files)
    assert all(item.target.read_bytes() == source.content(item) for item in items)
    assert not (source.pool / PARTIAL).exists()


def test_what_is_there_is_not_fetched_again(source: Source, server: ArchiveServer) -> None:
    items = [source.item("a.deb", 500, server), source.item("b.deb", 600, server)]
    download(items[:1])
    server.forget_requests()
    assert (download(items), download([])) == (600, 0)
    assert server.requests == ["/b.deb"]


def test_a_damaged_target_is_replaced(source: Source, server: ArchiveServer) -> None:
    item = source.item("a.deb", 500, server)
    item.target.write_bytes(b"x" * 500)
    download([item])
    assert item.target.read_bytes() == source.content(item)


@pytest.mark.parametrize("name", ["lib++_1%3a2.0~rc+b1_all.deb", "tool_1:2_all.deb", "with space.deb"])
def test_names_with_signs(source: Source, server: ArchiveServer, name: str) -> None:
    item = source.item(name, 500, server)
    download([item])
    assert server.requests == [f"/{name}"]
    assert item.target.read_bytes() == source.content(item)


def test_redirects_are_followed(source: Source, server: ArchiveServer) -> None:
    server.fail("*", "redirect")
    assert download([source.item("a.deb", 500, server)]) == 500


def test_a_local_repository(source: Source) -> None:
    item = source.item("a+b.deb", 500, "file://" + str(source.served))
    download([item])
    assert item.target.read_bytes() == source.content(item)
    assert not item.target.is_symlink()


def test_progress_begins_at_nothing_and_ends_at_all(source: Source, server: ArchiveServer) -> None:
    events: list[Event] = []
    download([source.item(f"{number}.deb", 100_000, server) for number in range(5)], listener=events.append)
    amounts = [event.done for event in events if isinstance(event, Progress)]
    assert events[0] == Progress("downloading", 0, 500_000)
    assert events[-1] == Progress("downloading", 500_000, 500_000)
    assert amounts == sorted(amounts)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.01)


def interrupt(item: Download, source: Source, sign: signal.Signals) -> int:
    """Download in a process of its own, send it a signal when half is there, and give its exit status."""
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-c", PROGRAM, item.uris[0], str(item.target), item.sha256, str(item.size)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}) as process:
        partial = source.pool / PARTIAL / f"{item.target.name}.{item.sha256}"
        wait_until(lambda: partial.exists() and partial.stat().st_size >= SIZE // 2)
        process.send_signal(sign)
        return process.wait(timeout=20)


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, 42), (signal.SIGKILL, -signal.SIGKILL)])
def test_the_next_run_completes_it(source: Source, server: ArchiveServer, sign: signal.Signals, status: int) -> None:
    server.fail("/a.deb", "stall", times=1)
    item = source.item("a.deb", SIZE, server)
    assert interrupt(item, source, sign) == status
    assert not item.target.exists()
    if sign == signal.SIGINT:
        assert processes_with(str(source.pool)) == []
        assert download([item]) == SIZE // 2
        assert server.log[-1].range == f"bytes={SIZE // 2}-"
    else:
        download([item])
    assert item.target.read_bytes() == source.content(item)
