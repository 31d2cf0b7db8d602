"""What every pod needs: podman with a store of its own, a registry on loopback, the cache and the images."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from containers.podman import Podman, throwaway_podman
from containers.registry import Registry, loopback_registry

from bench.archive import SCRIPTS, archive_lines
from bench.material import Material, prepare
from package_cache.build.builder import build
from package_cache.build.pool import Order
from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import given_options
from package_cache.errors import LockError
from package_cache.filesystem.paths import exclusive
from package_cache.image.export import Form, image
from package_cache.manifest import read_manifest
from package_cache.manifest_lock import current_lock, save_lock
from package_cache.oci.skopeo import Destination
from package_cache.process import run
from package_cache.releases.sources import mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.settings import Options

PROJECT = Path(__file__).parents[2]
SYSTEM = "ubuntu18.04"

UBUNTU = "localhost/ubuntu:18.04"
"""A container image of the system, whose apt knows the archive on loopback."""
WITH_SSH = f"{UBUNTU}-ssh"
"""The same with the group `ssh` installed."""

LIMIT = 300.0
"""Seconds that one command may take."""


@dataclass(frozen=True)
class Ground:
    """What runs while pods are measured."""

    cache: CacheFolder
    """The cache of `package_cache_info`."""
    material: Material
    """A partial mirror and a root of `SYSTEM`."""
    options: Options
    podman: Podman
    registry: Registry
    folder: Path
    """On disk, removed afterwards."""

    def make_images(self, install: str) -> dict[str, str]:
        """Make the job's images, `UBUNTU` and, by a command that installs, `WITH_SSH`; pull the others.

        Return the names of these: `init` and `volume`, the cache's, and `runtime`.
        """
        bare = f"{UBUNTU}-bare"
        self.podman.import_root(self.material.root, bare)
        options = ["--volume", f"{SCRIPTS / 'inside'}:/bench/inside:ro", "--env", "PROXY="]
        options += ["--env", f"SOURCES={archive_lines(self.material.release, 'loopback')}"]
        self._commit(bare, UBUNTU, ["sh", "/bench/inside/setup.sh"], options)
        self._commit(UBUNTU, WITH_SSH, ["sh", "-c", install], ["--volume", f"{self.cache.path}:/package_cache:ro"])
        images = {name: f"{self.registry.host}/package-cache:{name}" for name in ("init", "volume", "runtime")}
        for form in (Form.INIT, Form.VOLUME):
            image(self.cache, Destination.parse(f"docker://{images[form.value]}"), form, self.options)
        argv = [sys.executable, str(PROJECT / "runtime" / "build_image.py"), "--cache", str(self.cache.path)]
        argv += ["--output", f"docker://{images['runtime']}", "--state", str(self.options.state)]
        run(argv, env={"TMPDIR": str(self.folder)}, timeout=900)
        for name in images.values():
            self.podman.pull(name)
        return images

    def _commit(self, base: str, name: str, argv: Sequence[str], options: Sequence[str]) -> None:
        """Make an image of what a command makes of another image, without network."""
        self.podman("run", "--name", "made", "--network", "none", *options, base, *argv, timeout=LIMIT)
        self.podman("commit", "--quiet", "made", name)
        self.podman("rm", "made")


@contextlib.contextmanager
def ground(state: Path) -> Iterator[Ground]:
    """Yield everything; what runs is stopped after the block, the cache stays below `state`."""
    options = given_options(state)
    cache = _cache(state / "bench" / "kubernetes", options)
    material = prepare(SYSTEM, ("ssh", "nfs"), state=state)
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
    with exclusive(folder / ".lock", wait=3600):
        manifest = read_manifest(Path(shutil.copy(PROJECT / "package_cache_info", folder)))
        try:
            lock = current_lock(manifest)
        except LockError:  # there is none, or it is stale
            lock = make_lock(manifest, options)
            save_lock(lock, manifest)
        build(Order(lock, cache, mirror_finder(options, manifest)))
    return cache
