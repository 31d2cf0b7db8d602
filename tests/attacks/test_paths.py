"""Names in a stranger's root that lead to files of this machine, to pipes, devices and sockets, or nowhere.

All of it with openat2(2), and as on a kernel without it.
"""

import ctypes
import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.attacks.swapping import swapped

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


def link(goal: str, name: str = "x") -> Callable[[Path], str]:
    """Make a link in the root and return its name; HOST stands for the folder of this machine."""

    def make(root: Path) -> str:
        (root / name).symlink_to(goal.replace("HOST", str(root.parent / "host")))
        return name

    return make


def fifo(root: Path) -> str:
    os.mkfifo(root / "x")
    return "x"


def socket_of(root: Path) -> str:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)  # a path of a socket has at most 108 bytes
        server.bind("x")
        os.chdir(here)
    return "x"


def chain(root: Path) -> str:
    (root / "link0").symlink_to("etc/passwd")
    for number in range(1, 50):
        (root / f"link{number}").symlink_to(f"link{number - 1}")
    return "link49"


def linked_folder(root: Path) -> str:
    (root / "folder").symlink_to(root.parent / "host/etc")
    return "folder/passwd"


def way_up(root: Path) -> str:
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/up").symlink_to("../../../host")
    return "a/b/up/etc/passwd"


def name_of(text: str) -> Callable[[Path], str]:
    return lambda root: text


NOTHING = {
    "a link by the absolute path": link("HOST/etc/passwd"),
    "a link by a relative path": link("../host/etc/passwd"),
    "a link with more of .. than there are folders": link("../../../../../../../../../../HOST/etc/passwd"),
    "a linked folder": linked_folder,
    "a link further down": way_up,
    "a link to proc's root": link("/proc/self/root"),
    "a link to itself": link("x"),
    "fifty links, one to the other": chain,
    "a pipe": fifo,
    "a socket": socket_of,
    "a link to a pipe": lambda root: link(fifo(root), "y")(root),
    "a folder where a file is expected": name_of("etc"),
    "a file where a folder is expected": name_of("etc/passwd/x"),
    "a slash behind a file": name_of("etc/passwd/"),
    "a NUL": name_of("etc/pass\0wd"),
    "a name of 3,000 characters": name_of("x" * 3000),
    "a path of 5,000 characters": name_of("etc/../" * 720 + "etc/passwd"),
    "a line end": name_of("etc\n/passwd"),
    "nothing": name_of(""),
}


@pytest.mark.parametrize("attack", NOTHING)
def test_nothing_of_this_machine_is_read_from_a_root(attack: str, root: Path) -> None:
    name = NOTHING[attack](root)
    files = RootFiles(root)
    assert files.read(f"/{name}") is None
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
    for name in (b"a\nb", b"\xff\xfe", b"\x1b[31m", b" "):
        (root / "odd").mkdir(exist_ok=True)
        Path(os.fsdecode(os.fsencode(root / "odd") + b"/" + name)).write_bytes(name)
    inside = Inside(root, Links.ROOT)
    assert [inside.read(f"odd/{name}", BOUND) for name in inside.names("odd")] == sorted(
        (b"a\nb", b"\xff\xfe", b"\x1b[31m", b" ")
    )


def for_a_second() -> Iterator[None]:
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        yield


def answers(read: Callable[[], object]) -> list[object]:
    """Return what was read in half a second, an errno for an error."""
    found: list[object] = []
    for _ in for_a_second():
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
