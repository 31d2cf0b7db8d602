"""Package files are found in a cache by what they are, also where the cache has packed them anew."""

from pathlib import Path

from bench.debs import are_recompressed, lay_out_debs
from tests.support.debs import make_deb

from package_cache.cache.layout import CacheFolder
from package_cache.deb.control import control_text
from package_cache.filesystem.paths import sha256_of
from package_cache.lock.model import LockedGroup, LockedPackage, LockedRepository, LockedSystem
from package_cache.system import System


def made(folder: Path, stored: Path, original: Path) -> tuple[CacheFolder, LockedSystem]:
    """Return a cache that holds one file, and a lock that names another one of the same package."""
    cache = CacheFolder(folder / "package_cache")
    cache.pool.mkdir(parents=True)
    place = cache.package(sha256_of(stored))
    place.write_bytes(stored.read_bytes())
    group = cache.group("tools", "debian12")
    group.mkdir(parents=True)
    (group / "Packages").write_text(f"{control_text(stored)}Filename: pool/{place.name}\n")
    package = LockedPackage(
        "hammer", "1:2.0", "all", original.stat().st_size, sha256_of(original), "debian", f"pool/{original.name}"
    )
    tools = LockedGroup("tools", ("hammer",), (package.key,))
    return cache, LockedSystem(System("debian", "12"), (LockedRepository("debian"),), (tools,), (package,))


def test_recompressed_files_stand_beside_the_originals_under_the_same_names(tmp_path: Path) -> None:
    original = make_deb(tmp_path / "mirror" / "debian" / "pool", "hammer", "1:2.0", compression="xz")
    stored = make_deb(tmp_path / "other", "hammer", "1:2.0", compression="none")
    cache, locked = made(tmp_path, stored, original)
    assert are_recompressed(cache, locked)
    for _ in range(2):
        lay_out_debs(tmp_path / "debs", tmp_path / "mirror", cache, locked)
        assert (tmp_path / "debs" / "original" / "hammer_2.0_all.deb").read_bytes() == original.read_bytes()
        assert (tmp_path / "debs" / "recompressed" / "hammer_2.0_all.deb").read_bytes() == stored.read_bytes()
    index = (tmp_path / "debs" / "groups" / "tools" / "Packages").read_text()
    assert f"Filename: original/hammer_2.0_all.deb\nSize: {original.stat().st_size}\n" in index


def test_a_cache_of_the_archives_own_files_is_not_recompressed(tmp_path: Path) -> None:
    original = make_deb(tmp_path / "mirror" / "debian" / "pool", "hammer", "1:2.0")
    assert not are_recompressed(*made(tmp_path, original, original))
