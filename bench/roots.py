"""What is set up in the disposable roots in which the methods run: as container images are, with an archive."""

from pathlib import Path

from tests.support.lab import Container, Isolation, lab_isolation

from package_cache.cache.layout import group_folder
from package_cache.errors import PackageCacheError
from package_cache.process import find_tool
from package_cache.releases.distributions import Release

SCRIPTS = Path(__file__).parent

ADDRESS = "127.0.0.1:8000"
"""Of the archive, on the root's own loopback."""


def need_root_namespaces() -> None:
    """Raise `PackageCacheError` if this machine forbids the roots that a benchmark needs."""
    isolation = lab_isolation()
    if isolation is not Isolation.ROOT_NAMESPACES:
        raise PackageCacheError(
            f"cannot measure here: the methods need roots with namespaces of their own, and there is {isolation}",
            hint="run this as root, where namespaces may be made",
        )


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


def repository_line(group: str, release: Release) -> str:
    """Return the line of sources.list for a group's file: repository."""
    return f"deb [trusted=yes] file:/bench/files/original {group_folder(group, release.system.name)}/"
