"""Throw-away roots: run commands in a copy of a root that is cut off from the host, then forget all of it.

What each tier cuts off and how one is chosen: `docs/isolation.md`.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from package_cache.outside.inside import on_the_host, resolved_inside
from package_cache.outside.roots.chroot import copied_root
from package_cache.outside.roots.emulation import HOW_TO_INSTALL, MACHINES, emulator_of, probe_of
from package_cache.outside.roots.namespaces import Bind, new_root
from package_cache.outside.run import LIMIT, Completed, find_tool, run
from package_cache.values.errors import PackageCacheError, ToolMissingError, UsageError

ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
)
"""The whole environment of a command inside."""


class Isolation(Enum):
    """How far a machine lets us cut a root off from it, strongest first."""

    ROOT_NAMESPACES = "its own mount, process and network namespaces, as root"
    USER_NAMESPACE = "its own mount, process and network namespaces, in a user namespace"
    EMULATION = (
        "its own mount, process and network namespaces, in a user namespace "
        "in which programs of other architectures run by emulation"
    )
    CHROOT = (
        "a chroot of a copy only: this machine lets us neither mount nor unshare, "
        "so neither the network nor the host's processes are cut off"
    )

    @property
    def description(self) -> str:
        """What it is, for people: the end of a sentence such as "isolation: …"."""
        return self.value

    @property
    def cuts_network(self) -> bool:
        """True where "without network" is enforced."""
        return self is not Isolation.CHROOT

    @property
    def has_user_namespace(self) -> bool:
        """True where root inside has no rights outside."""
        return self in (Isolation.USER_NAMESPACE, Isolation.EMULATION)


@dataclass(frozen=True)
class Container:
    """A running throw-away root."""

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
        """Give the host's path of a file inside, as long as the block runs; symlinks are followed as inside.

        In a user namespace, what belongs to others than its root can be read only as far as its mode lets anybody.
        """
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
        """Run a command inside, with `env` added to the clean environment; otherwise as `outside.run.run`.

        After `timeout` seconds it and its children are ended; a child that left their process group (setsid(2))
        ends with the block.
        """
        extra = [f"{name}={value}" for name, value in (env or {}).items()]
        command = [find_tool("env"), "-i", *ENVIRONMENT, *extra, *self.enter, *argv]
        return run(command, timeout=timeout, check=check, stdin=stdin)


def strongest_isolation() -> Isolation:
    """Give the strongest tier that this machine lets us have, by trying each: being root says little in a container.

    Raises `PackageCacheError` where none is possible, with what the system said.
    """
    root = os.geteuid() == 0
    refusals = []
    for isolation in (Isolation.ROOT_NAMESPACES, Isolation.USER_NAMESPACE) if root else (Isolation.USER_NAMESPACE,):
        try:
            with new_root(None, (), user=isolation is Isolation.USER_NAMESPACE, network=False):
                return isolation
        except PackageCacheError as error:
            refusals.append(error)
    if root:
        return Isolation.CHROOT
    raise PackageCacheError(
        "cannot make a throw-away root: this machine lets an ordinary user have no namespace of its own",
        details="\n".join(str(refusal) for refusal in refusals),
        hint="run this as root, or let the system's administrator allow user namespaces",
    )


def isolation_for(architecture: str) -> Isolation:
    """Give the strongest tier in which programs of an architecture (dpkg's name) run, by trying; emulated if need be.

    Raises `PackageCacheError`: what `strongest_isolation` does, and `ToolMissingError` or another where this machine
    cannot run such programs, with what to do about it.
    """
    strongest = strongest_isolation()
    own = run(["dpkg", "--print-architecture"], timeout=30).stdout.strip()
    if architecture in (own, *_ALSO_RUN.get(own, ())):
        return strongest
    what = f"cannot run programs of {architecture} on this machine, which is of {own}"
    probe = probe_of(architecture)
    if probe is None:
        known = " and ".join(MACHINES)
        raise PackageCacheError(what, hint=f"do it on a machine of {architecture}: emulated are only {known}")
    refusals = [_refusal(strongest, probe)]
    if refusals[0] and strongest is not Isolation.CHROOT:
        try:
            emulator_of(architecture)
        except ToolMissingError as error:
            raise ToolMissingError(f"{what}: it has no emulator of them", hint=HOW_TO_INSTALL) from error
        strongest = Isolation.EMULATION
        refusals.append(_refusal(strongest, probe))
    if refusals[-1]:
        details = "\n".join(refusals)
        raise PackageCacheError(f"{what}: neither itself nor by emulation", details=details, hint=HOW_TO_INSTALL)
    return strongest


_ALSO_RUN = {"amd64": ("i386",)}
"""What a processor runs besides its own programs."""


def _refusal(isolation: Isolation, probe: bytes) -> str:
    """Say why a program does not run in a root of its own; nothing where it does."""
    with tempfile.TemporaryDirectory(prefix="package-cache-") as folder:
        root = Path(folder, "root")
        root.mkdir()
        (root / "probe").write_bytes(probe)
        (root / "probe").chmod(0o755)
        try:
            with throwaway(root, isolation) as container:
                container.run(["/probe"], timeout=30)
        except PackageCacheError as error:
            return error.details.strip() or error.message
    return ""


@contextlib.contextmanager
def throwaway(
    root: Path,
    isolation: Isolation,
    *,
    network: bool = False,
    binds: Mapping[str, Path] | None = None,
    writable_binds: Mapping[str, Path] | None = None,
) -> Iterator[Container]:
    """Give a running throw-away copy of `root` while the block runs; `root` itself is never changed.

    `binds` shows files and folders of the host inside, read-only, by their absolute paths there; what is written
    below a path of `writable_binds` lands on the host (tier CHROOT: when the block ends). With `network` the host's
    network is kept, otherwise there is only an own loopback (not so in tier CHROOT, see `cuts_network`). All
    of it vanishes with the block, also when our process is killed. Raises `PackageCacheError` with what the
    system said where the machine does not allow it.
    """
    if not root.is_dir():
        raise PackageCacheError(f"cannot find the root {root}")
    root = root.resolve()
    seen = [*_seen(root, binds or {}, writable=False), *_seen(root, writable_binds or {}, writable=True)]
    seen.sort(key=lambda bind: bind.inside)  # a folder before what lies in it
    if isolation is Isolation.CHROOT:
        with copied_root(root, seen, network=network) as copy:
            yield Container(isolation, (find_tool("chroot"), str(copy)), copy)
        return
    user, emulated = isolation.has_user_namespace, isolation is Isolation.EMULATION
    with new_root(root, seen, user=user, network=network, emulated=emulated) as holder:
        yield Container(isolation, holder.enter, Path(f"/proc/{holder.pid}/root"))


def _seen(root: Path, binds: Mapping[str, Path], *, writable: bool) -> Iterator[Bind]:
    for inside, source in binds.items():
        if not PurePosixPath(inside).is_absolute():
            raise UsageError(f"cannot show {source} at {inside!r}: write an absolute path")
        if not source.exists():
            raise UsageError(f"cannot show {source} inside: it does not exist")
        yield Bind(source.resolve(), resolved_inside(root, inside), writable)
