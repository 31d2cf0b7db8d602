"""Disposable roots that contain nothing: copies entered by chroot(2), for machines that allow no namespaces.

They have no /proc, use this machine's network, and their processes are the machine's. Only for roots that we made and
commands that the user trusts. The next copy of the same root removes what a killed run left.
"""

import contextlib
import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from package_cache.errors import PackageCacheError
from package_cache.filesystem.confined import lock, on_the_host, opened, resolved_inside
from package_cache.process import find_tool, run
from package_cache.sandbox.container import Container, checked_binds

PREFIX = ".throwaway-"
_ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
"""Major and minor numbers, from Linux's Documentation/admin-guide/devices.txt."""


@contextlib.contextmanager
def copied_root(root: Path, binds: Mapping[str, Path], *, network: bool) -> Iterator[Container]:
    """Yield a copy of `root`, made beside it, while the block runs; then end its processes and remove it."""
    shown = checked_binds(binds)
    with contextlib.ExitStack() as stack:
        copy = _own_folder(root.parent, stack) / "root"
        _copy(root, copy)
        _make_devices(copy / "dev")
        for name in ("resolv.conf", "hosts") if network else ():
            if Path("/etc", name).exists():
                (copy / "etc" / name).unlink(missing_ok=True)
                shutil.copyfile(Path("/etc", name), copy / "etc" / name)
        for inside, source in shown.items():
            _copy(source, on_the_host(copy, resolved_inside(copy, inside)))
        stack.callback(end_processes, copy)
        yield Container((find_tool("env"), "-i", *_ENVIRONMENT, find_tool("chroot"), str(copy)), (), stack)


def end_processes(root: Path, limit: float = 10.0) -> None:
    """End all processes whose root is this folder, for certain, at most `limit` seconds long; no others."""
    deadline = time.monotonic() + limit
    while (found := _processes(root)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _processes(root: Path) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is not ours
            if (folder / "root").readlink() == root:
                found.append(int(folder.name))
    return found


def _own_folder(parent: Path, stack: contextlib.ExitStack) -> Path:
    """Make a folder that is locked and in the end removed by the stack, and remove those whose owners died."""
    try:
        with _locked(parent, wait=60.0):  # so that nobody takes a folder just made for one whose owner died
            for stale in parent.glob(f"{PREFIX}*/"):
                # Its owner may live: the kernel drops a lock with its process.
                with contextlib.suppress(BlockingIOError), _locked(stale):
                    end_processes(stale / "root")
                    _remove(stale)
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            stack.enter_context(_locked(folder))
    except OSError as error:
        raise PackageCacheError(f"cannot make a copy of a root in {parent}: {error.strerror}") from error
    stack.callback(_remove, folder)
    return folder


@contextlib.contextmanager
def _locked(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Lock a folder itself while the block runs. Raise `BlockingIOError` if it is not free within `wait` seconds."""
    with opened(folder, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        lock(descriptor, wait)
        yield


def _remove(folder: Path) -> None:
    run(["rm", "-rf", "--one-file-system", "--", str(folder)])


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or what is in a folder, over the target."""
    (target if source.is_dir() else target.parent).mkdir(parents=True, exist_ok=True)
    run(["cp", "-a", "--reflink=auto", "-T", "--", str(source), str(target)])


def _make_devices(folder: Path) -> None:
    """Make the devices that any program counts on, or plain files where we may not."""
    for name in ("pts", "shm"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "shm").chmod(0o1777)
    for name, (major, minor) in _DEVICES.items():
        path = folder / name
        if path.is_char_device():
            continue
        path.unlink(missing_ok=True)
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        except PermissionError:
            path.write_bytes(os.urandom(1 << 20) if name.endswith("random") else b"")
        path.chmod(0o666)
