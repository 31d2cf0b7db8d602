"""What all methods of one system install from: the same locked packages, in every form that a method wants. Made once.

<state>/bench/<system>-<key>/
  package_cache_info, package-cache.lock
  archive/                 a partial mirror (mirror.py), served on loopback
  package_cache/           the cache, as `package-cache build` makes it, with recordings
  ed25519/                 a part of it, whose recording makes no host keys but the Ed25519 one
  original/                the cache that `--no-recompress` makes; its groups are file: repositories
  planned                  from which caches and root the plans were made
  plans/<cache>/<group>    which files apt would install in the root, in its order: the name in the pool of one of the
                           two caches, and apt's own name
  image/                   the root as methods find it, in which recordings are made
  recorded                 JSON: from which program and root the recordings were made, and why a group has none
"""

import contextlib
import json
import os
import tempfile
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from tests.support.lab import Container, Isolation, lab_isolation, lab_root, throwaway

import package_cache.recording
from bench.archive import SCRIPTS, archive_lines
from bench.methods import ED25519, ED25519_GROUP, GROUPS, ORIGINAL, RECOMPRESSED
from bench.mirror import make_mirror
from package_cache.build.builder import Order, build
from package_cache.cache.checked_files import read_list, read_recordings
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder, group_folder
from package_cache.cache.recordings import publish_recordings
from package_cache.cli.options import given_options
from package_cache.deb.compression import LEVEL
from package_cache.errors import PackageCacheError
from package_cache.events import Listener, ignore
from package_cache.filesystem.paths import exclusive, sha256_of, text_digest, write_atomically
from package_cache.lock.file import lock_text, read_lock
from package_cache.manifest import read_manifest
from package_cache.manifest.model import Rule, RuleKind, Where
from package_cache.process import run
from package_cache.recording.model import RecordOrder
from package_cache.recording.record import record
from package_cache.recording.rules import own_rules
from package_cache.releases.base_root import root_source
from package_cache.releases.distributions import Release, release_of
from package_cache.releases.sources import archive_sources
from package_cache.resolve.groups import make_lock
from package_cache.sandbox.bootstrap import make_root
from package_cache.sandbox.isolation import strongest_isolation
from package_cache.stage import stage
from package_cache.system import System

FORMAT = 3
"""Raised when the material is made in another way."""

SETS = (("ssh", "nfs"),)
"""What a job with two plugins installs one after the other."""

RECORDER = Path(package_cache.recording.__path__[0])
"""The program's modules that make recordings."""

OTHER_KEYS = tuple(
    Rule(f"/etc/ssh/ssh_host_{kind}_key*", RuleKind.DROP, "clients use the Ed25519 key")
    for kind in ("rsa", "ecdsa", "dsa")
)
"""The rules of a manifest whose jobs make no host keys but the Ed25519 one."""


@dataclass(frozen=True)
class Material:
    """Everything for one system, ready."""

    release: Release
    folder: Path
    root: Path
    groups: dict[str, tuple[str, ...]]
    """The packages that each group asks for."""
    disk: bool = False
    """Whether the roots are on disk instead of in memory."""

    @property
    def cache(self) -> CacheFolder:
        """The cache."""
        return CacheFolder(self.folder / RECOMPRESSED)

    @property
    def archive(self) -> Path:
        """The mirror's folder."""
        return self.folder / "archive"

    @property
    def recorded(self) -> Path:
        """The file that says what was recorded."""
        return self.folder / "recorded"

    def why_not_recorded(self, group: str) -> str:
        """Return why a group has no recording; empty if it has one."""
        return str(json.loads(self.recorded.read_text(encoding="utf-8"))["why"].get(group, ""))

    def installed_kib(self, group: str) -> int:
        """Return how much the files of a group's plan take once they are installed, by their control files."""
        pool = self.folder / ORIGINAL / "pool"
        fields = [["dpkg-deb", "--field", str(pool / name), "Installed-Size"] for name, _ in self.plan(group)]
        return sum(int(run(argv).stdout or 0) for argv in fields)

    def stored(self) -> dict[str, str]:
        """Return the SHA-256 of the cache's package files, by that of the archive's."""
        groups = read_description(self.cache).groups
        return {item.original_sha256: item.sha256 for group in groups for item in read_list(self.cache, group)}

    def plan(self, group: str, cache: str = ORIGINAL) -> list[list[str]]:
        """Return the files that apt would install, in its order: name in a cache's pool, apt's own name."""
        text = (self.folder / "plans" / cache / group).read_text(encoding="utf-8")
        return [line.split() for line in text.splitlines()]

    @contextlib.contextmanager
    def container(self, binds: Mapping[str, Path] = MappingProxyType({})) -> Iterator[Container]:
        """Yield a fresh root without a network that sees our scripts in /bench, the material and `binds`.

        What it writes stays in memory or, with `disk`, goes to a folder that is removed afterwards.
        """
        shown = {f"/bench/{name}": SCRIPTS / name for name in ("methods", "inside")}
        shown |= {"/bench/files": self.folder, "/opt/package_cache": self.cache.path, **binds}
        with contextlib.ExitStack() as stack:
            written = None
            if self.disk:
                (roots := self.folder.parent / "roots").mkdir(exist_ok=True)
                written = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=roots)))
                stack.callback(os.sync)  # what is still to be written must not fall into the next one's time
            yield stack.enter_context(throwaway(self.root, Isolation.ROOT_NAMESPACES, binds=shown, written=written))


def set_up(container: Container, *, sources: str, proxy: str = "") -> None:
    """Make a fresh root what container images are, with these lines of sources.list."""
    container.run(["sh", "/bench/inside/setup.sh"], env={"SOURCES": sources, "PROXY": proxy}, timeout=60)


def repository_line(group: str, release: Release) -> str:
    """Return the line of sources.list for a group's file: repository."""
    return f"deb [trusted=yes] file:/bench/files/original {group_folder(group, release.system.name)}/"


def prepare(
    system: str, groups: Sequence[str], *, state: Path, disk: bool = False, listener: Listener = ignore
) -> Material:
    """Make what is missing of a system's material, for these groups.

    Raise `PackageCacheError` if this machine forbids the roots that a benchmark needs.
    """
    isolation = lab_isolation()
    if isolation is not Isolation.ROOT_NAMESPACES:
        raise PackageCacheError(
            f"cannot measure here: the methods need roots with namespaces of their own, and there is {isolation}",
            hint="run this as root, where namespaces may be made",
        )
    text = "".join(f"{group},{system},{' '.join(GROUPS[group])}\n" for group in groups)
    folder = state / "bench" / f"{system}-{text_digest(f'{FORMAT} {text}')[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    release = release_of(System.parse(system))
    with exclusive(folder / ".lock", wait=3600):
        write_atomically(folder / "package_cache_info", text.encode())
        manifest = read_manifest(folder / "package_cache_info")
        options = given_options(state)
        sources = archive_sources(release, options.with_mirrors(manifest.mirrors), listener)
        made = make_root(root_source(release, sources), state=state, isolation=strongest_isolation(), listener=listener)
        lock_file = folder / "package-cache.lock"
        if not lock_file.exists():  # written last: then the mirror is whole, and of the same moment
            [chosen] = (lock := make_lock(manifest, options, listener)).systems
            make_mirror(folder / "archive", chosen, sources, state=state, listener=listener)
            write_atomically(lock_file, lock_text(lock).encode())
        lock = read_lock(lock_file.read_text(encoding="utf-8"), file=str(lock_file))
        packages = {group.name: group.requests for group in lock.systems[0].groups}
        material = Material(release, folder, lab_root(made, state), packages, disk)
        for name, level in ((RECOMPRESSED, LEVEL), (ORIGINAL, None)):
            cache = CacheFolder(folder / name)
            build(Order(lock, cache, lambda _, place: (f"copy:{folder}/archive/{place.name}",), listener, level))
        _plan(material)
        _record(material, state, listener)
    return material


def _plan(material: Material) -> None:
    """Make the plans, unless they are there and of these caches and this root."""
    caches = [sha256_of(CacheFolder(material.folder / name).description) for name in (ORIGINAL, RECOMPRESSED)]
    made_from = f"{' '.join(caches)} {material.root.parent.name}\n"
    marker = material.folder / "planned"
    if marker.exists() and marker.read_text(encoding="utf-8") == made_from:
        return
    stored = material.stored()
    for cache in (ORIGINAL, RECOMPRESSED):
        (material.folder / "plans" / cache).mkdir(parents=True, exist_ok=True)
    with material.container() as container:
        for group, names in material.groups.items():
            set_up(container, sources=repository_line(group, material.release))
            container.run(["apt-get", "update"], timeout=120)
            argv = ["apt-get", "install", "-y", "-qq", "--print-uris", "--no-install-recommends", *names]
            printed = container.run(argv, timeout=120).stdout.splitlines()
            uris = [line.split()[:2] for line in printed if line.startswith("'")]
            files = [(PurePosixPath(urllib.parse.unquote(uri.strip("'"))).stem, name) for uri, name in uris]
            for cache, names_in_pool in ((ORIGINAL, {}), (RECOMPRESSED, stored)):
                lines = [f"{names_in_pool.get(digest, digest)}.deb {name}\n" for digest, name in files]
                write_atomically(material.folder / "plans" / cache / group, "".join(lines).encode())
    write_atomically(marker, made_from.encode())


def _record(material: Material, state: Path, listener: Listener) -> None:
    """Record each group, unless that was done by this program and in this root."""
    sources = [*sorted(RECORDER.glob("*.py")), RECORDER / "rules.toml", SCRIPTS / "inside" / "setup.sh"]
    parts = [material.root.parent.name, repr(SETS), *(path.read_text(encoding="utf-8") for path in sources)]
    made_from = text_digest("\n".join(parts))
    if material.recorded.exists():
        if json.loads(material.recorded.read_text(encoding="utf-8"))["made_from"] == made_from:
            return
        material.recorded.unlink()
    image = _image(material)
    for group in read_description(material.cache).groups:  # of another program
        dropped = [recording.file for recording in read_recordings(material.cache, group)]
        publish_recordings(material.cache, group, {}, dropped=dropped)
    why = _recorded(material.cache, (), image, state, listener)
    if ED25519_GROUP in material.groups:
        part = CacheFolder(material.folder / ED25519)
        run(["rm", "-rf", str(part.path)])
        stage([ED25519_GROUP], material.cache, part.path, listener)
        _recorded(part, OTHER_KEYS, image, state, listener)
    write_atomically(material.recorded, json.dumps({"made_from": made_from, "why": why}, indent=1).encode())


def _image(material: Material) -> Path:
    """Return the root of an image that is what the methods find: made anew."""
    image = material.folder / "image"
    run(["rm", "-rf", "--one-file-system", str(image)], timeout=300)
    run(["cp", "--archive", "--reflink=auto", str(material.root), str(image)], timeout=300)
    script = (SCRIPTS / "inside" / "setup.sh").read_text(encoding="utf-8")
    sources = archive_lines(material.release, "")
    run(["chroot", str(image), "sh", "-s"], env={"SOURCES": sources, "PROXY": ""}, stdin=script)
    return image


def _recorded(
    cache: CacheFolder, rules: Sequence[Rule], image: Path, state: Path, listener: Listener
) -> dict[str, str]:
    """Record all groups of a cache, and the sets, in a root; return why those that have no recording have none."""
    names = {group.name for group in read_description(cache).groups}
    sets = tuple(groups for groups in SETS if names.issuperset(groups))
    images = (("benchmark", Where(root=image)),)
    [result] = record(RecordOrder(cache, (), sets, images, (*rules, *own_rules()), state), listener).images
    if result.error is not None:
        raise result.error
    return {
        " ".join([*outcome.after, outcome.group]): outcome.why for outcome in result.outcomes if not outcome.recording
    }
