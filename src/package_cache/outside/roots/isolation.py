"""Throw-away roots: run commands in a copy of a root that is cut off from the host, then forget all of it.

What each tier cuts off and how one is chosen: `docs/isolation.md`.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from package_cache.outside.inside import on_the_host, resolved_inside
from package_cache.outside.roots.chroot import copied_root
from package_cache.outside.roots.namespaces import Bind, new_root
from package_cache.outside.run import Completed, find_tool, run
from package_cache.values.errors import PackageCacheError, UsageError

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
        timeout: float | None = None,
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
    with new_root(root, seen, user=isolation is Isolation.USER_NAMESPACE, network=network) as holder:
        yield Container(isolation, holder.enter, Path(f"/proc/{holder.pid}/root"))


def _seen(root: Path, binds: Mapping[str, Path], *, writable: bool) -> Iterator[Bind]:
    for inside, source in binds.items():
        if not PurePosixPath(inside).is_absolute():
            raise UsageError(f"cannot show {source} at {inside!r}: write an absolute path")
        if not source.exists():
            raise UsageError(f"cannot show {source} inside: it does not exist")
        yield Bind(source.resolve(), resolved_inside(root, inside), writable)
