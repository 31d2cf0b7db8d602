"""Small caches for the installer's tests, and the rooms it is run in: disposable copies of real roots."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.lab import Container

from package_cache.cache.group_index import GroupPackages, IndexedPackage, group_files
from package_cache.cache.layout import INSTALLER, CacheFolder, group_folder
from package_cache.cache.pool_index import StoredFile
from package_cache.cache.publish import publish_group
from package_cache.cache.recordings import with_recordings
from package_cache.deb.control import control_with_space
from package_cache.debconf import DebconfAnswer
from package_cache.filesystem.paths import sha256_of
from package_cache.installer import install_group
from package_cache.lock.model import ImageSet, LockedGroup, LockedPackage
from package_cache.process import CommandError, end, start
from package_cache.signatures import Signer

MAP = """
cd / && find etc usr var bin sbin lib opt root -xdev -printf '%p %y %m %l\\n' | sort
find etc usr var bin sbin lib opt root -xdev -type f -exec sha256sum {} + | sort
"""
"""Prints the path, type, mode and content of everything in a root, but for /tmp and what the kernel shows."""


@dataclass
class SyntheticCache:
    """A cache that holds what a test says, for one system."""

    path: Path
    system: str = "ubuntu18.04"

    def __post_init__(self) -> None:
        folder = CacheFolder(self.path)
        folder.pool.mkdir(parents=True)
        (self.path / "groups").mkdir()
        (self.path / INSTALLER).write_text(install_group())

    def add(
        self,
        group: str,
        requests: Sequence[str],
        debs: Sequence[Path],
        *,
        provides: Sequence[str] = (),
        architecture: str = "amd64",
        system: str | None = None,
        recommends: bool = False,
        images: Mapping[str, Sequence[Path]] | None = None,
        debconf: Sequence[str] = (),
        signer: Signer | None = None,
    ) -> Path:
        """Add a group and give its folder; `images`: what each of them needs instead of the group's own packages."""
        folder = CacheFolder(self.path)
        packages = {}
        for deb in dict.fromkeys((*debs, *(deb for those in (images or {}).values() for deb in those))):
            digest = sha256_of(deb)
            shutil.copyfile(deb, folder.package(digest))
            packages[deb] = _indexed(deb, digest)

        def keys(some: Sequence[Path]) -> tuple[str, ...]:
            return tuple(packages[deb].locked.key for deb in some)

        sets = tuple(ImageSet(name, keys(those)) for name, those in (images or {}).items())
        answers = tuple(DebconfAnswer(*line.split(" ", 3)) for line in debconf)
        locked = LockedGroup(group, tuple(requests), keys(debs), tuple(provides), recommends, sets, debconf=answers)
        contents: GroupPackages = {architecture: (locked, list(packages.values()))}
        name = system or self.system
        files = with_recordings(
            group_files(contents), {}, group=group, system=name, architectures=contents, signer=signer
        )
        publish_group(folder, group, name, files)
        return folder.path / group_folder(group, name)

    def pool_file(self, deb: Path) -> Path:
        """Return the pool's file of a package."""
        return CacheFolder(self.path).package(sha256_of(deb))


def restate(file: Path, text: str) -> None:
    """Change a file of a group's folder, and what its Release says about it, as one does who builds a cache wrongly."""
    release = file.with_name("Release")
    old = sha256_of(file)
    file.write_text(text)
    release.write_text(release.read_text().replace(old, sha256_of(file)))


def _indexed(deb: Path, digest: str) -> IndexedPackage:
    control = control_with_space(deb)
    fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line and not line.startswith(" "))
    locked = LockedPackage(
        fields["Package"].lower(),
        fields["Version"],
        fields["Architecture"],
        deb.stat().st_size,
        digest,
        "test",
        deb.name,
    )
    return IndexedPackage(locked, StoredFile(digest, locked.size), control)


@dataclass(frozen=True)
class Outcome:
    """The result of one run of the installer."""

    status: int
    out: str
    err: str
    result: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Room:
    """A running disposable root with a cache in it."""

    container: Container
    cache: str
    running: contextlib.ExitStack

    def sh(self, script: str, *, check: bool = True) -> str:
        """Run lines of shell in it and give what they print."""
        return self.container.run(["sh", "-c", script], timeout=120, check=check).stdout

    def install(self, *arguments: str, shell: Sequence[str] = ("sh",), env: Mapping[str, str] | None = None) -> Outcome:
        """Run the cache's installer."""
        argv = [*shell, f"{self.cache}/install_group.sh", "--result", "/tmp/result", *arguments]
        done = self.container.run(argv, timeout=120, check=False, env=env)
        lines = self.sh("cat /tmp/result; rm -f /tmp/result", check=False).splitlines()
        return Outcome(done.returncode, done.stdout, done.stderr, dict(line.split("=", 1) for line in lines))

    def start(self, argv: Sequence[str], *, until: str | None = None) -> "subprocess.Popen[str]":
        """Start a program in it, and wait until a file exists; it is ended with the room."""
        process = start([*self.container.prefix, *argv])
        self.running.callback(end, process)
        deadline = time.monotonic() + 30
        while until and not self.container.path(until).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return process

    def map(self) -> list[str]:
        """Return everything that can be seen to change in it."""
        return self.sh(MAP).splitlines()

    def state(self, *names: str) -> dict[str, str]:
        """Return dpkg's state of packages: `ii 1.0`; nothing for those that it does not know."""
        form = "${Package} ${db:Status-Abbrev}${Version}\\n"
        try:
            out = self.container.run(["dpkg-query", "-W", "-f", form, *names], timeout=30).stdout
        except CommandError as error:
            out = "".join(line + "\n" for line in error.output.splitlines() if not line.startswith("dpkg-query"))
        return dict(line.split(" ", 1) for line in out.splitlines())

    def audit(self) -> str:
        """Return the problems that dpkg finds. Without a shell, because busybox's has a dpkg of its own."""
        done = self.container.run(["dpkg", "--audit"], timeout=60, check=False)
        return done.stdout + done.stderr
