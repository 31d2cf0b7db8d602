"""A likeness of Ubuntu 18.04 on loopback, and the command `package-cache` run against it."""

import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.archive import SignedArchive, likeness_of_bionic
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer

from package_cache.cli.main import run
from package_cache.filesystem.paths import text_digest
from package_cache.process import Completed


def reaching(archive: SignedArchive, server: ArchiveServer, folder: Path) -> list[str]:
    """Return the options of a verb that reaches an archive, for the manifest in a folder."""
    return [
        "--manifest", str(folder / "package_cache_info"), "--state", str(folder / "state"),
        "--mirror", f"ubuntu={server.uri}", "--keyring", f"ubuntu={archive.keyring}",
    ]  # fmt: skip


@dataclass
class World:
    """One archive, one server, one working folder."""

    folder: Path
    archive: SignedArchive
    server: ArchiveServer
    capfd: pytest.CaptureFixture[str]
    manifest_name: str = "package_cache_info"
    """That of the manifest which was written last, and which verbs that reach archives are given."""

    def add(self, name: str, version: str = "1.0", *, suite: str = "bionic", **fields: Any) -> None:
        """Put a package into the archive; the next verb that reaches archives sees it."""
        deb = make_deb(self.folder / "debs", name, version, **fields)
        self.archive.add(deb, suite=suite)

    def manifest(self, text: str, name: str = "") -> Path:
        """Write a manifest, with which verbs run from now on: by default one of the usual name for its format."""
        self.manifest_name = name or ("package-cache.toml" if "[[group]]" in text else "package_cache_info")
        path = self.folder / self.manifest_name
        path.write_text(text)
        return path

    def locked(self, manifest: str, name: str = "") -> None:
        """Have a lock of this manifest."""
        self.manifest(manifest, name)
        status, _, err = self.online("lock")
        assert status == 0, err

    def built(self, manifest: str) -> None:
        """Have a cache of this manifest."""

        def fill() -> None:
            self.manifest(manifest)
            status, _, err = self.build()
            assert status == 0, err

        self.once(f"built: {manifest}", fill)

    def once(self, name: str, fill: Callable[[], object]) -> None:
        """Bring this new world to what `fill` makes of one; that is done once in a test process, then copied.

        `name` stands for what `fill` does. Of a vendor beside it nothing is kept. The server was asked for nothing.
        """
        kept = _kept_folder() / text_digest(name)
        if name in _FILLED:
            shutil.copytree(kept, self.folder, symlinks=True, dirs_exist_ok=True)
            archive, self.manifest_name = _FILLED[name]
            self.archive = archive.copy(self.archive.folder)
        else:
            fill()
            others = {"archive", "vendor", "vendor-debs"}
            shutil.copytree(
                self.folder, kept, symlinks=True,
                ignore=lambda path, names: others & {*names} if Path(path) == self.folder else (),
            )  # fmt: skip
            _FILLED[name] = self.archive.copy(kept.with_suffix(".archive")), self.manifest_name
        self.server.forget_requests()

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a verb and give status, standard output and standard error."""
        self.capfd.readouterr()
        status = run(words)
        out, err = self.capfd.readouterr()
        return status, out, err

    def online(self, verb: str, *words: str, mirror: str | None = "") -> tuple[int, str, str]:
        """Run a verb that reaches archives: by the mirror of this world, by another one, or (None) by no named one."""
        if self.archive.pending:
            self.archive.publish()
        keyring, *own = self.sources
        named = own if mirror == "" else [f"--mirror=ubuntu={mirror}"] if mirror else []
        manifest, state = str(self.folder / self.manifest_name), str(self.folder / "state")
        return self.run(verb, "--manifest", manifest, "--state", state, keyring, *named, *words)

    @property
    def sources(self) -> tuple[str, str]:
        """The options that name the keys and the mirror of this world."""
        return f"--keyring=ubuntu={self.archive.keyring}", f"--mirror=ubuntu={self.server.uri}"

    def build(self, *words: str) -> tuple[int, str, str]:
        """Build the cache of the manifest."""
        return self.online("build", "--output", str(self.cache), *words)

    @property
    def cache(self) -> Path:
        """The cache's folder."""
        return self.folder / "package_cache"

    def json(self, *words: str) -> Any:
        """Run a verb with --json and give what it printed."""
        return json.loads(self.run(*words, "--json")[1])


_TEMPORARY = tempfile.gettempdir()
"""Of the whole test run: a test may have one of its own."""

_FILLED: dict[str, tuple[SignedArchive, str]] = {}
"""The archives of the worlds that are kept, and the names of their manifests, by their names."""


@functools.cache
def _kept_folder() -> Path:
    """Return the folder of what is made once; it is gone after the test run."""
    folder = Path(tempfile.mkdtemp(prefix="package-cache-worlds-", dir=_TEMPORARY))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _published(folder: Path) -> SignedArchive:
    """Put a published archive of tools that share a library into a folder."""
    archive = likeness_of_bionic(folder)
    debs = folder.with_name("debs")
    for name, fields in {
        "libshared": {},
        "editor": {"depends": "libshared"},
        "viewer": {"depends": "libshared", "Recommends": "extras"},
        "extras": {},
    }.items():
        archive.add(make_deb(debs, name, **fields), suite="bionic")  # type: ignore[arg-type]
    archive.publish()
    return archive


@functools.cache
def _template() -> SignedArchive:
    return _published(_kept_folder() / "template/archive")


@contextmanager
def made_world(folder: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    """A published archive with tools that share a library."""
    archive = _template().copy(folder / "archive")
    with ArchiveServer(archive.folder) as server:
        yield World(folder, archive, server, capfd)


def toml_group(name: str, *packages: str, system: str = "ubuntu18.04", more: str = "") -> str:
    """Return the table of a group for `package-cache.toml`; `more` has further lines."""
    named = ", ".join(f'"{package}"' for package in packages)
    return f'[[group]]\nname = "{name}"\nsystems = ["{system}"]\npackages = [{named}]\n{more}'


def refused(done: tuple[int, str, str] | Completed, status: int, *told: str) -> None:
    """Check the status of a command that failed, and that its standard error has all of these texts."""
    found, _, err = done if isinstance(done, tuple) else (done.returncode, done.stdout, done.stderr)
    assert found == status, done
    for text in told:
        assert text in err


def printed(done: tuple[int, str, str], status: int, *told: str) -> None:
    """Check the status of a command, and that its standard output has all of these texts."""
    assert done[0] == status, done
    for text in told:
        assert text in done[1]
