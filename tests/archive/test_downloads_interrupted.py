"""Whoever interrupts downloads finds no half file, no process left over, and goes on where it stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.downloads import Source
from tests.support.server import ArchiveServer

from package_cache.archive.downloads import PARTIAL, Download, download

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


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.01)


def processes_with(text: str) -> list[str]:
    """Return the command lines of processes that contain `text`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


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
def test_no_half_file_and_the_next_run_completes_it(source: Source, sign: signal.Signals, status: int) -> None:
    with ArchiveServer(source.served) as server:
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


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    source = Source(tmp_path)
    monkeypatch.setenv("APT_CONFIG", str(source.config))
    return source
