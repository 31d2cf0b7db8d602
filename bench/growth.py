"""How what a user waits for grows from 10 to 1,000 groups, 120 to 10,020 packages: `./run bench growth`.

In rounds, in which small and large alternate: seconds by the clock, seconds of processors, and the most memory. The
caches are `bench.synthetic`'s; the one more group comes by a lock that names it, with its files in the pool already.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.lab import lab_isolation, lab_root, throwaway

from bench.synthetic import make_project
from package_cache.cli.options import default_state
from package_cache.filesystem.state import private_folder
from package_cache.process import run
from package_cache.releases.base_root import release_root
from package_cache.releases.distributions import release_of
from package_cache.sandbox.isolation import strongest_isolation
from package_cache.settings import Options
from package_cache.system import System

SIZES = (10, 1000)
GROUP = "group5"
COMMAND = Path(sys.executable).with_name("package-cache")


@dataclass(frozen=True)
class Sample:
    """One run of a command."""

    seconds: float
    processor: float
    memory: int
    """In KiB, of its largest process (getrusage(2)); 0: not asked for."""


_MEASURE = """
import os, sys, time
began = time.monotonic()
silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silent)
_, status, used = os.wait4(process, 0)
print(status, time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
"""Run by a small process: the most memory of a process is at least that of the one which started it (execve(2))."""


def run_timed(argv: Sequence[str]) -> Sample:
    """Run a command and measure it and all its children."""
    status, seconds, processor, memory = run([sys.executable, "-I", "-S", "-c", _MEASURE, *argv]).stdout.split()
    assert status == "0", argv
    return Sample(float(seconds), float(processor), int(memory))


def commands(project: Path, number: int) -> dict[str, list[str]]:
    """Give what is measured in a cache, in the round of that number."""
    cache = project / "package_cache"
    build = ["build", "--manifest", str(project / "package_cache_info"), "--output", str(cache)]
    to = str(project / f"volume{number}")
    verbs = {
        "build, no change": build,
        "list": ["list", "--cache", str(cache)],
        "show one group": ["show", GROUP, "--cache", str(cache)],
        "stage one group": ["stage", GROUP, "--cache", str(cache), "--to", to],
    }
    return {name: [str(COMMAND), *words] for name, words in verbs.items()}


def install(root: Path, cache: Path) -> Sample:
    """Install one group in a fresh root; the memory is not asked for."""
    isolation = lab_isolation()
    script = 'date +%s.%N; sh /cache/install_group.sh "$1" >/dev/null 2>&1; echo $?; date +%s.%N; times'
    with throwaway(root, isolation, binds={"/cache": cache}) as container:
        began, status, ended, _, children = container.run(["sh", "-c", script, "sh", GROUP]).stdout.splitlines()
    assert status == "0", status
    parts = [part[:-1].split("m") for part in children.split()]
    return Sample(float(ended) - float(began), sum(int(m) * 60 + float(s) for m, s in parts), 0)


def small_root() -> Path:
    """Give the root in which is installed."""
    state = private_folder(default_state())
    root = release_root(release_of(System.parse("ubuntu18.04")), Options(state), strongest_isolation())
    return lab_root(root, state)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    root = small_root()
    found: dict[tuple[str, int], list[Sample]] = {}
    with tempfile.TemporaryDirectory(prefix="package-cache-", dir="/dev/shm") as temporary:
        projects = {size: Path(temporary) / str(size) for size in SIZES}
        for size, project in projects.items():
            for what, groups in (("build, all new", size), ("build, one group more", size + 1)):
                make_project(project, groups)
                found[what, size] = [run_timed(commands(project, 0)["build, no change"])]
        for number in range(rounds):
            for size, project in projects.items():
                for name, argv in commands(project, number).items():
                    found.setdefault((name, size), []).append(run_timed(argv))
                found.setdefault(("install one group", size), []).append(install(root, project / "package_cache"))
    sys.stdout.write("what, and how many groups: seconds, of processors, MB of memory\n")
    for (what, size), samples in sorted(found.items()):
        seconds, processor = (
            statistics.median(getattr(one, name) for one in samples) for name in ("seconds", "processor")
        )
        memory = max(one.memory for one in samples) / 1024
        sys.stdout.write(f"| {what} | {size} | {seconds:.2f} | {processor:.2f} | {memory:.0f} |\n")


if __name__ == "__main__":
    main()
