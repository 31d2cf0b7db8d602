"""A manifest, its lock and its cache in a folder, and the verbs run on them: what they say, and what they change."""

import contextlib
import hashlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.documents import TOML
from tests.support.debs import make_deb

from package_cache.cache.layout import CacheFolder
from package_cache.cli.main import run
from package_cache.filesystem.paths import sha256_of, text_digest
from package_cache.lock.file import lock_text, read_lock
from package_cache.lock.model import Lock, LockedGroup, LockedPackage, LockedRepository, LockedSystem
from package_cache.system import System

MANIFEST = "tool,ubuntu18.04,tool\nlibrary,ubuntu18.04,lib\n"


@dataclass(frozen=True)
class Done:
    """What a verb came to."""

    status: int
    out: str
    err: str


Runner = Callable[[Sequence[str]], Done]


def in_process(words: Sequence[str]) -> Done:
    """Run a verb in this process; output that is no UTF-8 raises, as on a terminal."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(words)
    return Done(status, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def checked(cache: Path, reference: str, *words: str) -> Done:
    """Check the group `tools` of a cache for an image."""
    return in_process(["check", "tools", "--cache", str(cache), "--image", reference, *words])


def as_process(words: Sequence[str]) -> Done:
    """Run a verb as a process of its own."""
    program = "from package_cache.cli.entry import main; main()"
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, timeout=60, check=False)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


class World:
    """The folder, and the names of what lies in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = folder / "package_cache_info"
        self.toml = folder / "package-cache.toml"
        self.lock = folder / "package-cache.lock"
        self.cache = CacheFolder(folder / "package_cache")
        self.volume = folder / "volume"
        self.new = folder / "new"

    def forget_made(self) -> None:
        """Remove what verbs have made."""
        for made in (self.volume, self.new):
            shutil.rmtree(made, ignore_errors=True)

    def map(self) -> dict[str, str]:
        """Return every path, and the digest of every file."""
        found = sorted(self.folder.rglob("*"))
        return {str(path): sha256_of(path) if path.is_file() else "" for path in found}

    @contextlib.contextmanager
    def replaced(self, path: Path, content: bytes) -> Iterator[None]:
        """Replace the content of a file while the block runs."""
        before = path.read_bytes()
        path.write_bytes(content)
        try:
            yield
        finally:
            path.write_bytes(before)

    def restated(self, path: Path, content: bytes) -> bytes:
        """Return the description as it is when it states the hash of another content of one of its files."""
        old, new = sha256_of(path), hashlib.sha256(content).hexdigest()
        return self.cache.description.read_bytes().replace(old.encode(), new.encode())

    def is_served(self, lock: Lock) -> bool:
        """Return whether the archive has all that a lock names."""
        return wanted(lock) <= wanted(read_lock(self.lock.read_text(), file="l"))


def wanted(lock: Lock) -> set[tuple[object, ...]]:
    """Return each package of a lock with its origin."""
    return {
        (item.sha256, item.size, item.path, repository.uri)
        for system in lock.systems
        for item in system.packages
        for repository in system.repositories
        if repository.name == item.repository
    }


def make_world(folder: Path) -> World:
    """Build it all: two packages, two groups, one system."""
    world = World(folder)
    archive = folder / "archive"
    debs = [make_deb(archive, "lib"), make_deb(archive, "tool", depends="lib", files={"/usr/bin/tool": "#!/bin/sh\n"})]
    packages = tuple(
        LockedPackage(deb.name.partition("_")[0], "1.0", "all", deb.stat().st_size, sha256_of(deb), "local", deb.name)
        for deb in debs
    )
    groups = (
        LockedGroup("library", ("lib",), ("lib_1.0_all",)),
        LockedGroup("tool", ("tool",), ("lib_1.0_all", "tool_1.0_all"), ("/usr/bin/tool",)),
    )
    system = LockedSystem(System.parse("ubuntu18.04"), (LockedRepository("local", archive.as_uri()),), groups, packages)
    world.manifest.write_text(MANIFEST)
    world.toml.write_text(TOML)
    world.lock.write_text(lock_text(Lock("package_cache_info", f"sha256:{text_digest(MANIFEST)}", (system,))))
    done = in_process(["build", "--manifest", str(world.manifest), "--output", str(world.cache.path)])
    assert done.status == 0, done.err
    return world


def check_said(done: Done, words: Sequence[str], allowed: Sequence[int]) -> None:
    """Check that a verb's status is one of those, and that it says what is wrong, to people or to programs."""
    assert done.status in allowed, (done, words)
    assert "Traceback" not in done.err, done.err
    assert "report this" not in done.err, done.err
    if "--json" in words:
        assert json.loads(done.out)["status"] == done.status
    if done.status != 0:
        assert ": " in done.err + done.out, done
