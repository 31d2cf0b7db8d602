"""`packages.json` of a group's folder: which package files the group takes, and of which files of the archive."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from package_cache.cache.description import DescribedGroup
from package_cache.cache.layout import PACKAGE_LIST, CacheFolder
from package_cache.outside.files import read_regular
from package_cache.values.errors import CacheError
from package_cache.values.fields import FieldReader
from package_cache.values.names import ARCHITECTURE, PACKAGE_NAME, SHA256, VERSION


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


def list_text(packages: Iterable[DescribedPackage]) -> str:
    """Give the file's content."""
    return json.dumps([vars(package) for package in sorted(packages)], indent=1, sort_keys=True) + "\n"


def read_list(cache: CacheFolder, group: DescribedGroup) -> tuple[DescribedPackage, ...]:
    """Give the packages of a group. Raises `CacheError` where they are not what the description states."""
    path = cache.group(group.name, group.system) / PACKAGE_LIST
    try:
        content = read_regular(path)
    except OSError as error:
        raise CacheError(f"cannot read the group {group.name}: {error}", hint="build the cache again") from error
    if hashlib.sha256(content).hexdigest() != group.files[PACKAGE_LIST]:
        raise CacheError(f"cannot read the group {group.name}: {path} was altered", hint="build the cache again")
    return parse_list(content, str(path))


def parse_list(content: bytes, file: str) -> tuple[DescribedPackage, ...]:
    """Read the file's content. Raises `CacheError` with every field that is wrong: hashes become parts of paths."""
    reader = _ListReader(file)
    try:
        packages = reader.packages(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise CacheError(f"cannot read {file}: {error}", hint="build the cache again") from error
    if reader.problems:
        raise CacheError(f"cannot read {file}", problems=reader.problems, hint="build the cache again")
    return packages


_PATTERNS = {
    "name": PACKAGE_NAME,
    "version": VERSION,
    "architecture": ARCHITECTURE,
    "sha256": SHA256,
    "original_sha256": SHA256,
}


class _ListReader(FieldReader):
    def packages(self, document: Any) -> tuple[DescribedPackage, ...]:
        tables = self.tables({"packages": document}, "", "packages")
        return tuple(self.package(table, f"[{index}]") for index, table in enumerate(tables))

    def package(self, table: dict[str, Any], at: str) -> DescribedPackage:
        package = DescribedPackage(
            self.text(table, at, "name"),
            self.text(table, at, "version"),
            self.text(table, at, "architecture"),
            self.size(table, at, "size"),
            self.text(table, at, "sha256"),
            self.text(table, at, "original_sha256"),
        )
        for key, pattern in _PATTERNS.items():
            self.match(pattern, getattr(package, key), f"{at}.{key}", f"a {key}")
        return package


def all_packages(cache: CacheFolder, groups: Iterable[DescribedGroup]) -> dict[str, DescribedPackage]:
    """Give the packages of several groups, each file once, by its SHA-256. Raises `CacheError`."""
    return {package.sha256: package for group in groups for package in read_list(cache, group)}
