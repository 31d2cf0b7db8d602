"""`packages.json` of a group's folder: which package files the group takes, and of which files of the archive."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from package_cache.bounded_json import load_json
from package_cache.errors import CacheError
from package_cache.fields import FieldReader
from package_cache.names import ARCHITECTURE


@dataclass(frozen=True, order=True)
class DescribedPackage:
    """One package of a group: what it is, and which bytes of the pool."""

    name: str
    version: str
    architecture: str
    size: int
    """Of the stored file, in bytes."""
    sha256: str
    """Of the stored file: its name in the pool."""
    original_sha256: str
    """Of the file that the archive has, and that the lock names; another one where it was recompressed."""
    companion_on: tuple[str, ...] = ()
    """The architectures of containers whose group does not need it, but what an older container has installed."""


def list_text(packages: Iterable[DescribedPackage]) -> str:
    """Return the file's content."""
    tables = [
        {key: value for key, value in vars(package).items() if value or key != "companion_on"}
        for package in sorted(packages)
    ]
    return json.dumps(tables, indent=1, sort_keys=True) + "\n"


def parse_list(content: bytes, file: str) -> tuple[DescribedPackage, ...]:
    """Read the file's content. Raises `CacheError` with every field that is wrong: hashes become parts of paths."""
    reader = FieldReader(file)
    try:
        tables = reader.tables({"packages": load_json(content)}, "", "packages")
    except (ValueError, RecursionError) as error:
        raise CacheError(f"cannot read {file}: {error}", hint="build the cache again") from error
    packages = []
    for number, table in enumerate(tables):
        companion_on = reader.texts(table, at := f"[{number}]", "companion_on")
        for index, name in enumerate(companion_on):
            reader.match(ARCHITECTURE, name or "?", f"{at}.companion_on[{index}]", "an architecture")
        packages.append(reader.record(DescribedPackage, table, at, companion_on=companion_on))
    if reader.problems:
        raise CacheError(f"cannot read {file}", problems=reader.problems, hint="build the cache again")
    return tuple(packages)
