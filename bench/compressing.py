"""What each compression of package files costs and brings: `./run bench compressing SYSTEM`, as root.

Takes the material of `./run bench` for the system: its mirror's files, and which of them apt would install for each
group. Bytes and seconds of processors to compress (without the proof that nothing else changed), and the seconds of one
bare `dpkg --install` of each group in a disposable root in memory: medians of rounds in which the kinds alternate.
"""

import argparse
import random
import statistics
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard
from debian.arfile import ArFile
from tests.support.lab import Isolation

from bench.groups import GROUPS
from bench.machine import processor_seconds
from bench.material import Material, prepare
from bench.measure import Sample, read_measurement
from bench.roots import bench_root, root_isolation, set_up
from package_cache.cli.options import default_state
from package_cache.filesystem.state import private_folder
from package_cache.process import piped

MEASURED = ("ssh", "nfs", "build")
TARS = {"control.tar": "--ctrl-tarfile", "data.tar": "--fsys-tarfile"}


@dataclass(frozen=True)
class Kind:
    """One method to store the members."""

    name: str
    suffix: str = ""
    level: int = 0

    def compress(self, content: bytes) -> bytes:
        """Return a tar as a member's content."""
        if self.suffix == ".zst":
            return zstandard.ZstdCompressor(level=self.level).compress(content)
        if self.suffix == ".gz":
            packer = zlib.compressobj(self.level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
            return packer.compress(content) + packer.flush()
        return content


GZIP = (Kind("gzip-9", ".gz", 9), Kind("gzip-6", ".gz", 6), Kind("none"))
ZSTD = (
    *(Kind(f"zstd-{level}", ".zst", level) for level in (19, 12, 9, 3)),
    Kind("none"),
)


def write(source: Path, target: Path, kind: Kind) -> None:
    """Write a package with its members of a kind."""
    with source.open("rb") as stream, target.open("wb") as writer:
        writer.write(b"!<arch>\n")
        for member in ArFile(fileobj=stream).getmembers():
            tar = next((tar for tar in TARS if member.name.startswith(tar)), None)
            content = member.read()
            if tar:
                content = kind.compress(_tar(source, TARS[tar]))
            name = f"{tar}{kind.suffix}" if tar else member.name
            writer.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
            writer.write(content + b"\n" * (len(content) % 2))


def _tar(package: Path, option: str) -> bytes:
    with piped(["dpkg-deb", option, str(package)]) as stream:
        return stream.read()


def make(files: Sequence[Path], folder: Path, kind: Kind) -> float:
    """Write all packages of a kind; return the seconds of processors."""
    folder.mkdir()
    before = processor_seconds()
    for file in files:
        write(file, folder / file.name, kind)
    return processor_seconds() - before


def install(group: str, kind: str, folder: Path, material: Material, isolation: Isolation) -> Sample:
    """Install a group's files, in a fresh root; the time is the installation's alone."""
    with bench_root(material.root, isolation, {"/bench/files": material.folder, "/bench/kinds": folder}) as container:
        set_up(container, sources="# none: everything is there")
        environment = {
            "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
            "DEBS": f"/bench/kinds/{kind}",
            "PLAN": f"/bench/files/plans/{group}",
        }
        argv = ["sh", "/bench/inside/measure.sh", "/bench/methods/dpkg.sh"]
        status, sample = read_measurement(container.run(argv, env=environment, timeout=600).stdout, {})
        assert status == 0, container.run(["tail", "-n", "15", "/run/bench.log"]).stdout
        return sample


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("system")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    isolation, state = root_isolation(), private_folder(default_state())
    material = prepare(chosen.system, tuple(GROUPS), state=state, isolation=isolation)
    names = {line[0] for group in MEASURED for line in material.plan(group)}
    files = [material.folder / "debs" / "original" / name for name in sorted(names)]
    kinds = GZIP if chosen.system == "ubuntu16.04" else ZSTD
    with tempfile.TemporaryDirectory(prefix="package-cache-", dir=state) as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        (folder / "original").mkdir()
        for file in files:
            (folder / "original" / file.name).hardlink_to(file)
        spent = {"original": 0.0, **{kind.name: make(files, folder / kind.name, kind) for kind in kinds}}
        samples: dict[tuple[str, str], list[Sample]] = {}
        for number in range(chosen.rounds + 1):
            for group in MEASURED:
                for kind in random.Random(number).sample(list(spent), len(spent)):  # noqa: S311
                    sample = install(group, kind, folder, material, isolation)
                    samples.setdefault((kind, group), []).extend([sample] if number else [])
        sizes = {kind: sum(file.stat().st_size for file in (folder / kind).iterdir()) for kind in spent}
    for kind, used in spent.items():
        cells = [kind, f"{sizes[kind] / 1e6:.1f} MB", f"{sizes[kind] / sizes['original']:.2f}", f"{used:.1f} s"]
        for group in MEASURED:
            found = samples[kind, group]
            clock = statistics.median(sample.seconds for sample in found)
            processor = statistics.median(sample.user + sample.system for sample in found)
            cells.append(f"{clock:.2f} ({processor:.2f})")
        sys.stdout.write(f"| {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
