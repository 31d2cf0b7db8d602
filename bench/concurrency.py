"""Many containers, by dpkg and by a recording, and many init containers, at once from one read-only cache."""

import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.support.lab import Container

from bench.archive import archive_lines
from bench.material import Material, set_up
from bench.measure import LIMIT, check_method
from bench.methods import METHODS, OURS, REPLAY
from bench.results import INSTALLED, MANY, Crowd, containers_at_once
from package_cache.process import run

GROUP = "ssh"
_WORDS = {OURS: "install", REPLAY: "replay"}
HOW = {_WORDS[method.name]: method for method in METHODS if method.name in _WORDS}
"""By dpkg and by a recording, by the word for it in the tables."""

CROWDS = 2 * len(INSTALLED) * len(HOW) + 2
"""How many crowds there are."""

MEMORY = Path("/dev/shm")  # noqa: S108  (a tmpfs by the Filesystem Hierarchy Standard's practice)

Target = TypeVar("Target")


def crowds(material: Material, tell: Callable[[str], None]) -> Iterator[Crowd]:
    """Measure each crowd: containers that install, and stagings to the same file system and to one in memory."""
    for count, group, how in itertools.product((1, MANY), INSTALLED, HOW):
        what = containers_at_once(count, group, how, material.release.system.name)
        tell(what)
        with contextlib.ExitStack() as stack:
            containers = [stack.enter_context(material.container()) for _ in range(count)]
            for container in containers:
                set_up(container, sources=archive_lines(material.release, ""))
            crowd = at_once(what, partial(_install, group, how), containers)
            for container in containers:
                check_method(HOW[how], group, material, container)
            yield crowd
    for where, folder in (("on the cache's file system", material.folder.parent), ("into memory", MEMORY)):
        what = f"{MANY} stagings at once of {GROUP} {where}"
        tell(what)
        with tempfile.TemporaryDirectory(prefix="package-cache-", dir=folder) as volumes:
            targets = [Path(volumes, str(number)) for number in range(MANY)]
            yield at_once(what, partial(_stage, material.cache.path), targets)


def at_once(what: str, job: Callable[[Target], object], targets: list[Target]) -> Crowd:
    """Do the same for all targets at once."""

    def timed(target: Target) -> float:
        began = time.monotonic()
        job(target)
        return time.monotonic() - began

    with ThreadPoolExecutor(len(targets)) as pool:
        began = time.monotonic()
        seconds = tuple(pool.map(timed, targets))
        return Crowd(what, seconds, time.monotonic() - began)


def _install(group: str, how: str, container: Container) -> None:
    environment = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "GROUP": group}
    container.run(["sh", f"/bench/methods/{HOW[how].script}.sh"], env=environment, timeout=LIMIT)


def _stage(cache: Path, target: Path) -> None:
    command = Path(sys.executable).with_name("package-cache")
    run([str(command), "stage", GROUP, "--cache", str(cache), "--to", str(target)], timeout=LIMIT)
