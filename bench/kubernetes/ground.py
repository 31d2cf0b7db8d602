"""What every pod needs: podman with a store of its own, a registry on loopback, the cache and the images."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from containers.podman import Podman, throwaway_podman
from containers.registry import Registry, loopback_registry

from bench.material import Material, prepare
from bench.roots import SCRIPTS, archive_lines, root_isolation
from package_cache.build.builder import build
from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import given_options
from package_cache.filesystem.paths import exclusive, write_atomically
from package_cache.image.export import image
from package_cache.image.variant import Form
from package_cache.lock.file import lock_text, read_lock
from package_cache.manifest import read_manifest
from package_cache.oci.skopeo import Destination
from package_cache.process import run
from package_cache.releases.sources import mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.settings import Options

PROJECT = Path(__file__).parents[2]
SYSTEM = "ubuntu18.04"

UBUNTU = "localhost/ubuntu:18.04"
"""A container image of the system, whose apt knows the archive on loopback."""

LIMIT = 300.0
"""Seconds that one command may take."""


@dataclass
class Ground:
    """What runs while pods are measured. Images are made when they are first used."""

    cache: CacheFolder
    """The cache of `package_cache_info`."""
    material: Material
    """A partial mirror and a root of `SYSTEM`."""
    options: Options
    podman: Podman
    registry: Registry
    folder: Path
    """On disk, removed afterwards."""

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
        image(self.cache, Destination.parse(f"docker://{name}"), form, self.options)
        self.podman.pull(name)
        return name

    @cached_property
    def runtime_image(self) -> str:
        """The image of the runtime's init container, pulled."""
        name = f"{self.registry.host}/runtime:1"
        argv = [sys.executable, str(PROJECT / "runtime" / "build_image.py"), "--cache", str(self.cache.path)]
        argv += ["--output", f"docker://{name}", "--state", str(self.options.state)]
        run(argv, env={"TMPDIR": str(self.folder)}, timeout=900)
        self.podman.pull(name)
        return name

    @cached_property
    def job_image(self) -> str:
        """Ubuntu as its container images are set up."""
        material = self.material
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

    def remove(self, *names: str) -> None:
        """Remove containers, running or not."""
        self.podman("rm", "--force", "--time", "0", "--ignore", *names, check=False)


@contextlib.contextmanager
def ground(state: Path) -> Iterator[Ground]:
    """Yield everything; what runs is stopped after the block, the cache stays below `state`."""
    options = given_options(state)
    cache = _cache(state / "bench" / "kubernetes", options)
    material = prepare(SYSTEM, ("ssh", "nfs"), state=state, isolation=root_isolation())
    with contextlib.ExitStack() as stack:
        place = tempfile.TemporaryDirectory(prefix="run-", dir=cache.path.parent, ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(place))
        folder.chmod(0o755)
        registry = stack.enter_context(loopback_registry(folder / "registry"))
        podman = stack.enter_context(throwaway_podman())  # not below ours: podman bounds the length of its paths
        yield Ground(cache, material, options, podman, registry, folder)


def _cache(folder: Path, options: Options) -> CacheFolder:
    """Return the cache of `package_cache_info`, locked anew if the manifest has changed."""
    folder.mkdir(parents=True, exist_ok=True)
    cache = CacheFolder(folder / "package_cache")
    manifest = read_manifest(PROJECT / "package_cache_info")
    with exclusive(folder / ".lock", wait=3600):
        file = folder / "package-cache.lock"
        lock = read_lock(file.read_text(encoding="utf-8"), file=str(file)) if file.exists() else None
        if lock is None or lock.manifest_digest != manifest.digest:
            lock = make_lock(manifest, options)
            write_atomically(file, lock_text(lock).encode())
        build(lock, cache, mirror_finder(options, manifest))
    return cache
