"""The measured inputs of the simulation of scale: real things on loopback, into `bench/results/scale-inputs.json`."""

import gzip
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.lab import Isolation

from bench.archive import running
from bench.groups import GROUPS
from bench.machine import machine_facts
from bench.material import Material, prepare
from bench.measure import LIMIT, read_measurement
from bench.roots import ADDRESS, SCRIPTS, archive_lines, bench_root, network_prefix, root_isolation, set_up
from bench.scale.registry import measured_registry
from package_cache.cli.options import default_state
from package_cache.filesystem.paths import write_atomically
from package_cache.filesystem.state import private_folder
from package_cache.process import find_tool, run

FORMAT = 1
SYSTEM, WANTED = "ubuntu18.04", ("ssh", "nfs")
ROUNDS = 3


def measure_all(images: Mapping[str, Path], target: Path) -> None:
    """Measure everything; `images`: OCI layouts by form, where there are some."""
    state, isolation = private_folder(default_state()), root_isolation()
    state.mkdir(parents=True, exist_ok=True)
    material = prepare(SYSTEM, WANTED, state=state, isolation=isolation)
    with tempfile.TemporaryDirectory(prefix="package-cache-", dir=state) as folder:
        layer = packed(material.cache, Path(folder) / "layer.tar.gz")
        online, online_seconds = measured_online(material, isolation, Path(folder) / "log")
        inputs = {
            "format": FORMAT,
            "machine": machine_facts(state),
            "system": SYSTEM,
            "groups": WANTED,
            "online": online,
            "cache": measured_cache(material.cache),
            "images": {form: image_of(images.get(form), form, layer) for form in ("init", "volume")},
            "registry": measured_registry(layer.read_bytes()),
            "seconds": {
                "online": online_seconds,
                "install": median(lambda: install(material, isolation)),
                "stage": median(lambda: copied(material.cache, Path(folder))),
                "unpack": median(lambda: unpacked(layer, Path(folder))),
            },
        }
    write_atomically(target, json.dumps(inputs, indent=1).encode() + b"\n")


def median(seconds: Callable[[], float]) -> float:
    """Give the median of a few runs, after one to warm up."""
    seconds()
    return round(statistics.median(seconds() for _ in range(ROUNDS)), 3)


def timed(argv: list[str]) -> float:
    """Run a command and give its seconds."""
    began = time.monotonic()
    run(argv, timeout=LIMIT)
    return time.monotonic() - began


def packed(cache: Path, target: Path) -> Path:
    """Pack a cache as one layer."""
    run(["tar", "--create", "--gzip", "--file", str(target), "--directory", str(cache), "."])
    return target


def copied(cache: Path, folder: Path) -> float:
    """Copy a cache to a new folder, as an init container does."""
    target = folder / "copied"
    seconds = timed(["cp", "--recursive", str(cache), str(target)])
    shutil.rmtree(target)
    return seconds


def unpacked(layer: Path, folder: Path) -> float:
    """Unpack a layer, as a node does that has pulled it."""
    target = folder / "unpacked"
    target.mkdir()
    seconds = timed(["tar", "--extract", "--file", str(layer), "--directory", str(target)])
    shutil.rmtree(target)
    return seconds


def install(material: Material, isolation: Isolation) -> float:
    """Install the groups by the cache in a fresh root."""
    with bench_root(material.root, isolation, {"/opt/package_cache": material.cache}) as container:
        set_up(container, sources=archive_lines(material.release))
        began = time.monotonic()
        container.run(["sh", "/opt/package_cache/install_group.sh", *WANTED], timeout=LIMIT)
        return time.monotonic() - began


def measured_online(material: Material, isolation: Isolation, log: Path) -> tuple[dict[str, int], float]:
    """Install the same packages by apt in fresh roots; give what one asks the archive for, and its seconds."""
    environment = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    environment["PACKAGES"] = " ".join(name for group in WANTED for name in GROUPS[group])
    server = [
        sys.executable,
        "-I",
        "-S",
        str(SCRIPTS / "server.py"),
        str(material.archive),
        *ADDRESS.split(":"),
        str(log),
    ]
    seconds = []
    for _ in range(ROUNDS):
        log.unlink(missing_ok=True)
        with bench_root(material.root, isolation, {}) as container:
            set_up(container, sources=archive_lines(material.release))
            with running(server, network_prefix(container), ADDRESS):
                argv = ["sh", "/bench/inside/measure.sh", "/bench/ways/update_and_install.sh"]
                status, sample = read_measurement(container.run(argv, env=environment, timeout=LIMIT).stdout, {})
        assert status == 0, f"apt ended with status {status}"
        seconds.append(sample.seconds)
    answers = [line.split() for line in log.read_text(encoding="ascii").splitlines()]
    counted = {"requests": len(answers), "bytes": sum(int(size) for status, size in answers if status[0] == "2")}
    return counted, round(statistics.median(seconds), 3)


def measured_cache(cache: Path) -> dict[str, int]:
    """Give what a cache weighs: its description says the pool's, the rest is index."""
    description = json.loads((cache / "package-cache.json").read_text(encoding="utf-8"))
    rest = [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".deb"]
    return {
        "packages": description["packages"],
        "pool_bytes": description["size"],
        "index_bytes": sum(path.stat().st_size for path in rest),
    }


def image_of(layout: Path | None, form: str, layer: Path) -> dict[str, Any]:
    """Give an image's layers in bytes, and the requests of a pull; estimated where there is no layout of it."""
    if layout is not None:
        return layout_image(layout)
    layers = [layer.stat().st_size]
    if form == "init":
        layers.append(len(gzip.compress(Path(find_tool("busybox")).read_bytes())))
    return {"from": "estimated: the cache packed as one layer", "layers": layers, "requests": 3 + len(layers)}


def layout_image(layout: Path) -> dict[str, Any]:
    """Read an OCI layout. A pull asks which manifest a tag is, and for it, the configuration and each layer."""

    def blob(digest: str) -> Any:
        return json.loads((layout / "blobs" / digest.replace(":", "/")).read_text(encoding="utf-8"))

    requests = 3
    document = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    document = blob(document["manifests"][0]["digest"])
    if "manifests" in document:  # an index of several architectures
        requests += 1
        document = blob(document["manifests"][0]["digest"])
    layers = [int(layer["size"]) for layer in document["layers"]]
    return {"from": "an OCI layout", "layers": layers, "requests": requests + len(layers)}
