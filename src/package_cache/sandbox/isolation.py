"""Which disposable roots this machine can make: what contains a stranger's root, and what does not."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

from package_cache.errors import PackageCacheError, ToolMissingError
from package_cache.exit_codes import ExitStatus
from package_cache.filesystem.temporary import temporary_folder
from package_cache.process import run
from package_cache.sandbox.chroot import copied_root
from package_cache.sandbox.container import Container, sandbox
from package_cache.sandbox.emulation import HOW_TO_INSTALL, MACHINES, emulator_of, probe_of
from package_cache.sandbox.namespaces import IDS, own_ids


class Isolation(Enum):
    """How a disposable root is cut off from this machine. The values describe it for people."""

    CONTAINER = "a container of runc in a user namespace of its own"
    EMULATION = "a container of runc, in which programs of other architectures run by emulation"
    CHROOT = "a chroot of a copy only: neither the network nor the processes and files of this machine are cut off"


def strongest_isolation(*, uncontained: bool = True) -> Isolation:
    """Return the strongest isolation that this machine allows, by trying: being root says little in a container.

    `CHROOT` is only for roots that we made ourselves and commands that the user trusts, and only if `uncontained`.
    Raise `PackageCacheError` with the cause if none is possible, `ToolMissingError` if runc is missing.
    """
    try:
        with _empty_folder() as root, sandbox(root, started=False):
            return Isolation.CONTAINER
    except PackageCacheError as error:
        if uncontained and _can_chroot():
            return Isolation.CHROOT
        if isinstance(error, ToolMissingError):
            raise
        raise PackageCacheError(
            "cannot run a stranger's programs here: this machine does not allow the container that would hold them",
            details="\n".join((str(error), *_forbidding())),
            hint=error.hint or _WHERE_IT_WORKS,
            status=ExitStatus.NOT_CONTAINED,
        ) from error


def isolation_for(architecture: str, *, uncontained: bool = False) -> Isolation:
    """Return the strongest isolation in which programs of an architecture (dpkg's name) run, by trying.

    Raise `PackageCacheError` with the cause and what to do if this machine cannot run such programs, or, unless
    `uncontained`, if it cannot contain them; `ToolMissingError` if an emulator or runc is missing.
    """
    strongest = strongest_isolation(uncontained=uncontained)
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

_WHERE_IT_WORKS = (
    "do it where root or this user may make user namespaces and mounts: outside of a container, or in one with "
    "--privileged; as root where only root may; docs/isolation.md"
)

_SETTINGS = {
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "only root may use user namespaces (Ubuntu 23.10 and newer)"),
    "kernel/unprivileged_userns_clone": ("0", "only root may make user namespaces (Debian)"),
    "user/max_user_namespaces": ("0", "no user may make user namespaces (namespaces(7))"),
}
"""The settings (sysctl(8)) that forbid user namespaces, by their files below /proc/sys: the value, and its meaning."""


def _forbidding() -> Iterator[str]:
    """Yield a line for each setting of this machine that explains a refusal."""
    for name, (forbidding, meaning) in _SETTINGS.items():
        with contextlib.suppress(OSError):
            if Path("/proc/sys", name).read_text().strip() == forbidding and (os.geteuid() or name.startswith("user")):
                yield f"{name.replace('/', '.')} is {forbidding}: {meaning}"


def _can_chroot() -> bool:
    """Return whether we can make roots and enter them, which takes root, all of a root's ids, and CAP_SYS_CHROOT."""
    if os.geteuid() != 0 or own_ids() < IDS - 1:
        return False
    return run(["chroot", "/", "/bin/true"], check=False, timeout=30).returncode == 0


def _refusal(isolation: Isolation, probe: bytes) -> str:
    """Return why a program does not run in a root of its own, or nothing."""
    with _empty_folder() as root:
        (root / "probe").write_bytes(probe)
        (root / "probe").chmod(0o755)
        try:
            with disposable_root(root, isolation, started=False) as container:
                container.run(["/probe"], timeout=30)
        except PackageCacheError as error:
            return error.details.strip() or error.message
    return ""


@contextlib.contextmanager
def _empty_folder() -> Iterator[Path]:
    with temporary_folder() as folder:
        root = Path(folder, "root")
        root.mkdir()
        yield root


def disposable_root(
    root: Path,
    isolation: Isolation,
    *,
    network: bool = False,
    binds: Mapping[str, Path] | None = None,
    started: bool = True,
    hostname: str = "localhost",
) -> contextlib.AbstractContextManager[Container]:
    """Run a disposable copy of `root` while a `with` block runs, as `sandbox.container.sandbox` does.

    With `CHROOT`, `binds` are copied into it, and network and host name are those of the machine in any case.
    """
    if isolation is Isolation.CHROOT:
        return copied_root(root, binds or {}, network=network)
    emulated = isolation is Isolation.EMULATION
    return sandbox(root, network=network, binds=binds, emulated=emulated, started=started, hostname=hostname)
