"""One method in one fresh root, timed, and checked afterwards; and the rounds.

In each round every method runs once, in an order of its own: what disturbs the machine disturbs all alike.
"""

import contextlib
import os
import random
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from tests.support.lab import Container

from bench.archive import CACHER_ADDRESS, archive_lines, cacher, served
from bench.material import Material, repository_line, set_up
from bench.methods import ORIGINAL, RECOMPRESSED, Method
from bench.results import Row, Sample
from package_cache.errors import PackageCacheError

LIMIT = 1800.0
"""Seconds that one method may take."""

Item = TypeVar("Item")
Tell = Callable[[str], None]
"""Hears, before each run, what it is."""


class FailedError(PackageCacheError):
    """A method did not install what it should."""


def measure(method: Method, group: str, material: Material) -> Sample:
    """Run a method once in a fresh root. Raise `FailedError` if it does not install, with its last words."""
    packages, lines = material.groups[group], archive_lines(material.release, method.archive)
    sources = repository_line(group, material.release) if method.repository else lines
    binds = {"/opt/package_cache": material.folder / method.cache}
    with material.container(binds) as container, contextlib.ExitStack() as stack:
        stack.enter_context(served(method.archive, material.archive, container))
        if method.proxy:
            stack.enter_context(cacher(container, material.folder))
        set_up(container, sources=sources, proxy=f"http://{CACHER_ADDRESS}" if method.proxy else "")
        environment = dpkg_environment(group, RECOMPRESSED if method.recompressed else ORIGINAL)
        environment |= {"GROUP": group, "PACKAGES": " ".join(packages)}
        if method.prepare:
            container.run(["sh", f"/bench/methods/prepare/{method.prepare}.sh"], env=environment, timeout=LIMIT)
        if material.disk:
            os.sync()  # what the preparations wrote
        status, sample = run_script(container, method.script, environment)
        if method.by:
            check_method(method, group, material, container)
        missing = _not_installed(container, packages) if method.checked else []
        if status != 0 or missing:
            log = container.run(["tail", "-n", "15", "/run/bench.log"]).stdout
            what = f"ended with status {status}" + (f", without {' '.join(missing)}" if missing else "")
            raise FailedError(f"{method.name} of {group} {what}", details=log)
        return sample


def check_method(method: Method, group: str, material: Material, container: Container) -> None:
    """Raise `FailedError` if our installer installed in another way than this method is about."""
    result = _result(container)
    by = re.search(r"^method=(.*)$", result, re.MULTILINE)
    if by is None or by[1] != method.by:
        refusal = re.search(r"^replay=(.*)$", result, re.MULTILINE)
        why = refusal[1] if refusal else material.why_not_recorded(group)
        what = f"installed by {by[1]}" if by else "wrote no result"
        raise FailedError(f"{method.name} of {group} {what}" + (f": {why}" if why else ""), details=result)


def _result(container: Container) -> str:
    return container.run(["cat", "/run/bench.result"], check=False).stdout


def dpkg_environment(group: str, pool: str) -> dict[str, str]:
    """Return the environment of a script that installs a group's files from the pool of a cache of the material."""
    plan, debs = f"/bench/files/plans/{pool}/{group}", f"/bench/files/{pool}/pool"
    return {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "DEBS": debs, "PLAN": plan}


def run_script(container: Container, script: str, environment: Mapping[str, str]) -> tuple[int, Sample]:
    """Run a script of `methods/` in a root; return its status and what it took."""
    argv = ["sh", "/bench/inside/measure.sh", f"/bench/methods/{script}.sh"]
    printed = container.run(argv, env=environment, timeout=LIMIT).stdout
    phases = re.findall(r"^seconds_(\w+)=([\d.]+)$", _result(container), re.MULTILINE)
    return read_measurement(printed, {name: float(value) for name, value in phases})


def read_measurement(printed: str, phases: Mapping[str, float]) -> tuple[int, Sample]:
    """Read what `inside/measure.sh` printed; the last line is `times` of the children."""
    first, *_, children = printed.splitlines()
    begin, end, status = first.split()
    user, system = (int(minutes) * 60 + float(rest) for minutes, rest in re.findall(r"(\d+)m([\d.]+)s", children))
    return int(status), Sample(float(Decimal(end) - Decimal(begin)), user, system, phases)


def _not_installed(container: Container, packages: Sequence[str]) -> list[str]:
    argv = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\\n", *packages]
    there = re.findall(r"^(\S+) ii", container.run(argv, check=False).stdout, re.MULTILINE)
    return [name for name in packages if name not in there]


def orders(methods: Sequence[Item], rounds: int, seed: str) -> list[list[Item]]:
    """Return the order of the methods for each round; the same seed gives the same orders."""
    shuffled = random.Random(seed)  # noqa: S311  (nothing is kept secret)
    return [shuffled.sample(list(methods), len(methods)) for _ in range(rounds)]


def run_rounds(
    group: str, methods: Sequence[Method], rounds: int, material: Material, tell: Tell, *, warm_up: bool = True
) -> list[Row]:
    """Measure the methods of a group, after a round that does not count. A method that failed is not tried again."""
    system = material.release.system.name
    methods = [method for method in methods if method.is_for(group)]
    samples: dict[str, list[Sample]] = {method.name: [] for method in methods}
    failures: dict[str, str] = {}
    first = 0 if warm_up else 1
    for number, order in enumerate(orders(methods, rounds + 1 - first, f"{system} {group}"), first):
        for method in order:
            tell(f"{system} {group}: {'warm-up' if number == 0 else f'round {number}'}: {method.name}")
            if method.name not in failures:
                try:
                    sample = measure(method, group, material)
                except PackageCacheError as error:
                    failures[method.name] = f"{error.message}\n{error.details}".strip()
                else:
                    samples[method.name] += [sample] if number > 0 else []
    packages, kib = len(material.plan(group)), material.installed_kib(group)
    return [
        Row(system, group, method.name, packages, tuple(samples[method.name]), failures.get(method.name), kib)
        for method in methods
    ]
