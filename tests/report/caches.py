"""Caches of any number of groups that a report reads, with nothing else in them: no pool, no installer."""

from collections.abc import Sequence
from pathlib import Path

from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.layout import INDEX, PACKAGE_LIST, RELEASE, CacheFolder, group_folder
from package_cache.cache.package_list import DescribedPackage, list_text
from package_cache.filesystem.paths import text_digest

NONE = "0" * 64
KB = 1000


def package(name: str, size: int, version: str = "1.0") -> DescribedPackage:
    """Return a package file; its name, size and version give its hash."""
    digest = text_digest(f"{name} {version} {size}")
    return DescribedPackage(name, version, "amd64", size, digest, digest)


def write_cache(
    folder: Path, groups: Sequence[tuple[str, str, Sequence[DescribedPackage]]], manifest: str = "package_cache_info"
) -> CacheFolder:
    """Write a cache of groups, each with its name, its OS release and its packages."""
    described = []
    for name, system, packages in groups:
        place = folder / group_folder(name, system)
        place.mkdir(parents=True)
        text = list_text(packages)
        (place / PACKAGE_LIST).write_text(text)
        files = {INDEX: NONE, RELEASE: NONE, "amd64.group": NONE, PACKAGE_LIST: text_digest(text)}
        size = sum(item.size for item in packages)
        described.append(
            DescribedGroup(name, system, ("amd64",), (packages[0].name,), "zstd-9", len(packages), size, files)
        )
    sizes = {item.sha256: item.size for _, _, packages in groups for item in packages}
    cache = CacheFolder(folder)
    head = Description(
        "2026-11-01T08:00:00+00:00", "package-cache 0.1.0", manifest, "", "", NONE, locked="2026-10-30T08:00:00+00:00"
    )
    head.with_groups(described, sizes).write(cache)
    return cache


def many_groups(folder: Path, number: int) -> CacheFolder:
    """Write a cache of many groups for two OS releases, each with ten packages of its own and twenty shared ones."""
    shared = [package(f"shared{index}", 100 * KB + index) for index in range(20)]
    systems = ("ubuntu18.04", "debian12")
    return write_cache(
        folder,
        [
            (
                f"group{index}",
                systems[index % 2],
                [*(package(f"group{index}-part{part}", 10 * KB + index) for part in range(10)), *shared],
            )
            for index in range(number)
        ],
    )
