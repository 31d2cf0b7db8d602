"""Many containers, and many init containers, at once from one read-only cache."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.lab import Container

from bench.measure import LIMIT, Place
from bench.results import Crowd
from bench.roots import archive_lines, set_up
from package_cache.process import run

MANY = 20
GROUP = "ssh"
MEMORY = Path("/dev/shm")  # noqa: S108  (a tmpfs by the Filesystem Hierarchy Standard's practice)


def crowds(place: Place, tell: Callable[[str], None]) -> Iterator[Crowd]:
    """Measure each crowd: containers that install, and stagings to the same file system and to one in memory."""
    system = place.material.release.system.name
    tell(f"{MANY} containers at once install {GROUP} in {system}")
    yield _installing(place, f"{MANY} containers at once install {GROUP}, {system}")
    for what, folder in (("on the cache's file system", place.state / "bench"), ("into memory", MEMORY)):
        tell(f"{MANY} stagings at once of {GROUP} {what}")
        yield _staging(place, folder, f"{MANY} stagings at once of {GROUP} {what}")


def at_once(jobs: Sequence[Callable[[], float]]) -> tuple[tuple[float, ...], float]:
    """Run all jobs at once; give what each says, and the seconds until all are done."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        began = time.monotonic()
        seconds = tuple(future.result() for future in [pool.submit(job) for job in jobs])
        return seconds, time.monotonic() - began


def _installing(place: Place, what: str) -> Crowd:
    with contextlib.ExitStack() as stack:
        containers = [stack.enter_context(place.root()) for _ in range(MANY)]
        for container in containers:
            set_up(container, sources=archive_lines(place.material.release))
        return Crowd(what, *at_once([_installation(container) for container in containers]))


def _installation(container: Container) -> Callable[[], float]:
    def job() -> float:
        began = time.monotonic()
        environment = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "GROUP": GROUP}
        container.run(["sh", "/bench/methods/ours.sh"], env=environment, timeout=LIMIT)
        return time.monotonic() - began

    return job


def _staging(place: Place, folder: Path, what: str) -> Crowd:
    with tempfile.TemporaryDirectory(prefix="package-cache-", dir=folder) as volumes:
        targets = [Path(volumes) / str(number) for number in range(MANY)]
        crowd = Crowd(what, *at_once([_stage(place.material.cache, target) for target in targets]))
        for target in targets:
            shutil.rmtree(target)
        return crowd


def _stage(cache: Path, target: Path) -> Callable[[], float]:
    command = Path(sys.executable).with_name("package-cache")

    def job() -> float:
        began = time.monotonic()
        run([str(command), "stage", GROUP, "--cache", str(cache), "--to", str(target)], timeout=LIMIT)
        return time.monotonic() - began

    return job
