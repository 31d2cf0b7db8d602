"""A likeness of Ubuntu 18.04 on loopback, and the command `package-cache` run against it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer

from package_cache.command_line.main import run


@dataclass
class World:
    """One archive, one server, one working folder."""

    folder: Path
    archive: SignedArchive
    server: ArchiveServer
    capfd: pytest.CaptureFixture[str]

    def add(self, name: str, version: str = "1.0", *, suite: str = "bionic", **fields: Any) -> None:
        """Put a package into the archive; it is seen after the next `publish`."""
        deb = make_deb(self.folder / "debs", name, version, **fields)
        self.archive.add(deb, suite=suite)

    def manifest(self, text: str, name: str = "package_cache_info") -> Path:
        """Write a manifest."""
        path = self.folder / name
        path.write_text(text)
        return path

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a verb and give status, standard output and standard error."""
        self.capfd.readouterr()
        status = run(words)
        out, err = self.capfd.readouterr()
        return status, out, err

    def online(self, verb: str, *words: str) -> tuple[int, str, str]:
        """Run a verb that reaches archives."""
        return self.run(
            verb,
            "--manifest", str(self.folder / "package_cache_info"), "--state", str(self.folder / "state"),
            "--mirror", f"ubuntu={self.server.uri}", "--keyring", f"ubuntu={self.archive.keyring}", *words,
        )  # fmt: skip

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


@contextmanager
def made_world(folder: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    """A published archive with tools that share a library."""
    (folder / "debs").mkdir()
    archive = SignedArchive(
        folder / "archive",
        suites=("bionic", "bionic-updates", "bionic-security"),
        components=("main", "universe", "restricted", "multiverse"),
    )
    with ArchiveServer(archive.folder) as server:
        made = World(folder, archive, server, capfd)
        made.add("libshared")
        made.add("editor", depends="libshared")
        made.add("viewer", depends="libshared", Recommends="extras")
        made.add("extras")
        archive.publish()
        yield made
