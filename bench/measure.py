"""One method in one fresh root, timed, and checked afterwards."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.lab import Container, Isolation

from bench.archive import SLOW_ADDRESS, served, served_slowly
from bench.cacher import PROXY, cacher
from bench.material import Material
from bench.methods import Method, Sources
from bench.roots import archive_lines, bench_root, repository_line, set_up
from package_cache.errors import PackageCacheError

LIMIT = 1800.0
"""Seconds that one method may take."""


@dataclass(frozen=True)
class Sample:
    """What one run took, in seconds: by the clock, and of the processors, by its own code and for it in the kernel."""

    seconds: float
    user: float
    system: float
    phases: Mapping[str, float] = field(default_factory=dict)
    """As our installer's result file tells them."""


class FailedError(PackageCacheError):
    """A method did not install what it should."""


@dataclass(frozen=True)
class Place:
    """Where the methods run."""

    material: Material
    isolation: Isolation
    state: Path
    disk: bool
    """Whether the roots are on disk instead of in memory."""

    @contextlib.contextmanager
    def root(self) -> Iterator[Container]:
        """Yield a fresh root that sees the material."""
        binds = {"/bench/files": self.material.folder, "/opt/package_cache": self.material.cache}
        disk = self.state / "bench" / "roots" if self.disk else None
        with bench_root(self.material.root, self.isolation, binds, disk=disk) as container:
            yield container


def measure(method: Method, group: str, place: Place) -> Sample:
    """Run a method once in a fresh root. Raise `FailedError` if it does not install, with its last words."""
    packages = place.material.groups[group]
    with place.root() as container, _surroundings(method, container, place):
        set_up(container, sources=_sources(method, group, place.material), proxy=PROXY if method.proxy else "")
        folder = "recompressed" if method.recompressed else "original"
        environment = {
            "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
            "GROUP": group,
            "PACKAGES": " ".join(packages),
            "DEBS": f"/bench/files/debs/{folder}",
            "PLAN": f"/bench/files/plans/{group}",
        }
        if method.prepare:
            container.run(["sh", f"/bench/methods/prepare/{method.prepare}.sh"], env=environment, timeout=LIMIT)
        if place.disk:
            os.sync()  # what the preparations wrote
        argv = ["sh", "/bench/inside/measure.sh", f"/bench/methods/{method.script}.sh"]
        printed = container.run(argv, env=environment, timeout=LIMIT).stdout
        status, sample = read_measurement(printed, _phases(container) if method.script == "ours" else {})
        missing = _not_installed(container, packages) if method.checked else []
        if status != 0 or missing:
            log = container.run(["tail", "-n", "15", "/run/bench.log"]).stdout
            what = f"ended with status {status}" + (f", without {' '.join(missing)}" if missing else "")
            raise FailedError(f"{method.name} of {group} {what}", details=log)
        return sample


@contextlib.contextmanager
def _surroundings(method: Method, container: Container, place: Place) -> Iterator[None]:
    archive = place.material.archive
    with contextlib.ExitStack() as stack:
        if method.served:
            slow = method.sources is Sources.SLOW_ARCHIVE
            stack.enter_context((served_slowly if slow else served)(archive, container))
        if method.proxy:
            stack.enter_context(cacher(container, state=place.state, cache=place.material.folder / "apt-cacher-ng"))
        yield


def _sources(method: Method, group: str, material: Material) -> str:
    if method.sources is Sources.REPOSITORY:
        return repository_line(group)
    if method.sources is Sources.SLOW_ARCHIVE:
        return archive_lines(material.release, SLOW_ADDRESS)
    return archive_lines(material.release)


def read_measurement(printed: str, phases: Mapping[str, float]) -> tuple[int, Sample]:
    """Read what `inside/measure.sh` printed; the last line is `times` of the children."""
    first, *_, children = printed.splitlines()
    begin, end, status = first.split()
    user, system = (int(minutes) * 60 + float(rest) for minutes, rest in re.findall(r"(\d+)m([\d.]+)s", children))
    whole_seconds = int(end.split(".")[0]) - int(begin.split(".")[0])  # a float does not hold all digits of both
    seconds = whole_seconds + float(f"0.{end.split('.')[1]}") - float(f"0.{begin.split('.')[1]}")
    return int(status), Sample(seconds, user, system, phases)


def _phases(container: Container) -> Mapping[str, float]:
    text = container.run(["cat", "/run/bench.result"], check=False).stdout
    return {name: float(value) for name, value in re.findall(r"^seconds_(\w+)=([\d.]+)$", text, re.MULTILINE)}


def _not_installed(container: Container, packages: Sequence[str]) -> list[str]:
    argv = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\\n", *packages]
    rows = [line.split() for line in container.run(argv, check=False).stdout.splitlines()]
    there = {row[0] for row in rows if len(row) > 1 and row[1] == "ii"}
    return [name for name in packages if name not in there]
