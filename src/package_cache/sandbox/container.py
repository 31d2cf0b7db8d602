"""Disposable roots: run commands in a copy of a root, in a container of runc(8), then drop all of it.

What contains a stranger's root in there: `docs/isolation.md`. The constant part of the container's description is
`container.json` (OCI runtime specification, config.json).
"""

import contextlib
import json
import resource
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from package_cache.errors import PackageCacheError, UsageError
from package_cache.process import LIMIT, CommandError, Completed, find_tool, run
from package_cache.sandbox.emulation import REGISTRY, registry_lines
from package_cache.sandbox.namespaces import KINDS, STAGE, hold, identities

DISK = "size=50%,nr_inodes=400k"
"""The most that is written in a disposable root, in memory (tmpfs(5)): half of the machine's, and that many files."""

PROCESSES = 1024
"""The most that run in it, whatever their users are; one user has half of that (`container.json`)."""

_NEW_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
"""Each flag of clone(2) that makes a namespace (linux/sched.h, CLONE_NEW*)."""

_FAMILIES = (38, 40)
"""Those that socket(2) refuses: AF_ALG and AF_VSOCK (linux/socket.h)."""

_BOX = f"{STAGE}/box"

ROOT = f"{_BOX}/root"
"""Where a container's files are for its `outside`."""

CHANGES = f"{_BOX}/upper"
"""Where only what was changed is (overlay, Linux's Documentation/filesystems/overlayfs.rst); not there for a copy."""


@dataclass(frozen=True)
class Container:
    """A running disposable root."""

    enter: tuple[str, ...]
    """The argv prefix of a command inside, in a clean environment."""
    outside: tuple[str, ...]
    """The argv prefix of this machine's own programs, with the ids of the root, which see its files in `ROOT`."""
    ended: contextlib.ExitStack = field(repr=False)
    """Ends all of it when closed."""

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = LIMIT,
        check: bool = True,
        stdin: str | None = None,
    ) -> Completed:
        """Run a command inside, with `env` added to a clean environment; otherwise as `process.run`.

        A command that takes longer than `timeout` seconds ends the container.
        """
        more = ("env", *(f"{name}={value}" for name, value in env.items())) if env else ()
        try:
            return run([*self.enter, *more, *argv], timeout=timeout, check=check, stdin=stdin)
        except CommandError as error:
            if error.returncode is None:
                self.ended.close()
            raise

    @property
    def runc(self) -> tuple[str, ...]:
        """The argv prefix of runc(8), for `outside`, which knows the container as `box`."""
        inside = self.enter[len(self.outside) :]
        return inside[: inside.index("exec")]

    def stop(self) -> None:
        """End all processes inside for good; `outside` goes on, and finds the files as they left them."""
        run([*self.outside, *self.runc, "delete", "--force", "box"], timeout=60)

    def restart(self) -> None:
        """End all processes inside, and begin again with the files as they left them; no program of these runs."""
        self.stop()
        limit = f"prlimit --pid $$ --nproc={_at_most('RLIMIT_NPROC', PROCESSES)}"
        again = _RUN.format(runc=" ".join(self.runc), verb="create").removeprefix("mkfifo in out; ")
        run([*self.outside, "sh", "-euc", f"cd {_BOX}; {limit}; {again}"], timeout=60)


@contextlib.contextmanager
def sandbox(
    root: Path,
    *,
    network: bool = False,
    binds: Mapping[str, Path] | None = None,
    emulated: bool = False,
    started: bool = True,
    disk: str = DISK,
    hostname: str = "localhost",
) -> Iterator[Container]:
    """Yield a running disposable copy of `root` while the block runs; `root` itself is never changed.

    `binds` are files and folders that are shown inside, read-only, by their absolute paths there. With `network` it is
    the host's network, otherwise an own loopback. All of it ends with the block, also when our process is killed.
    The first process is a shell of that root, or, unless `started`, none of its programs.

    Raise `PackageCacheError` with the cause if this machine does not allow it, or if the root has no shell.
    """
    if not root.is_dir():
        raise PackageCacheError(f"cannot find the root {root}")
    # The file itself: the folder of a link to it may be closed to the ids inside.
    runc = (str(Path(find_tool("runc")).resolve()), "--root", f"{_BOX}/state")
    shown = checked_binds(binds or {})
    config = _config(shown, network=network) | {"hostname": hostname}
    if not started:
        config["process"]["args"] = ["/proc/self/exe"]  # runc wants to see a program
    before = [f"mount -t tmpfs -o mode=755 tmpfs {STAGE}; cd {STAGE}; mkdir box", *_bind_lines("lower", root.resolve())]
    for number, source in enumerate(shown.values()):
        before += _bind_lines(f"bind{number}", source)
    owner = root.stat().st_uid
    has_ids = any(first <= owner < first + count for _, first, count in identities("uid"))
    setup = [
        "mount -t proc proc /proc",
        *(registry_lines(f"/{REGISTRY}") if emulated else ()),
        f"mount -t tmpfs -o nosuid,nodev,mode=755,{disk} tmpfs {_BOX}; cd {_BOX}; mkdir root state",
        _OVERLAY if has_ids else _RECEIVE,
        f"printf %s {shlex.quote(json.dumps(config))} > config.json",
        f"prlimit --pid $$ --nproc={_at_most('RLIMIT_NPROC', PROCESSES)}",
        _RUN.format(runc=" ".join(runc), verb="run --detach" if started else "create"),
    ]
    before += () if has_ids else (_SEND,)
    with contextlib.ExitStack() as stack:
        holder = stack.enter_context(hold(setup, ["--mount", "--pid"], user=True, before=before))
        container = Container((*holder.enter, *runc, "exec", "--no-new-privs", "box"), holder.enter, stack)
        for name in ("resolv.conf", "hosts") if network else ():
            with contextlib.suppress(FileNotFoundError):
                text = Path("/etc", name).read_text()
                container.run(["sh", "-c", f"rm -f /etc/{name}; cat > /etc/{name}"], stdin=text, timeout=30)
        yield container


# Overlay in a user namespace needs Linux 5.11; on a tmpfs it can replace a folder only from 6.6 on (user.* attributes).
# So it is tried first, on a folder made for it, and where it cannot be had the root is copied into memory instead.
_OVERLAY = f"""overlay() {{
  mkdir "$1/upper" "$1/work"; chmod --reference="$2" "$1/upper"; chown --reference="$2" "$1/upper"
  mount -t overlay overlay -o "nosuid,nodev,lowerdir=$2,upperdir=$1/upper,workdir=$1/work,userxattr" "$3"
}}
mkdir -p try/lower/folder try/root
if (overlay try try/lower try/root && rmdir try/root/folder && mkdir try/root/folder) 2>/dev/null &&
  overlay . {STAGE}/lower root
then umount try/root
else cp -a {STAGE}/lower/. root/; mount --bind root root
fi"""

# A root that belongs to root itself is handed over by root: no id inside could read all of it, or own it.
_SEND = """mkfifo -m 644 copy status; umask 022
(tar --numeric-owner --one-file-system --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' \\
  --directory lower --create . > copy; echo $? > status) > said 2>&1 &"""
_RECEIVE = f"""tar --numeric-owner --directory root --extract < {STAGE}/copy
read -r status < {STAGE}/status; [ "$status" -lt 2 ] || {{ cat {STAGE}/said >&2; exit 1; }}; mount --bind root root"""

# Pipes that never end are its first process's streams: /dev/null would be this machine's, and ours would be let in.
_RUN = """mkfifo in out; exec 3<> in 4<> out
{runc} --log log {verb} --bundle . box <&3 >&4 2>&4 3<&- 4<&- || {{ cat log >&2; exit 1; }}"""


def checked_binds(binds: Mapping[str, Path]) -> dict[str, Path]:
    """Return what is shown inside, a folder before what lies in it. Raise `UsageError`."""
    for inside, source in binds.items():
        if not PurePosixPath(inside).is_absolute():
            raise UsageError(f"cannot show {source} at {inside!r}: write an absolute path")
        if not source.exists():
            raise UsageError(f"cannot show {source} inside: it does not exist")
    return {inside: binds[inside].resolve() for inside in sorted(binds)}


def _bind_lines(place: str, source: Path) -> Iterator[str]:
    yield f"{'mkdir -p' if source.is_dir() else ': >'} {place}; mount --bind {shlex.quote(str(source))} {place}"
    # By the target alone, mount(8) keeps the other options: a user namespace may not drop them.
    yield f"mount -o remount,bind,ro,nosuid,nodev {place}"


def _at_most(kind: str, limit: int) -> int:
    """Return a limit (setrlimit(2)), or our own if that is lower: nothing inside may raise it."""
    own = resource.getrlimit(getattr(resource, kind))[1]
    return limit if own == resource.RLIM_INFINITY else min(limit, own)


def _config(shown: Mapping[str, Path], *, network: bool) -> dict[str, Any]:
    """Return the container's description: a user namespace of its own, without rights over the mounts around it."""
    config: dict[str, Any] = json.loads(Path(__file__).with_name("container.json").read_text())
    linux = config["linux"]
    for kind in KINDS:
        others = sum(count for _, _, count in identities(kind)) - 1
        extents = ((0, 1), (1, others))
        linux[f"{kind}Mappings"] = [{"containerID": first, "hostID": first, "size": size} for first, size in extents]
    for limit in config["process"]["rlimits"]:
        limit |= {key: _at_most(limit["type"], limit[key]) for key in ("soft", "hard")}
    capabilities = config["process"]["capabilities"]
    capabilities |= dict.fromkeys(("effective", "permitted"), capabilities["bounding"])
    refused = [("clone", 1, {"value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}) for flag in _NEW_NAMESPACES]
    refused += [("socket", 97, {"value": family, "op": "SCMP_CMP_EQ"}) for family in _FAMILIES]
    linux["seccomp"]["syscalls"] += [
        {"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": error, "args": [{"index": 0, **condition}]}
        for name, error, condition in refused
    ]
    linux["namespaces"] += [] if network else [{"type": "network"}]
    config["mounts"] += [
        {"destination": inside, "source": f"{STAGE}/bind{number}", "options": ["bind"]}  # the rest is locked already
        for number, inside in enumerate(shown)
    ]
    return config
