"""Caches of any number of groups that a report reads, with nothing else in them: no pool, no installer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from package_cache.cache.description import DescribedGroup, Description
from package_cache.cache.layout import INDEX, PACKAGE_LIST, RECORDINGS, RELEASE, CacheFolder, group_folder
from package_cache.cache.package_list import DescribedPackage, list_text
from package_cache.cache.recording_list import Recording, recordings_text
from package_cache.filesystem.paths import text_digest

NONE = "0" * 64
KB = 1000
HEAD = Description(
    "2026-11-01T08:00:00+00:00", "package-cache 0.1.0", "package_cache_info", "", "", NONE,
    locked="2026-10-30T08:00:00+00:00",
)  # fmt: skip
"""What the description says unless something else is given."""


def package(name: str, size: int, version: str = "1.0") -> DescribedPackage:
    """Return a package file; its name, size and version give its hash."""
    digest = text_digest(f"{name} {version} {size}")
    return DescribedPackage(name, version, "amd64", size, digest, digest)


def write_cache(
    folder: Path,
    groups: Sequence[tuple[str, str, Sequence[DescribedPackage]]],
    recordings: Mapping[tuple[str, str], Sequence[Recording]] | None = None,
    head: Mapping[str, Any] | None = None,
) -> CacheFolder:
    """Write a cache of groups, each with its name, its OS release and its packages; `head` is of the description."""
    folder.mkdir(exist_ok=True)
    described = []
    for name, system, packages in groups:
        place = folder / group_folder(name, system)
        place.mkdir(parents=True)
        recorded = (recordings or {}).get((name, system), ())
        texts = {PACKAGE_LIST: list_text(packages), RELEASE: f"{name} {system}\n"}
        texts |= {RECORDINGS: recordings_text(recorded)} if recorded else {}
        files = {INDEX: NONE, "amd64.group": NONE, **{recording.file: NONE for recording in recorded}}
        for file, text in texts.items():
            (place / file).write_text(text)
            files[file] = text_digest(text)
        size = sum(item.size for item in packages)
        described.append(
            DescribedGroup(name, system, ("amd64",), (packages[0].name,), "zstd-9", len(packages), size, files)
        )
    sizes = {item.sha256: item.size for _, _, packages in groups for item in packages}
    cache = CacheFolder(folder)
    description = replace(HEAD, **(head or {}))
    description.with_groups(described, sizes).write(cache)
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
