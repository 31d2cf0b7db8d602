"""Somebody's signed repository beside the distribution's, on loopback, and the manifest's words for it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer
from tests.support.world import World

GROUP = '[[group]]\nname = "odd"\nsystems = ["ubuntu18.04"]\npackages = ["oddity"]\n'


@dataclass
class Vendor:
    """One archive with the package `oddity`, and one server."""

    folder: Path
    archive: SignedArchive
    server: ArchiveServer
    _later: int = 0

    def add(self, name: str, version: str = "1.0", **fields: Any) -> None:
        """Put a package into the archive; it is seen after the next `publish`."""
        self.archive.add(make_deb(self.folder / "vendor-debs", name, version, **fields))

    def republish(self, **how: Any) -> None:
        """Publish again, visibly: within one second HTTP's dates would say that nothing has changed."""
        self.archive.publish(**how)
        self._later += 10
        for path in (self.archive.folder / "dists").rglob("*"):
            os.utime(path, (time.time() + self._later,) * 2)

    def table(self, *fields: str, uris: tuple[str, ...] = ()) -> str:
        """Return the table of this repository, with further lines."""
        places = ", ".join(f'"{uri}"' for uri in uris or (self.server.uri,))
        head = f'\n[[repository]]\nname = "vendor"\nuris = [{places}]\nsuite = "stable"\ncomponents = ["main"]\n'
        return head + "".join(f"{field}\n" for field in fields)

    def lock(self, world: World, *fields: str, group: str = GROUP, uris: tuple[str, ...] = ()) -> tuple[int, str, str]:
        """Lock a manifest of this group and this repository; gives status, the lock, and standard error."""
        path = world.manifest(group + self.table(*fields, uris=uris), "package-cache.toml")
        status, _, err = world.online("lock", "--manifest", str(path))
        lock = path.parent / "package-cache.lock"
        return status, lock.read_text() if lock.exists() else "", err


@contextmanager
def made_vendor(folder: Path) -> Iterator[Vendor]:
    """A repository that its owner's own key has signed."""
    archive = SignedArchive(folder / "vendor", key="vendor", origin="Vendor")
    with ArchiveServer(archive.folder) as server:
        vendor = Vendor(folder, archive, server)
        vendor.add("oddity")
        archive.publish()
        yield vendor
