"""The roots in which the methods run: disposable roots without a network, set up as container images are.

Profile `memory`: what is written stays in memory (`tests.support.lab.throwaway`). Profile `disk`: it goes to a
folder of this machine's disk, which is removed afterwards; otherwise the same, but entered by chroot: enough among
ourselves.
"""

import contextlib
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.lab import DEVICES, Container, Isolation, lab_isolation, throwaway

from package_cache.errors import PackageCacheError
from package_cache.process import find_tool, run
from package_cache.releases.distributions import Release
from package_cache.sandbox.namespaces import STAGE, hold

SCRIPTS = Path(__file__).parent

ADDRESS = "127.0.0.1:8000"
"""Of the archive, on the root's own loopback."""

_DISK_ROOT = f"""{{ip}} link set lo up
mount --bind {{folder}} {STAGE}; cd {STAGE}; mkdir lower upper work merged
mount --bind {{root}} lower
chmod --reference=lower upper
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
cd merged; mkdir -p proc sys dev
mount -t proc proc proc"""


def root_isolation() -> Isolation:
    """Return the isolation that a benchmark needs. Raise `PackageCacheError` if this machine forbids it."""
    isolation = lab_isolation()
    if isolation is not Isolation.ROOT_NAMESPACES:
        raise PackageCacheError(
            f"cannot measure here: the methods need roots with namespaces of their own, and there is {isolation}",
            hint="run this as root, where namespaces may be made",
        )
    return isolation


@contextlib.contextmanager
def bench_root(
    root: Path, isolation: Isolation, binds: Mapping[str, Path], *, disk: Path | None = None
) -> Iterator[Container]:
    """Yield a running disposable root that sees our scripts in /bench; with `disk`, what it writes goes below that."""
    binds = {"/bench/methods": SCRIPTS / "methods", "/bench/inside": SCRIPTS / "inside", **binds}
    if disk is None:
        with throwaway(root, isolation, binds=binds) as container:
            yield container
        return
    disk.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=disk, ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with hold(list(_disk_lines(root, Path(folder), binds)), ["--mount", "--pid", "--net"], user=False) as holder:
            merged = Path(f"{STAGE}/merged")
            yield Container(isolation, (*holder.enter, find_tool("chroot"), str(merged)), merged)
        os.sync()  # what is still to be written must not fall into the next one's time
        run(["rm", "-rf", "--one-file-system", "--", *map(str, Path(folder).iterdir())])


def _disk_lines(root: Path, folder: Path, binds: Mapping[str, Path]) -> Iterator[str]:
    quoted = {"ip": find_tool("ip"), "folder": str(folder), "root": str(root)}
    yield _DISK_ROOT.format(**{name: shlex.quote(text) for name, text in quoted.items()})
    yield from DEVICES
    for inside, source in binds.items():
        target = shlex.quote(f".{inside}")
        yield f"mkdir -p {target}; mount --bind {shlex.quote(str(source))} {target}"
        yield f"mount -o remount,bind,ro {target}"
    yield "cd /"


def network_prefix(container: Container) -> tuple[str, ...]:
    """Return the argv prefix that runs a program of this machine in a root's network."""
    pid = container.enter[container.enter.index("--target") + 1]
    return (find_tool("nsenter"), "--target", pid, "--net")


def set_up(container: Container, *, sources: str, proxy: str = "") -> None:
    """Make a fresh root what container images are, with these lines of sources.list."""
    container.run(["sh", "/bench/inside/setup.sh"], env={"SOURCES": sources, "PROXY": proxy}, timeout=60)


def archive_lines(release: Release, address: str = ADDRESS) -> str:
    """Return the lines of sources.list for the mirror at an address."""
    return "\n".join(
        f"deb http://{address}/{archive.name} {suite} {' '.join(archive.components)}"
        for archive in release.archives
        for suite in archive.suites
    )


def repository_line(group: str) -> str:
    """Return the line of sources.list for a group's file: repository."""
    return f"deb [trusted=yes] file:/bench/files/debs groups/{group}/"
