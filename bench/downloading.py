"""How fast many package files come, against plain downloaders: `./run bench downloading`, as root.

The same files from one server, on loopback and behind slow links; in rounds, in which the ways change their order. Ours
also checks each hash and has each file on the disk before it gives it its name; the others do not.
"""

import argparse
import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from package_cache.archive.downloads import Download, download
from package_cache.filesystem.paths import sha256_of
from package_cache.process import end, find_tool, run, start
from package_cache.sandbox.namespaces import hold

SCRIPTS = Path(__file__).parent
NEAR, FAR = "10.0.0.1", "10.0.0.2"
OURS = "package-cache"


@dataclass(frozen=True)
class Link:
    """What lies between: bits a second, and seconds in each direction; None: the loopback itself."""

    name: str
    shape: tuple[float, float] | None


LINKS = (Link("loopback", None), Link("50 Mbit/s, 40 ms", (50e6, 0.020)), Link("500 Mbit/s, 10 ms", (500e6, 0.005)))

WAYS: Mapping[str, Sequence[str]] = {
    OURS: (sys.executable, "-c", "import bench.downloading as it; it.fetch()"),
    "aria2c": ("aria2c", "-q", "-j4", "-x1", "--file-allocation=none", "-i", "uris"),
    "curl": ("sh", "-c", "sed 's/.*/url=&/' uris | curl -sfZ --parallel-max 4 --remote-name-all -K -"),
    "wget2": ("wget2", "-q", "--max-threads=4", "-i", "uris"),
}
"""Each runs in an empty folder, beside which only `uris` lies."""


def make_files(folder: Path) -> int:
    """Make files of random bytes, in sizes as package files have them: many small ones, a few large. Gives the sum."""
    chosen = random.Random(1)  # noqa: S311  (nothing is kept secret)
    sizes = [min(int(chosen.lognormvariate(11.5, 1.7)) + 1000, 12_000_000) for _ in range(130)]
    for index, size in enumerate(sizes):
        (folder / f"file{index}.deb").write_bytes(chosen.randbytes(size))
    return sum(sizes)


@contextlib.contextmanager
def network(served: Path, link: Link) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give the argv prefix that enters a network with the files, and the server's address."""
    up = f"{find_tool('ip')} link set lo up"
    with contextlib.ExitStack() as stack:
        near = stack.enter_context(hold([up, *(_device(NEAR) if link.shape else ())], ["--net"], user=False))
        server, address = near, "127.0.0.1"
        if link.shape:
            server, address = stack.enter_context(hold([up, *_device(FAR)], ["--net"], user=False)), FAR
            shape = [str(server.pid), *map(str, link.shape), "1000"]
            stack.enter_context(_running([*near.enter, sys.executable, str(SCRIPTS / "link.py"), *shape]))
        argv = [*server.enter, sys.executable, str(SCRIPTS / "server.py"), str(served), address, "8000"]
        stack.enter_context(_running(argv))
        time.sleep(1.0)  # until all of them have begun
        yield near.enter, f"http://{address}:8000"


def _device(address: str) -> list[str]:
    words = ("tuntap add dev slow mode tun", f"address add {address}/24 dev slow", "link set slow up txqueuelen 5000")
    return [f"{find_tool('ip')} {word}" for word in words]


@contextlib.contextmanager
def _running(argv: Sequence[str]) -> Iterator[None]:
    process = start(argv, stdout=subprocess.DEVNULL, stderr=None)
    try:
        yield
    finally:
        end(process)


def fetch() -> None:
    """Download what `uris` and `sums` of this folder name, by our own code: it runs as a process of its own."""
    items = []
    for line, sha256 in zip(Path("uris").read_text().split(), Path("sums").read_text().split(), strict=True):
        size = int(os.environ[f"SIZE_{Path(line).stem}"])
        items.append(Download((line,), Path.cwd() / "pool" / f"{sha256}.deb", sha256, size))
    Path("pool").mkdir()
    began = time.monotonic()
    download(items)
    Path("seconds").write_text(str(time.monotonic() - began))


def timed(way: str, prefix: Sequence[str], uris: Sequence[str], sources: Sequence[Path]) -> tuple[float, float]:
    """Run a way once in a new folder. Gives seconds by the clock, and of processors."""
    with tempfile.TemporaryDirectory(prefix="package-cache-") as folder:
        place = Path(folder)
        (place / "uris").write_text("".join(f"{uri}\n" for uri in uris))
        (place / "sums").write_text("".join(f"{sha256_of(path)}\n" for path in sources))
        sizes = {f"SIZE_{path.stem}": str(path.stat().st_size) for path in sources}
        extra = {**sizes, "PYTHONPATH": os.pathsep.join([str(SCRIPTS.parent), *sys.path[1:]]), "no_proxy": "*"}
        before, began = os.times(), time.monotonic()
        run([*prefix, *WAYS[way]], env=extra, cwd=place, timeout=600)
        seconds, after = time.monotonic() - began, os.times()
        if way == OURS:  # without the start of Python: a build has begun long before
            seconds = float((place / "seconds").read_text())
        got = sum(path.stat().st_size for path in place.rglob("*") if path.suffix == ".deb")
        assert got == sum(path.stat().st_size for path in sources), f"{way} brought {got} bytes"
    return seconds, sum(after[2:4]) - sum(before[2:4])


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    ways = [way for way, words in WAYS.items() if way == OURS or shutil.which(way)]
    with tempfile.TemporaryDirectory(prefix="package-cache-") as folder:
        total = make_files(Path(folder))
        sources = sorted(Path(folder).iterdir())
        sys.stdout.write(
            f"{len(sources)} files, {total / 1e6:.1f} MB; not installed: {set(WAYS) - set(ways) or 'none'}\n"
        )
        for link in LINKS:
            with network(Path(folder), link) as (prefix, base):
                found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
                for number in range(chosen.rounds):
                    for way in random.Random(number).sample(ways, len(ways)):  # noqa: S311
                        found[way].append(timed(way, prefix, [f"{base}/{path.name}" for path in sources], sources))
            medians = {
                way: [statistics.median(values) for values in zip(*pairs, strict=True)] for way, pairs in found.items()
            }
            for way, (seconds, processor) in medians.items():
                sys.stdout.write(f"{link.name} {way} {seconds:.2f} s, {processor:.2f} s of processors\n")


if __name__ == "__main__":
    main()
