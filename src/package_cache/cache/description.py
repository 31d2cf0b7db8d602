"""`package-cache.json`: what a cache holds, from what it was made, and the digest of each group's files."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from package_cache.cache.layout import FORMAT, CacheFolder
from package_cache.outside.files import write_atomically
from package_cache.values.errors import CacheError
from package_cache.values.statuses import ExitStatus


@dataclass(frozen=True, order=True)
class DescribedPackage:
    """One package of a group: what it is and which bytes of the pool."""

    name: str
    version: str
    architecture: str
    size: int
    sha256: str


@dataclass(frozen=True, order=True)
class DescribedGroup:
    """One group for one OS release."""

    name: str
    system: str
    architectures: tuple[str, ...]
    requests: tuple[str, ...]
    packages: tuple[DescribedPackage, ...]
    files: dict[str, str]
    """SHA-256 of each file in the group's folder, by its name."""

    @property
    def size(self) -> int:
        """The bytes of its package files."""
        return sum({package.sha256: package.size for package in self.packages}.values())


@dataclass(frozen=True)
class Description:
    """A whole cache."""

    created: str
    """When, as RFC 3339 in UTC."""
    built_by: str
    manifest: str
    manifest_digest: str
    lock_digest: str
    installer_digest: str
    """Empty while another installer takes the place of this one."""
    groups: tuple[DescribedGroup, ...]

    @property
    def packages(self) -> dict[str, DescribedPackage]:
        """All packages, each once, by SHA-256."""
        return {package.sha256: package for group in self.groups for package in group.packages}

    def group_systems(self, name: str) -> tuple[str, ...]:
        """Give the OS releases that a group is for; none where the cache does not have it."""
        return tuple(group.system for group in self.groups if group.name == name)

    def only(self, names: Iterable[str]) -> "Description":
        """Give the description of a cache that holds just these groups."""
        wanted = set(names)
        return replace(self, groups=tuple(group for group in self.groups if group.name in wanted))

    def over(self, older: "Description") -> "Description":
        """Give the description of a cache that holds these groups and, beside them, those of an older one."""
        ours = {(group.name, group.system) for group in self.groups}
        kept = (group for group in older.groups if (group.name, group.system) not in ours)
        return replace(self, groups=tuple(sorted((*self.groups, *kept), key=lambda group: (group.name, group.system))))

    def write(self, cache: CacheFolder) -> None:
        """Write it, in one rename."""
        document = {"format": FORMAT, **asdict(self)}
        text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True)
        write_atomically(cache.description, text.encode() + b"\n")


def read_description(cache: CacheFolder) -> Description:
    """Read a cache's description. Raises `CacheError` with the status that fits: missing, damaged, too new."""
    try:
        text = cache.description.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise CacheError(
            f"cannot find a cache in {cache.path}",
            hint="build it: package-cache build, or name another folder with --cache",
            status=ExitStatus.CACHE_MISSING,
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(cache.description, str(error)) from error
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or not isinstance(document["format"], int):
            raise TypeError("it has no format number")
        if document["format"] > FORMAT:
            raise CacheError(
                f"cannot read {cache.description}: its format is {document['format']}, this program reads {FORMAT}",
                hint="use the package-cache that built it, or a newer one",
                status=ExitStatus.CACHE_TOO_NEW,
            )
        return _read(document)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(cache.description, f"{type(error).__name__}: {error}") from error


_TEXTS = ("created", "built_by", "manifest", "manifest_digest", "lock_digest", "installer_digest")


def _read(document: dict[str, Any]) -> Description:
    texts = {key: _text(document[key]) for key in _TEXTS}
    return Description(
        **texts,
        groups=tuple(
            DescribedGroup(
                _text(group["name"]),
                _text(group["system"]),
                tuple(_text(item) for item in group["architectures"]),
                tuple(_text(item) for item in group["requests"]),
                tuple(
                    DescribedPackage(
                        _text(item["name"]),
                        _text(item["version"]),
                        _text(item["architecture"]),
                        int(item["size"]),
                        _text(item["sha256"]),
                    )
                    for item in group["packages"]
                ),
                {_text(name): _text(digest) for name, digest in group["files"].items()},
            )
            for group in document["groups"]
        ),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _damaged(path: Path, why: str) -> CacheError:
    return CacheError(f"cannot read {path}: {why}", hint="build or stage the cache again")
