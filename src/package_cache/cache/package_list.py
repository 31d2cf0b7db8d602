"""`packages.json` of a group's folder: which package files the group takes, and of which files of the archive."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from package_cache.bounded_json import load_json
from package_cache.errors import CacheError
from package_cache.fields import Fields
from package_cache.lock.model import Lock
from package_cache.names import ARCHITECTURE, COMPRESSOR, PackageRequest


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
    compressed_by: str = ""
    """By which version of which compressor its members were recompressed; empty where they were not."""


_OPTIONAL = ("companion_on", "compressed_by")


def list_text(packages: Iterable[DescribedPackage]) -> str:
    """Return the file's content."""
    tables = [
        {key: value for key, value in vars(package).items() if value or key not in _OPTIONAL}
        for package in sorted(packages)
    ]
    return json.dumps(tables, indent=1, sort_keys=True) + "\n"


def parse_list(content: bytes, file: str) -> tuple[DescribedPackage, ...]:
    """Read the file's content. Raises `CacheError` with every field that is wrong: hashes become parts of paths."""
    try:
        fields = Fields({"packages": load_json(content)}, file)
    except (ValueError, RecursionError) as error:
        raise CacheError(f"cannot read {file}: {error}", hint="build the cache again") from error
    tables = [item.values for item in fields.tables("packages")]
    rows = [Fields(table, file, f"[{index}]", fields.problems) for index, table in enumerate(tables)]
    packages = tuple(
        row.record(
            DescribedPackage,
            companion_on=row.texts("companion_on", ARCHITECTURE, "an architecture"),
            compressed_by=row.optional("compressed_by", COMPRESSOR, "a compressor with its version"),
        )
        for row in rows
    )
    if fields.problems:
        raise CacheError(f"cannot read {file}", problems=fields.problems, hint="build the cache again")
    return packages


def needed_on(
    architecture: str, packages: Iterable[DescribedPackage], architectures: Collection[str], requests: Iterable[str]
) -> tuple[DescribedPackage, ...]:
    """Return those of a group's packages that a container of this architecture may need.

    `architectures` and `requests` are the group's. A request may name another architecture, such as `libc6:i386`: what
    this one needs may then be a package of that.
    """
    left_out = {*architectures} - {architecture, *(PackageRequest.parse(text).architecture for text in requests)}
    return tuple(item for item in packages if item.architecture not in left_out or architecture in item.companion_on)


def not_locked(packages: Iterable[DescribedPackage], lock: Lock) -> list[str]:
    """Return names and versions of packages that come from other files of the archive than a lock states for them."""
    known = {
        (item.name, item.version, item.architecture, item.sha256) for each in lock.systems for item in each.packages
    }
    of = {(item.name, item.version, item.architecture, item.original_sha256): item for item in packages}
    return sorted({f"{item.name} {item.version}" for key, item in of.items() if key not in known})
