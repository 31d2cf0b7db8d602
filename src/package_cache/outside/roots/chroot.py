"""The weakest throw-away root: a copy, entered by chroot(2), where a machine lets us neither mount nor unshare.

It has no /proc, sees the host's network, and its processes are the host's. What of it a killed run left is removed
by the next one that copies the same root.
"""

import contextlib
import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from package_cache.outside.files import lock
from package_cache.outside.inside import on_the_host
from package_cache.outside.roots.namespaces import Bind
from package_cache.outside.run import run
from package_cache.values.errors import PackageCacheError

PREFIX = ".throwaway-"
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
"""Major and minor numbers, from Linux's Documentation/admin-guide/devices.txt."""


@contextlib.contextmanager
def copied_root(root: Path, binds: Sequence[Bind], *, network: bool) -> Iterator[Path]:
    """Give a copy of `root`, made beside it, while the block runs; then end its processes and remove it."""
    with _own_folder(root.parent) as folder:
        copy = folder / "root"
        _copy(root, copy)
        _make_devices(copy / "dev")
        if not (copy / "tmp").exists():
            (copy / "tmp").mkdir()
            (copy / "tmp").chmod(0o1777)
        if network:
            _copy_resolver(copy / "etc")
        for bind in binds:
            _copy(bind.source, on_the_host(copy, bind.inside))
        try:
            yield copy
        finally:
            end_processes(copy)
            for bind in binds:
                if bind.writable:
                    _copy(on_the_host(copy, bind.inside), bind.source)


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


@contextlib.contextmanager
def _own_folder(parent: Path) -> Iterator[Path]:
    """Give a new folder that is locked as long as we live, and remove those whose owners died."""
    beside = _lock(parent, wait=60.0)  # so that nobody takes a folder just made for one whose owner died
    try:
        for stale in parent.glob(f"{PREFIX}*/"):
            _remove_if_dead(stale)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        descriptor = _lock(folder)
    except OSError as error:
        raise PackageCacheError(f"cannot make a copy of a root in {parent}: {error.strerror}") from error
    finally:
        os.close(beside)
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(descriptor)


def _remove_if_dead(folder: Path) -> None:
    try:
        descriptor = _lock(folder)
    except BlockingIOError:
        return  # its owner lives: the kernel drops a lock with its process (flock(2))
    try:
        end_processes(folder / "root")
        _remove(folder)
    finally:
        os.close(descriptor)


def _lock(folder: Path, wait: float = 0.0) -> int:
    """Lock a folder itself and give the descriptor that holds it. Raises `BlockingIOError` after `wait` seconds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock(descriptor, wait)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _remove(folder: Path) -> None:
    run(["rm", "-rf", "--one-file-system", "--", str(folder)])


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or what is in a folder, over the target."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
        run(["cp", "-a", "--reflink=auto", "--", f"{source}/.", str(target)])
    else:
        run(["cp", "-a", "--reflink=auto", "-T", "--", str(source), str(target)])


def _make_devices(folder: Path) -> None:
    """Make the devices that any program counts on. Where we may not even do that, plain files must stand for them."""
    folder.mkdir(exist_ok=True)
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
    for name in ("pts", "shm"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "shm").chmod(0o1777)


def _copy_resolver(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("resolv.conf", "hosts"):
        if Path("/etc", name).exists():
            (folder / name).unlink(missing_ok=True)
            shutil.copyfile(Path("/etc", name), folder / name)
