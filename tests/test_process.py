"""Processes that talk too much, stall, or start while everything ends."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.debs import make_deb

from package_cache import process as run_module
from package_cache.deb import copyrights, recompression
from package_cache.deb.compression import Compression
from package_cache.errors import PackageCacheError
from package_cache.oci import system_files
from package_cache.process import CommandError, find_tool, piped, start, stopping

Wrap = Callable[[str, str], Path]
NOISE = "head --bytes=1000000 /dev/zero >&2\n"
"""More than a pipe holds, on standard error."""


USERS: dict[str, Callable[[Path], object]] = {
    "dpkg-deb": lambda deb: recompression.recompress(deb, deb.parent, Compression("gzip", 6)),
    "dpkg-deb --fsys-tarfile": lambda deb: copyrights.licences_of(deb, "tool"),
    "podman": lambda _: system_files.container_files("job").read("etc/os-release"),
}


@pytest.fixture
def wrapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wrap:
    """Put a line of shell before a tool, and return a package to use it on."""

    def wrap(tool: str, line: str) -> Path:
        folder = tmp_path / "wrapped"
        folder.mkdir()
        real = shutil.which(tool) or "/bin/false"
        (folder / tool).write_text(f'#!/bin/sh\n{line}\nexec {real} "$@"\n')
        (folder / tool).chmod(0o755)
        files = {"/usr/share/doc/tool/copyright": "free\n"}
        deb = make_deb(tmp_path, "tool", files=files, compression="xz")
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return deb

    return wrap


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["dpkg-deb", "dpkg-deb --fsys-tarfile"])
def test_a_tool_that_says_much_is_not_waited_for(name: str, wrapped: Wrap) -> None:
    USERS[name](wrapped(name.split(maxsplit=1)[0], NOISE))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["dpkg-deb", "podman"])
def test_a_tool_that_stalls_is_ended(name: str, wrapped: Wrap, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (recompression, system_files):
        monkeypatch.setattr(module, "SILENCE", 0.5, raising=False)
    deb = wrapped(name, '[ "$2" = inspect ] && exit 0\necho stalling >&2; exec sleep 600')
    with pytest.raises(PackageCacheError, match=r"did not move for 0\.5 s(.|\n)*stalling"):
        USERS[name](deb)


def test_what_a_tool_says_and_ends_with_is_in_the_error() -> None:
    with pytest.raises(CommandError, match="ended with status 3") as caught, piped(["sh", "-c", "echo no >&2; exit 3"]):
        pass
    assert (caught.value.returncode, caught.value.output) == (3, "no\n")


@pytest.mark.timeout(30)
def test_a_tool_is_fed_more_than_a_pipe_holds() -> None:
    script = f"{NOISE} sha256sum >&2"
    with pytest.raises(CommandError) as caught, piped(["sh", "-c", f"{script}; exit 1"], feed=True) as stream:
        stream.write(bytes(1 << 20))
    assert "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58" in caught.value.output


@pytest.mark.timeout(30)
def test_a_tool_that_takes_nothing_is_ended() -> None:
    moving = pytest.raises(CommandError, match=r"did not move for 0\.5 s")
    with moving, piped(["sleep", "600"], feed=True, silence=0.5) as stream:
        stream.write(bytes(1 << 20))


def test_a_tool_that_leaves_early_says_why() -> None:
    argv = ["sh", "-c", "echo enough >&2; exit 1"]
    with pytest.raises(CommandError, match="enough"), piped(argv, feed=True) as stream:
        for _ in range(100):
            stream.write(bytes(1 << 20))


def test_what_starts_while_all_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, started = threading.Event(), []

    def slow(name: str) -> str:
        entered.set()
        time.sleep(0.3)
        return find_tool(name)

    monkeypatch.setattr(run_module, "find_tool", slow)
    thread = threading.Thread(target=lambda: started.append(start(["sleep", "600"])))
    thread.start()
    entered.wait()
    with stopping():
        thread.join()
        [process] = started
        assert process.wait(timeout=5) < 0
    process.communicate()
