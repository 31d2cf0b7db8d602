"""Namespaces (namespaces(7)) with a root of their own, held by a process that ends when we do.

The holder is process 1 of a new pid namespace: it makes the mounts, then becomes a `cat` that reads our pipe. When we
close it, or die in whatever way, it ends, and the kernel ends all processes of that namespace and drops its mounts.
"""

import contextlib
import select
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.outside.roots.emulation import REGISTRY, registry_lines
from package_cache.outside.roots.identities import give_identities
from package_cache.outside.run import end, find_tool, run, start
from package_cache.values.errors import PackageCacheError

SETUP_LIMIT = 300.0
"""Seconds for the mounts, or, where there is no overlay, for the copy of a root into memory."""

STAGE = "/sys"
"""Where the new root is put together: a folder that every Linux has and nothing is bound from; ours is private."""

_BECOME_HOLDER = "exec env --ignore-signal=CHLD cat"
"""With CHLD ignored the kernel reaps orphans itself (signal(7)): no daemon that ended stays behind as a zombie."""


_PIVOT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
os.chdir(sys.argv[1])
if libc.pivot_root(b".", b".") or libc.umount2(b".", 2):
    sys.exit("cannot make the new root the root: " + os.strerror(ctypes.get_errno()))
"""
"""Makes a folder the root of all, then drops the old root from above it (pivot_root(2), with MNT_DETACH): two calls in
one process, as no program of the host can be started in between. So nothing of the host can be reached from inside."""


@dataclass(frozen=True)
class Bind:
    """A file or folder of the host that shall be seen inside, at a place without symlinks."""

    source: Path
    inside: str
    writable: bool


@dataclass(frozen=True)
class Holder:
    """A running holder: how to enter its namespaces."""

    pid: int
    """Of its first process, as we see it."""
    flags: tuple[str, ...]

    @property
    def enter(self) -> tuple[str, ...]:
        """The argv prefix that runs a command in its namespaces."""
        return (find_tool("nsenter"), "--target", str(self.pid), *self.flags)

    @property
    def enter_mounts(self) -> tuple[str, ...]:
        """The argv prefix that runs a command among its mounts, but as a process of ours."""
        user = [flag for flag in self.flags if flag == "--user"]
        return (find_tool("nsenter"), "--target", str(self.pid), *user, "--mount")


@contextlib.contextmanager
def new_root(
    root: Path | None, binds: Sequence[Bind], *, user: bool, network: bool, emulated: bool = False
) -> Iterator[Holder]:
    """Hold namespaces whose root is a copy-on-write view of `root` (None: an empty one) while the block runs.

    `user`: in a new user namespace. `network`: keep the host's network, with its resolver's files. `emulated`, only
    with `user`: programs of other architectures run there, as far as there are emulators.
    Raises `PackageCacheError` with what the system said where it does not let us.
    """
    flags = ["--mount", "--pid", "--ipc", "--uts"] + ([] if network else ["--net"])
    setup = _mounts(root, binds, user=user, network=network, emulated=emulated)
    with hold(setup, flags, user=user) as holder:
        run([*holder.enter_mounts, sys.executable, "-I", "-S", "-c", _PIVOT, f"{STAGE}/merged"], timeout=30)
        yield holder


@contextlib.contextmanager
def hold(setup: Sequence[str], flags: Sequence[str], *, user: bool) -> Iterator[Holder]:
    """Hold new namespaces (`flags` of unshare(1)), set up by these lines of shell, while the block runs."""
    # The redirection is the shell's own: /proc is still the outer one and tells the pid by which we know it.
    lines = ["set -eu", "read -r pid rest < /proc/self/stat", *setup, 'echo "$pid"', _BECOME_HOLDER]
    argv = ["unshare", *flags, "--fork", "--kill-child", "sh", "-c", "\n".join(lines)]
    if user:
        argv = ["unshare", "--user", "sh", "-c", 'echo unshared; read -r go; exec "$@"', "sh", *argv]
    process = start(argv, stdin=subprocess.PIPE)
    try:
        if user:
            _answer(process, "")
            give_identities(process.pid)
        pid = int(_answer(process, "go" if user else ""))
        _answer(process, "are you there")  # echoed once `cat` runs: it needs nothing of the host any more
        yield Holder(pid, (("--user",) if user else ()) + tuple(flags))
    finally:
        _let_go(process)


def _answer(process: "subprocess.Popen[str]", line: str) -> str:
    """Say a line to the holder and give its next one."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        if line:
            process.stdin.write(line + "\n")
            process.stdin.flush()
    ready, _, _ = select.select([process.stdout], [], [], SETUP_LIMIT)
    answer = process.stdout.readline() if ready else ""
    if not answer.endswith("\n"):
        _, said = end(process)
        raise PackageCacheError("cannot make namespaces of our own on this machine", details=said)
    return answer.strip()


def _let_go(process: "subprocess.Popen[str]") -> None:
    """Let the holder end. When that is done, no process of its pid namespace is left (pid_namespaces(7))."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        end(process)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _mounts(root: Path | None, binds: Sequence[Bind], *, user: bool, network: bool, emulated: bool) -> list[str]:
    """Give the lines that put the new root together in `STAGE`/merged."""
    lower = "mkdir lower" if root is None else f"mkdir lower; mount --bind {shlex.quote(str(root))} lower"
    return [
        *([] if network else [f"{shlex.quote(find_tool('ip'))} link set lo up", "hostname localhost"]),
        f"mount -t tmpfs -o mode=755 tmpfs {STAGE}; cd {STAGE}; mkdir merged",
        lower,  # bound to a plain name: no ":" or "," of the root's path gets into overlay's options
        _OVERLAY.format(options=",userxattr" if user else ""),
        "cd merged; umask 022; mkdir -p proc sys dev etc; [ -d tmp ] || mkdir -m 1777 tmp",
        "mount -t proc proc proc",
        *(registry_lines(REGISTRY) if emulated else ()),
        *_DEVICES,
        *(_resolver_line(name) for name in ("resolv.conf", "hosts") if network),
        *(line for bind in binds for line in _bind_lines(bind)),
        "cd /",
    ]


# Overlay in a user namespace needs Linux 5.11; on a tmpfs it can replace a folder only from 6.6 on (user.* attributes).
# So it is tried first, on a folder made for it, and where it cannot be had the root is copied into memory instead.
_OVERLAY = """overlay() {{
  mkdir "$1/upper" "$1/work"; chmod --reference="$1/lower" "$1/upper"; chown --reference="$1/lower" "$1/upper"
  mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work{options}" "$2"
}}
mkdir -p try/lower/folder try/merged
if (overlay try try/merged && rmdir try/merged/folder && mkdir try/merged/folder) 2>/dev/null && overlay . merged; then
  umount try/merged
else
  mount -t tmpfs -o mode=755 tmpfs merged; cp -a lower/. merged/
fi"""

_DEVICES = (
    "mount -t tmpfs -o mode=755 tmpfs dev; mkdir dev/pts dev/shm",
    # bound, not made: a user namespace may make none
    "for name in null zero full random urandom tty; do : > dev/$name; mount --bind /dev/$name dev/$name; done",
    "mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts; ln -s pts/ptmx dev/ptmx",
    "mount -t tmpfs -o mode=1777 tmpfs dev/shm",
    "ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr",
)


def _resolver_line(name: str) -> str:
    return f"if [ -e /etc/{name} ]; then rm -f etc/{name}; cat /etc/{name} > etc/{name}; fi"


def _bind_lines(bind: Bind) -> list[str]:
    source, target = shlex.quote(str(bind.source)), shlex.quote("." + bind.inside)
    parent = shlex.quote("." + str(Path(bind.inside).parent))
    if bind.source.is_dir():
        lines = [f"mkdir -p {target}; mount --bind {source} {target}"]
    else:
        lines = [f"mkdir -p {parent}; [ -e {target} ] || : > {target}; mount --bind {source} {target}"]
    if not bind.writable:
        # By the target alone, mount(8) keeps the other options: a user namespace may not drop them.
        lines.append(f"mount -o remount,bind,ro {target}")
    return lines
