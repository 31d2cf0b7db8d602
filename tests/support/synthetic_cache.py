"""Caches of any number of groups of tiny real packages, made without apt and dpkg-deb: does the work grow with them?

Each group has `OWN` packages of its own and `SHARED` that all groups have, as real groups share libc6. Their members
are compressed with zstd, as a cache keeps them: building them costs the work for each package, not for its bytes.
"""

import hashlib
import io
import tarfile
from pathlib import Path

import zstandard
from tests.support.debs import ar_of

from package_cache.filesystem.paths import text_digest
from package_cache.lock.file import lock_text
from package_cache.lock.model import Lock, LockedGroup, LockedPackage, LockedRepository, LockedSystem
from package_cache.system import System

OWN, SHARED = 10, 20
REPOSITORY = "ubuntu"


def make_project(folder: Path, groups: int) -> None:
    """Make a manifest, its lock, and a `package_cache` whose pool has what the lock names, for `build` to go on with.

    Where there is one already, of fewer groups, the others come in addition.
    """
    pool = folder / "package_cache" / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    (folder / "package_cache" / ".lock").touch()
    shared = [_add(pool, f"shared{index}") for index in range(SHARED)]
    own = {f"group{index}": [_add(pool, f"group{index}-part{part}") for part in range(OWN)] for index in range(groups)}
    system = System.parse("ubuntu18.04")
    manifest = "".join(f"{name},{system.name},{name}-part0\n" for name in own)
    (folder / "package_cache_info").write_text(manifest)
    locked = sorted(
        LockedGroup(name, (f"{name}-part0",), tuple(sorted(item.key for item in (*shared, *packages))))
        for name, packages in own.items()
    )
    packages = tuple(sorted([*shared, *(package for packages in own.values() for package in packages)]))
    systems = (LockedSystem(system, (LockedRepository(REPOSITORY),), tuple(locked), packages),)
    lock = Lock("package_cache_info", f"sha256:{text_digest(manifest)}", systems)
    (folder / "package-cache.lock").write_text(lock_text(lock))


def _add(pool: Path, name: str) -> LockedPackage:
    content = deb(name)
    sha256 = hashlib.sha256(content).hexdigest()
    (pool / f"{sha256}.deb").write_bytes(content)
    return LockedPackage(name, "1.0", "all", len(content), sha256, REPOSITORY, f"pool/{name}_1.0_all.deb")


def deb(name: str) -> bytes:
    """Return a package file (deb(5)) with one small file. The same name gives the same bytes."""
    group, _, part = name.partition("-part")
    others = [f"{group}-part{index}" for index in range(1, OWN)] + [f"shared{index}" for index in range(SHARED)]
    fields = {
        "Package": name,
        "Version": "1.0",
        "Architecture": "all",
        "Maintainer": "Nobody <nobody@example.invalid>",
        "Installed-Size": "1",
        "Depends": ", ".join(others) if part == "0" else "",
        "Description": f"{name}, for a measurement",
    }
    control = "".join(f"{field}: {value}\n" for field, value in fields.items() if value)
    return ar_of(
        {
            "debian-binary": b"2.0\n",
            "control.tar.zst": _tar({"./control": control.encode()}),
            "data.tar.zst": _tar({f"./usr/share/{name}": name.encode()}),
        }
    )


def _tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            for parent in reversed(Path(name).parents):
                item = tarfile.TarInfo(f"./{parent}/" if parent.name else "./")
                item.type, item.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(item)
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    return zstandard.ZstdCompressor(level=3).compress(stream.getvalue())
