"""Installations in containers, and what a sane system is after them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.lab import Container, Isolation, throwaway

from package_cache.process import Completed

WORKING_COMPILER = "echo 'int main(void) { return 42; }' >/tmp/a.c && gcc -o /tmp/a /tmp/a.c && /tmp/a"


Start = Callable[..., Container]


@pytest.fixture
def bionic(real_root: Callable[..., Path]) -> Path:
    """The root of Ubuntu 18.04; the test is skipped where the archive does not answer."""
    return real_root("ubuntu18.04")


@pytest.fixture
def start(real_root: Callable[..., Path], isolation: Isolation) -> Iterator[Start]:
    """Start a container of a release without a network: `start("ubuntu18.04", {"/cache": cache}, upgraded=False)`."""
    with ExitStack() as stack:
        yield lambda system, binds, **more: stack.enter_context(
            throwaway(real_root(system, **more), isolation, binds=binds)
        )


def install(container: Container, *groups: str, cache: str = "/cache", status: int = 0) -> Completed:
    """Run the installer, and check its status, and that dpkg and apt are content after it."""
    done = container.run(["sh", f"{cache}/install_group.sh", *groups], check=False, timeout=300)
    assert done.returncode == status, done.stdout + done.stderr
    assert container.run(["dpkg", "--audit"]).stdout == ""
    states = container.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\\n"]).stdout
    assert [line for line in states.splitlines() if not line.startswith(("ii", "hi", "rc"))] == []
    return done


def installed(container: Container) -> dict[str, str]:
    """Return the version of each package, by name and architecture."""
    lines = container.run(["dpkg-query", "-W", "-f", "${Package}:${Architecture} ${Version}\\n"]).stdout.splitlines()
    return dict(line.split() for line in lines)


def check_compiler(container: Container) -> None:
    assert container.run(["sh", "-c", WORKING_COMPILER], check=False).returncode == 42
