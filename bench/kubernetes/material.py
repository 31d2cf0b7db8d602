"""What the parts measure with: the cache of the seed's manifest, and such caches before a security update. Kept.

<state>/bench/kubernetes/
  package-cache.lock, package_cache/     of `package_cache_info`
  before-<update>/                       the same cache with packages as the release had them first
"""

import dataclasses
import lzma
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Deb822

from bench.material import Material, prepare
from bench.roots import root_isolation
from package_cache.build.builder import build
from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import given_options
from package_cache.errors import PackageCacheError
from package_cache.filesystem.paths import exclusive, write_atomically
from package_cache.lock.file import lock_text, read_lock
from package_cache.lock.model import Lock, LockedPackage, LockedSystem
from package_cache.manifest import read_manifest
from package_cache.releases.sources import mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.settings import Options

PROJECT = Path(__file__).parent.parent.parent
MANIFEST = PROJECT / "package_cache_info"
SYSTEM = "ubuntu18.04"
GROUPS = ("ssh", "nfs")


@dataclass(frozen=True)
class Update:
    """Packages that get their newest version, all others staying as they are."""

    name: str
    packages: tuple[str, ...]


UPDATES = (
    Update("rpcbind", ("rpcbind",)),
    Update("zlib1g", ("zlib1g",)),
    Update("openssh-server", ("openssh-server",)),
    Update("openssh", ("openssh-client", "openssh-server", "openssh-sftp-server")),
    Update("libssl1.0.0", ("libssl1.0.0",)),
    Update("libc6", ("libc6",)),
)
"""Small, medium and large ones; of one group, and shared. `openssh` is what comes of one source, so comes together."""


@dataclass(frozen=True)
class Seed:
    """The cache of the seed's manifest, and what belongs to it."""

    folder: Path
    lock: Lock
    options: Options
    material: Material
    """Of `SYSTEM`, with a partial mirror and a root."""

    @property
    def cache(self) -> CacheFolder:
        """The cache."""
        return CacheFolder(self.folder / "package_cache")

    @property
    def locked(self) -> LockedSystem:
        """What is locked for `SYSTEM`."""
        return next(one for one in self.lock.systems if one.system.name == SYSTEM)

    def before(self, update: Update) -> CacheFolder:
        """Give the cache as it was before an update, its package files of the release's first versions."""
        cache = CacheFolder(self.folder / f"before-{update.name}")
        if not cache.path.exists():
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:  # a copy that was interrupted is none
                shutil.copytree(self.cache.path, Path(folder) / "cache")
                (Path(folder) / "cache").rename(cache.path)
        lock = older(self.lock, SYSTEM, update.packages, first_versions(self.material, update.packages))
        build(lock, cache, mirror_finder(self.options, read_manifest(MANIFEST)))
        return cache


def prepare_seed(state: Path) -> Seed:
    """Make what is missing of all that the parts measure with."""
    folder = state / "bench" / "kubernetes"
    folder.mkdir(parents=True, exist_ok=True)
    manifest = read_manifest(MANIFEST)
    options = given_options((), (), state, 600.0)
    with exclusive(folder / ".lock", wait=3600):
        file = folder / "package-cache.lock"
        lock = read_lock(file.read_text(encoding="utf-8"), file=str(file)) if file.exists() else None
        if lock is None or lock.manifest_digest != manifest.digest:
            lock = make_lock(manifest, options)
            write_atomically(file, lock_text(lock).encode())
        build(lock, CacheFolder(folder / "package_cache"), mirror_finder(options, manifest))
    material = prepare(SYSTEM, GROUPS, state=state, isolation=root_isolation())
    return Seed(folder, lock, options, material)


def first_versions(material: Material, names: Sequence[str]) -> dict[str, LockedPackage]:
    """Find packages in the index of the release itself, without its updates: that of the partial mirror is whole."""
    found = {}
    for archive in material.release.archives:
        for index in sorted((material.archive / archive.name / "dists" / archive.suites[0]).glob("*/*/Packages.xz")):
            with lzma.open(index, "rt", encoding="utf-8") as stream:
                for item in Deb822.iter_paragraphs(stream, use_apt_pkg=False):
                    if item["Package"] in names:
                        found[item["Package"]] = _locked(item, archive.name)
    return found


def _locked(item: Mapping[str, str], repository: str) -> LockedPackage:
    return LockedPackage(
        item["Package"], item["Version"], item["Architecture"], int(item["Size"]), item["SHA256"], repository,
        item["Filename"],
    )  # fmt: skip


def older(lock: Lock, system: str, names: Sequence[str], first: Mapping[str, LockedPackage]) -> Lock:
    """Give a lock with other versions of some packages of a system. Raises `PackageCacheError` where one has none."""
    [locked] = [one for one in lock.systems if one.system.name == system]
    now = {package.name: package for package in locked.packages if package.name in names}
    same = [name for name in names if name not in first or name not in now or first[name].key == now[name].key]
    if same:
        raise PackageCacheError(f"cannot measure an update of {', '.join(same)}: there was none in {system}")
    keys = {now[name].key: first[name].key for name in names}
    changed = dataclasses.replace(
        locked,
        packages=tuple(sorted(first[one.name] if one.name in names else one for one in locked.packages)),
        groups=tuple(
            dataclasses.replace(group, packages=tuple(sorted(keys.get(key, key) for key in group.packages)))
            for group in locked.groups
        ),
    )
    return dataclasses.replace(lock, systems=tuple(changed if one is locked else one for one in lock.systems))
