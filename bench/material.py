"""What all methods of one system install from: the same locked packages, in every form that a method wants. Made once.

<state>/bench/<system>-<key>/
  package_cache_info, package-cache.lock
  archive/           a partial mirror (mirror.py), served on loopback
  package_cache/     the cache, as `package-cache build` makes it
  debs/              package files by name, and file: repositories (debs.py)
  laid-out           from which cache and root the rest was made
  plans/<group>      which files apt would install in the root, in its order: the file's name and apt's own for it
"""

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.support.lab import Isolation, lab_root

from bench.debs import are_recompressed, lay_out_debs
from bench.groups import manifest_text
from bench.mirror import make_mirror
from bench.roots import bench_root, repository_line, set_up
from package_cache.build.builder import build
from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import given_options
from package_cache.events import Listener, ignore
from package_cache.filesystem.paths import exclusive, sha256_of, text_digest, write_atomically
from package_cache.lock.file import lock_text, read_lock
from package_cache.lock.model import LockedSystem
from package_cache.manifest import read_manifest
from package_cache.releases.base_root import root_source
from package_cache.releases.distributions import Release, release_of
from package_cache.releases.sources import archive_sources
from package_cache.resolve.groups import make_lock
from package_cache.sandbox.bootstrap import make_root
from package_cache.sandbox.isolation import strongest_isolation
from package_cache.system import System

QUOTE = "'"
FORMAT = 1
"""Raised when the material is made in another method."""


@dataclass(frozen=True)
class Material:
    """Everything for one system, ready."""

    release: Release
    folder: Path
    root: Path
    groups: dict[str, tuple[str, ...]]
    """The packages that each group asks for."""
    recompressed: bool
    """Whether the cache's package files are others than the archive's."""

    @property
    def cache(self) -> Path:
        """The cache."""
        return self.folder / "package_cache"

    @property
    def archive(self) -> Path:
        """The mirror's folder."""
        return self.folder / "archive"

    def plan(self, group: str) -> list[list[str]]:
        """Return the files that apt would install, in its order: name in `debs/`, apt's own name."""
        return [line.split() for line in (self.folder / "plans" / group).read_text(encoding="utf-8").splitlines()]


def prepare(
    system: str, groups: Sequence[str], *, state: Path, isolation: Isolation, listener: Listener = ignore
) -> Material:
    """Make what is missing of a system's material, for these groups."""
    text = manifest_text(system, groups)
    folder = state / "bench" / f"{system}-{text_digest(f'{FORMAT} {text}')[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    release = release_of(System.parse(system))
    with exclusive(folder / ".lock", wait=3600):
        write_atomically(folder / "package_cache_info", text.encode())
        manifest = read_manifest(folder / "package_cache_info")
        options = given_options(state)
        sources = archive_sources(release, options.with_mirrors(manifest.mirrors), listener)
        made = make_root(root_source(release, sources), state=state, isolation=strongest_isolation(), listener=listener)
        root = lab_root(made, state)
        lock_file = folder / "package-cache.lock"
        if not lock_file.exists():  # written last: then the mirror is whole, and of the same moment
            [chosen] = (lock := make_lock(manifest, options, listener)).systems
            make_mirror(folder / "archive", chosen, sources, state=state, listener=listener)
            write_atomically(lock_file, lock_text(lock).encode())
        lock = read_lock(lock_file.read_text(encoding="utf-8"), file=str(lock_file))
        [locked] = lock.systems
        cache = CacheFolder(folder / "package_cache")
        build(lock, cache, lambda _, repository: (f"copy:{folder}/archive/{repository.name}",), listener)
        packages = {group.name: group.requests for group in locked.groups}
        _lay_out(folder, cache=cache, locked=locked, root=root, isolation=isolation, packages=packages)
    return Material(release, folder, root, packages, are_recompressed(cache, locked))


def _lay_out(
    folder: Path,
    *,
    cache: CacheFolder,
    locked: LockedSystem,
    root: Path,
    isolation: Isolation,
    packages: Mapping[str, Sequence[str]],
) -> None:
    """Make `debs/` and `plans/`, unless they are there and of this cache and root."""
    made_from = f"{sha256_of(cache.description)} {root.parent.name}\n"
    marker = folder / "laid-out"
    if marker.exists() and marker.read_text(encoding="utf-8") == made_from:
        return
    lay_out_debs(folder / "debs", folder / "archive", cache, locked)
    (folder / "plans").mkdir(exist_ok=True)
    with bench_root(root, isolation, {"/bench/files": folder}) as container:
        for group, names in packages.items():
            set_up(container, sources=repository_line(group))
            container.run(["apt-get", "update"], timeout=120)
            argv = ["apt-get", "install", "-y", "-qq", "--print-uris", "--no-install-recommends", *names]
            uris = [line.split() for line in container.run(argv, timeout=120).stdout.splitlines() if line[:1] == "'"]
            lines = [f"{PurePosixPath(urllib.parse.unquote(uri.strip(QUOTE))).name} {name}" for uri, name, *_ in uris]
            write_atomically(folder / "plans" / group, "\n".join([*lines, ""]).encode())
    write_atomically(marker, made_from.encode())
