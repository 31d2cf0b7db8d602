"""Names in a stranger's root that lead to files of this machine, to pipes, devices and sockets, or nowhere.

All of it with openat2(2), and as on a kernel without it.
"""

import ctypes
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.attacks.swapping import swapped
from tests.support.odd_files import put

from package_cache.filesystem import openat2 as resolve
from package_cache.filesystem.confined import Inside
from package_cache.filesystem.openat2 import Links
from package_cache.oci.system_files import RootFiles

SECRET = b"SECRET"


class _OldKernel:
    """What this process has of its kernel, without openat2(2)."""

    def __init__(self, code: int) -> None:
        self._libc, self._code = ctypes.CDLL(None, use_errno=True), code

    def syscall(self, *words: object) -> int:
        ctypes.set_errno(self._code)
        return -1

    def __getattr__(self, name: str) -> object:
        return getattr(self._libc, name)


BOUND = "result-bytes"


@pytest.fixture(params=["openat2", "no openat2"], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "openat2":
        monkeypatch.setattr(resolve, "libc", _OldKernel(errno.ENOSYS))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root, beside which a folder of this machine has a secret: `etc/passwd` in both."""
    (tmp_path / "host/etc").mkdir(parents=True)
    (tmp_path / "host/etc/passwd").write_bytes(SECRET)
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_bytes(b"inside")
    return root


NOTHING = {
    "a link by the absolute path": ("x", {"x": "-> HOST/etc/passwd"}),
    "a link by a relative path": ("x", {"x": "-> ../host/etc/passwd"}),
    "a link with more of .. than there are folders": ("x", {"x": "-> ../../../../../../../../../../HOST/etc/passwd"}),
    "a linked folder": ("folder/passwd", {"folder": "-> HOST/etc"}),
    "a link further down": ("a/b/up/etc/passwd", {"a/b/up": "-> ../../../host"}),
    "a link to proc's root": ("x", {"x": "-> /proc/self/root"}),
    "a link to itself": ("x", {"x": "-> x"}),
    "fifty links, one to the other": ("50", {"0": "-> etc/passwd", **{f"{i}": f"-> {i - 1}" for i in range(1, 51)}}),
    "a pipe": ("x", {"x": "|"}),
    "a socket": ("x", {"x": "="}),
    "a link to a pipe": ("y", {"x": "|", "y": "-> x"}),
    "a folder where a file is expected": ("etc", {}),
    "a file where a folder is expected": ("etc/passwd/x", {}),
    "a slash behind a file": ("etc/passwd/", {}),
    "a NUL": ("etc/pass\0wd", {}),
    "a name of 3,000 characters": ("x" * 3000, {}),
    "a path of 5,000 characters": ("etc/../" * 720 + "etc/passwd", {}),
    "a line end": ("etc\n/passwd", {}),
    "nothing": ("", {}),
}
"""A name, and what lies in the root; HOST stands for the folder of this machine."""


@pytest.mark.parametrize("attack", NOTHING)
def test_nothing_of_this_machine_is_read_from_a_root(attack: str, root: Path) -> None:
    name, things = NOTHING[attack]
    for place, what in things.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        put(root / place, what.replace("HOST", str(root.parent / "host")))
    assert RootFiles(root).read(f"/{name}") is None
    with pytest.raises(OSError, match=r".+"):
        Inside(root, Links.ROOT).read(name, BOUND)


def test_a_filter_of_system_calls_without_openat2(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "libc", _OldKernel(errno.EPERM))
    assert Inside(root).read("etc/passwd", BOUND) == b"inside"


INSIDE = {
    "more of .. than there are folders": "../../../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "up from a folder": "/etc/../../etc/passwd",
}


@pytest.mark.parametrize("attack", INSIDE)
def test_a_name_that_leads_up_stays_in_the_root(attack: str, root: Path) -> None:
    assert RootFiles(root).read(INSIDE[attack]) == b"inside"


@pytest.mark.parametrize("links", [Links.BENEATH, Links.NONE])
@pytest.mark.parametrize("name", ["../host/etc/passwd", "etc/../../host/etc/passwd", "HOST/etc/passwd"])
def test_no_name_leads_out_of_a_folder(name: str, links: Links, root: Path) -> None:
    with pytest.raises(OSError, match=r"cross-device|Too many"):
        Inside(root, links).read(name.replace("HOST", str(root.parent / "host")), BOUND)


def test_a_link_beneath_is_followed_only_where_links_may_be(root: Path) -> None:
    (root / "x").symlink_to("etc/../etc/passwd")
    assert Inside(root, Links.BENEATH).read("x", BOUND) == Inside(root, Links.ROOT).read("x", BOUND) == b"inside"
    with pytest.raises(OSError, match="Too many levels"):
        Inside(root, Links.NONE).read("x", BOUND)


@pytest.mark.parametrize("name", ["fd/{fd}", "cwd/etc/passwd", "root{host}/etc/passwd", "task/{pid}/cwd/etc/passwd"])
def test_the_links_of_proc_lead_nowhere(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = root.parent / "host"
    monkeypatch.chdir(host)
    with (host / "etc/passwd").open("rb") as secret:
        path = name.format(fd=secret.fileno(), host=host, pid=os.getpid())
        assert (Path("/proc/self") / path).read_bytes() == SECRET  # so the kernel goes there
        for links in Links:
            with pytest.raises(OSError, match=r".+"):
                Inside(Path("/proc/self"), links).read(path, BOUND)


@pytest.mark.parametrize("name", ["null", "zero", "full", "tty"])
def test_no_device_is_opened(name: str) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        Inside(Path("/dev"), Links.ROOT).read(name, BOUND)


def test_a_file_without_end_is_read_to_the_bound(root: Path) -> None:
    with (root / "big").open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(OSError, match="has more than 4194304 bytes"):
        Inside(root, Links.ROOT).read("big", BOUND)


def test_names_of_any_bytes_are_listed(root: Path) -> None:
    names = [b"\x1b[31m", b" ", b"a\nb", b"\xff\xfe"]
    (root / "odd").mkdir()
    for name in names:
        Path(os.fsdecode(os.fsencode(root / "odd") + b"/" + name)).write_bytes(name)
    inside = Inside(root, Links.ROOT)
    assert [inside.read(f"odd/{name}", BOUND) for name in inside.names("odd")] == names


def answers(read: Callable[[], object]) -> list[object]:
    """Return what was read in half a second, an errno for an error."""
    found: list[object] = []
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        try:
            found.append(read())
        except OSError as error:
            found.append(error.errno)
    return found


@pytest.mark.parametrize("links", list(Links))
def test_a_folder_swapped_with_a_link_while_it_is_read(links: Links, root: Path) -> None:
    (root / "x").symlink_to(root.parent / "host/etc")
    inside = Inside(root, links)
    with swapped(root / "x", root / "etc"):
        found = answers(lambda: inside.read("etc/passwd", BOUND))
    assert SECRET not in found
    assert b"inside" in found


def test_a_file_swapped_with_a_link_while_it_is_read(root: Path) -> None:
    (root / "etc/x").symlink_to(root.parent / "host/etc/passwd")
    with swapped(root / "etc/x", root / "etc/passwd"):
        found = answers(lambda: RootFiles(root).read("/etc/passwd"))
    assert set(found) <= {b"inside", None}


def test_a_file_swapped_with_a_pipe_while_it_is_read(root: Path) -> None:
    os.mkfifo(root / "etc/x")
    with swapped(root / "etc/x", root / "etc/passwd"):
        found = answers(lambda: Inside(root, Links.ROOT).read("etc/passwd", BOUND))
    assert set(found) <= {b"inside", errno.EINVAL}


def test_a_folder_moved_away_below_a_name_that_leads_up(root: Path) -> None:
    """From a folder that was moved out of the root, `..` would lead to a place outside of it."""
    (root / "a/b").mkdir(parents=True)
    (root.parent / "host/b").mkdir()
    with swapped(root / "a", root.parent / "host/b"):
        found = answers(lambda: Inside(root, Links.ROOT).read("a/b/../../etc/passwd", BOUND))
    assert SECRET not in found
