"""Disposable roots for tests and benchmarks: namespaces in which root keeps all of its rights. They contain nothing.

Tests of what goes wrong mount, drop capabilities and remount in there. For what strangers made there is
`package_cache.sandbox.container`.
"""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from package_cache.filesystem.confined import on_the_host, resolved_inside
from package_cache.filesystem.paths import exclusive
from package_cache.process import LIMIT, Completed, find_tool, run
from package_cache.sandbox.bootstrap import archive_root
from package_cache.sandbox.isolation import strongest_isolation
from package_cache.sandbox.namespaces import STAGE, Holder, hold

ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
)
"""The whole environment of a command inside."""

_PIVOT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
os.chdir(sys.argv[1])
if libc.pivot_root(b".", b".") or libc.umount2(b".", 2):
    sys.exit("cannot make the new root the root: " + os.strerror(ctypes.get_errno()))
"""
"""Makes a folder the root of all, then drops the old root from above it (pivot_root(2), with MNT_DETACH): two calls in
one process, as no program of the host can be started in between."""


class Isolation(Enum):
    """Whose namespaces they are."""

    ROOT_NAMESPACES = "its own mount, process and network namespaces, as root"
    USER_NAMESPACE = "its own mount, process and network namespaces, in a user namespace of an ordinary user"


@dataclass(frozen=True)
class Container:
    """A running disposable root."""

    isolation: Isolation
    enter: tuple[str, ...]
    """The argv prefix that enters it, with the environment as it is."""
    root: Path
    """Its root as the host sees it while it runs; symlinks in it lead astray: use `path`."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """The argv prefix that runs a command inside, in a clean environment."""
        return (find_tool("env"), "-i", *ENVIRONMENT, *self.enter)

    def path(self, inside: str) -> Path:
        """Return the host's path of a file inside, as long as the block runs; symlinks are followed as inside."""
        return on_the_host(self.root, resolved_inside(self.root, inside))

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = LIMIT,
        check: bool = True,
        stdin: str | None = None,
    ) -> Completed:
        """Run a command inside, with `env` added to the clean environment; otherwise as `process.run`.

        After `timeout` seconds it and its children are ended; a child that left their process group (setsid(2))
        ends with the block.
        """
        extra = [f"{name}={value}" for name, value in (env or {}).items()]
        command = [find_tool("env"), "-i", *ENVIRONMENT, *extra, *self.enter, *argv]
        return run(command, timeout=timeout, check=check, stdin=stdin)


def lab_isolation() -> Isolation:
    """Return what this user has. Raise `PackageCacheError` with the cause if this machine does not allow it."""
    isolation = Isolation.ROOT_NAMESPACES if os.geteuid() == 0 else Isolation.USER_NAMESPACE
    with hold((), ["--mount", "--pid"], user=isolation is Isolation.USER_NAMESPACE):
        return isolation


def lab_root(root: Path, state: Path) -> Path:
    """Return a root that `make_root` gave with its owners as they are inside, copied once if they are others."""
    if root.stat().st_uid == os.geteuid():
        return root
    kept = state / "tests" / "roots" / root.parent.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(kept.with_name(f".{kept.name}.lock"), wait=900):
        if not kept.is_dir():
            (building := kept.with_name(f".building-{kept.name}")).mkdir(exist_ok=True)
            archive_root(root, building / "root.tar", strongest_isolation())
            (building / "root").mkdir()
            run(["tar", "--directory", str(building / "root"), "--extract", "--file", str(building / "root.tar")])
            (building / "root.tar").unlink()
            building.rename(kept)
    return kept / "root"


@contextlib.contextmanager
def throwaway(
    root: Path,
    isolation: Isolation,
    *,
    binds: Mapping[str, Path] | None = None,
    writable_binds: Mapping[str, Path] | None = None,
    written: Path | None = None,
) -> Iterator[Container]:
    """Yield a running disposable copy of `root` while the block runs; `root` itself is never changed.

    `binds` shows files and folders of the host inside, read-only, by their absolute paths there; what is written
    below a path of `writable_binds` lands on the host; all else stays in memory, or goes below the folder `written`.
    Its network is an own loopback.
    """
    root = root.resolve()
    user = isolation is Isolation.USER_NAMESPACE
    shown = [(resolved_inside(root, inside), source, False) for inside, source in (binds or {}).items()]
    shown += [(resolved_inside(root, inside), source, True) for inside, source in (writable_binds or {}).items()]
    lines = [line for bind in sorted(shown) for line in _bind_lines(*bind)]  # a folder before what lies in it
    flags = ["--mount", "--pid", "--ipc", "--uts", "--net"]
    with hold(_mounts(root, lines, written, user=user), flags, user=user) as holder:
        run([*enter_mounts(holder), sys.executable, "-I", "-S", "-c", _PIVOT, f"{STAGE}/merged"], timeout=30)
        yield Container(isolation, holder.enter, Path(f"/proc/{holder.pid}/root"))


def enter_mounts(holder: Holder) -> tuple[str, ...]:
    """Return the argv prefix that runs a command among a holder's mounts, but as a process of ours."""
    user = [flag for flag in holder.flags if flag == "--user"]
    return (find_tool("nsenter"), "--target", str(holder.pid), *user, "--mount")


def _mounts(root: Path, binds: Sequence[str], written: Path | None, *, user: bool) -> list[str]:
    """Return the lines that put the new root together in `STAGE`/merged."""
    overlay = "lowerdir=lower,upperdir=upper,workdir=work" + (",userxattr" if user else "")
    return [
        f"{shlex.quote(find_tool('ip'))} link set lo up; hostname localhost",
        f"mount --bind {shlex.quote(str(written))} {STAGE}" if written else f"mount -t tmpfs -o mode=755 tmpfs {STAGE}",
        f"cd {STAGE}; mkdir merged lower upper work",
        f"mount --bind {shlex.quote(str(root))} lower; chmod --reference=lower upper; chown --reference=lower upper",
        f"mount -t overlay overlay -o {overlay} merged",
        "cd merged; umask 022; mkdir -p proc sys dev etc; [ -d tmp ] || mkdir -m 1777 tmp",
        "mount -t proc proc proc",
        *DEVICES,
        *binds,
        "cd /",
    ]


DEVICES = (
    "mount -t tmpfs -o mode=755 tmpfs dev; mkdir dev/pts dev/shm",
    # bound, not made: a user namespace may make none
    "for name in null zero full random urandom tty; do : > dev/$name; mount --bind /dev/$name dev/$name; done",
    "mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts; ln -s pts/ptmx dev/ptmx",
    "mount -t tmpfs -o mode=1777 tmpfs dev/shm",
    "ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr",
)
"""Lines that make /dev in a new root, the current folder."""


def _bind_lines(inside: str, source: Path, writable: bool) -> list[str]:
    """Return the lines that show a file or folder at a place without symlinks."""
    shown, target = shlex.quote(str(source.resolve())), shlex.quote("." + inside)
    parent = shlex.quote("." + str(Path(inside).parent))
    make = f"mkdir -p {target}" if source.is_dir() else f"mkdir -p {parent}; [ -e {target} ] || : > {target}"
    return [f"{make}; mount --bind {shown} {target}", *([] if writable else [f"mount -o remount,bind,ro {target}"])]
