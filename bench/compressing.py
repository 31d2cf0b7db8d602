"""What each compression of package files costs and brings: `./run bench compressing SYSTEM`, as root.

Takes the material of `./run bench` for the system: the archive's files, and which of them apt would install for each
group. Bytes and seconds of processors to compress (without the proof that nothing else changed), and the seconds of one
bare `dpkg --install` of each group in a disposable root in memory: medians of rounds in which the kinds alternate.
"""

import os
import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from bench.material import Material, prepare, set_up
from bench.measure import dpkg_environment, run_script
from bench.methods import GROUPS, ORIGINAL
from bench.results import Sample
from package_cache.cli.options import default_state
from package_cache.deb.compression import Compression
from package_cache.deb.recompression import rewrite
from package_cache.filesystem.state import private_folder
from package_cache.process import run

MEASURED = ("ssh", "nfs", "build")
GZIP = ("gzip-9", "gzip-6", "none")
ZSTD = ("zstd-19", "zstd-12", "zstd-9", "zstd-3", "none")


def make(files: Sequence[Path], folder: Path, kind: str) -> float:
    """Write all packages in another compression, `none` with dpkg-deb; return the seconds of processors."""
    folder.mkdir()
    before = os.times()
    for file in files:
        if kind == "none":
            with tempfile.TemporaryDirectory(dir=folder.parent) as content:
                run(["dpkg-deb", "--raw-extract", str(file), content])
                run(["dpkg-deb", "-Znone", "--nocheck", "--build", content, str(folder / file.name)])
        else:
            with (folder / file.name).open("w+b") as writer:
                rewrite(file, writer, Compression.parse(kind))
    return sum(os.times()[:4]) - sum(before[:4])  # of this process, and of its children that have ended


def install(group: str, folder: Path, material: Material) -> Sample:
    """Install a group's files of one kind, in a fresh root; the time is the installation's alone."""
    with material.container({"/bench/kind": folder}) as container:
        set_up(container, sources="# none: everything is there")
        environment = {**dpkg_environment(group, ORIGINAL), "DEBS": "/bench/kind"}
        status, sample = run_script(container, "dpkg", environment)
        assert status == 0, container.run(["tail", "-n", "15", "/run/bench.log"]).stdout
        return sample


@click.command()
@click.argument("system")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="After one to warm up.")
def main(system: str, rounds: int) -> None:
    """Measure, and print a table."""
    state = private_folder(default_state())
    material = prepare(system, tuple(GROUPS), state=state)
    names = {line[0] for group in MEASURED for line in material.plan(group)}
    files = [material.folder / ORIGINAL / "pool" / name for name in sorted(names)]
    with tempfile.TemporaryDirectory(prefix="package-cache-", dir=state) as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        (folder / ORIGINAL).mkdir()
        for file in files:
            (folder / ORIGINAL / file.name).hardlink_to(file)
        kinds = GZIP if system == "ubuntu16.04" else ZSTD
        spent = {ORIGINAL: 0.0, **{kind: make(files, folder / kind, kind) for kind in kinds}}
        samples: dict[tuple[str, str], list[Sample]] = {}
        for number in range(rounds + 1):
            for group in MEASURED:
                for kind in random.Random(number).sample(list(spent), len(spent)):  # noqa: S311
                    sample = install(group, folder / kind, material)
                    samples.setdefault((kind, group), []).extend([sample] if number else [])
        sizes = {kind: sum(file.stat().st_size for file in (folder / kind).iterdir()) for kind in spent}
    for kind, used in spent.items():
        cells = [kind, f"{sizes[kind] / 1e6:.1f} MB", f"{sizes[kind] / sizes[ORIGINAL]:.2f}", f"{used:.1f} s"]
        for group in MEASURED:
            found = samples[kind, group]
            clock = statistics.median(sample.seconds for sample in found)
            processor = statistics.median(sample.user + sample.system for sample in found)
            cells.append(f"{clock:.2f} ({processor:.2f})")
        click.echo(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
