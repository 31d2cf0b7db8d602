"""The ground of all parts: a podman of its own, a registry on loopback, and the images; all gone after the block."""

import contextlib
import datetime
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from containers.podman import Podman, throwaway_podman
from containers.registry import Registry, loopback_registry

from bench.kubernetes.material import PROJECT, Seed
from bench.roots import SCRIPTS, archive_lines
from package_cache.image.export import image
from package_cache.image.variant import Form
from package_cache.oci.skopeo import Destination
from package_cache.process import run

UBUNTU = "localhost/ubuntu:18.04"
"""A container image of the system, whose apt knows the archive on loopback."""

LIMIT = 300.0
"""Seconds for anything that a part runs."""


@dataclass
class Ground:
    """What runs while the parts are measured. Images are made when they are first asked for."""

    seed: Seed
    podman: Podman
    registry: Registry
    folder: Path
    """On disk, gone afterwards."""

    @cached_property
    def init_image(self) -> str:
        """The cache's init form, pulled."""
        return self._pulled(Form.INIT)

    @cached_property
    def volume_image(self) -> str:
        """The cache's volume form, pulled."""
        return self._pulled(Form.VOLUME)

    def _pulled(self, form: Form) -> str:
        name = f"{self.registry.host}/package-cache:{form.value}"
        image(self.seed.cache, Destination.parse(f"docker://{name}"), form, self.seed.options)
        self.podman.pull(name)
        return name

    @cached_property
    def runtime_image(self) -> str:
        """The image of the runtime's init container, pulled."""
        name = f"{self.registry.host}/runtime:1"
        argv = [sys.executable, str(PROJECT / "runtime" / "build_image.py"), "--cache", str(self.seed.cache.path)]
        argv += ["--output", f"docker://{name}", "--state", str(self.seed.options.state)]
        run(argv, env={"TMPDIR": str(self.folder)}, timeout=900)
        self.podman.pull(name)
        return name

    @cached_property
    def job_image(self) -> str:
        """Ubuntu as its container images are set up."""
        material = self.seed.material
        self.podman.import_root(material.root, f"{UBUNTU}-bare")
        self.commit(
            f"{UBUNTU}-bare", UBUNTU, ["sh", "/bench/inside/setup.sh"],
            "--volume", f"{SCRIPTS / 'inside'}:/bench/inside:ro",
            "--env", f"SOURCES={archive_lines(material.release)}", "--env", "PROXY=",
        )  # fmt: skip
        return UBUNTU

    def commit(self, base: str, name: str, argv: Sequence[str], *options: str) -> None:
        """Make an image of what a command makes of another image, without network."""
        self.podman("run", "--name", "made", "--network", "none", *options, base, *argv, timeout=LIMIT)
        self.podman("commit", "--quiet", "made", name)
        self.podman("rm", "made")

    @contextlib.contextmanager
    def volume(self, memory: bool = False) -> Iterator[Path]:
        """Give an empty folder to be mounted, as an emptyDir is: on disk, or in memory."""
        place = Path("/dev/shm") if memory else self.folder  # noqa: S108  (a tmpfs)
        with tempfile.TemporaryDirectory(prefix="package-cache-", dir=place, ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o777)
            yield Path(folder)

    def states(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Give podman's account of how containers ended."""
        return [one["State"] for one in json.loads(self.podman("inspect", *names).stdout)]

    def remove(self, *names: str) -> None:
        """Remove containers, running or not."""
        self.podman("rm", "--force", "--time", "0", "--ignore", *names, check=False)


def finished(state: dict[str, Any]) -> float:
    """Give when a container ended, in seconds of the clock: the runtime writes RFC 3339 with nanoseconds."""
    return datetime.datetime.fromisoformat(state["FinishedAt"]).timestamp()


@contextlib.contextmanager
def ground(seed: Seed) -> Iterator[Ground]:
    """Start everything, and end it after the block."""
    with contextlib.ExitStack() as stack:
        place = tempfile.TemporaryDirectory(prefix="run-", dir=seed.folder, ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(place))
        registry = stack.enter_context(loopback_registry(folder / "registry"))
        podman = stack.enter_context(throwaway_podman())  # not below ours: podman bounds the length of its paths
        yield Ground(seed, podman, registry, folder)
