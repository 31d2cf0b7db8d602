"""`package-cache.json`: what a cache holds, from what it was made, and the digest of each group's files."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from package_cache.cache.layout import FORMAT, CacheFolder
from package_cache.outside.files import read_regular, write_atomically
from package_cache.values.errors import CacheError, Problem
from package_cache.values.fields import FieldReader
from package_cache.values.names import ARCHITECTURE, GROUP_NAME, PACKAGE_NAME, SHA256, VERSION, PackageRequest
from package_cache.values.statuses import ExitStatus
from package_cache.values.system import SYSTEM_NAME


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
    """Read a cache's description. Raises `CacheError` with the status that fits: missing, damaged, too new.

    Every name in it that becomes a part of a path is checked: who can write a description must not lead a reader, or
    `stage`, out of the cache's own folders.
    """
    path = cache.description
    try:
        document = json.loads(read_regular(path).decode())
    except (FileNotFoundError, NotADirectoryError):
        raise CacheError(
            f"cannot find a cache in {cache.path}",
            hint="build it: package-cache build, or name another folder with --cache",
            status=ExitStatus.CACHE_MISSING,
        ) from None
    except OSError as error:
        raise _damaged(path, Problem(error.strerror or str(error), str(path))) from error
    except json.JSONDecodeError as error:
        raise _damaged(path, Problem(f"is not JSON: {error.msg}", str(path), error.lineno, error.colno)) from error
    except (ValueError, RecursionError) as error:  # not UTF-8, a number of too many digits, nested too deeply
        raise _damaged(path, Problem(f"is not JSON that can be read: {error}", str(path))) from error
    _check_format(document, path)
    reader = _DescriptionReader(str(path))
    description = reader.description(document)
    if reader.problems:
        raise _damaged(path, *reader.problems)
    return description


def _check_format(document: Any, path: Path) -> None:
    found = document.get("format") if isinstance(document, dict) else None
    if type(found) is not int or found < 1:
        raise _damaged(path, Problem("has no format number", str(path), field="format"))
    if found > FORMAT:
        raise CacheError(
            f"cannot read {path}: its format is {found}, this program reads {FORMAT}",
            hint="use the package-cache that built it, or a newer one",
            status=ExitStatus.CACHE_TOO_NEW,
        )


def _damaged(path: Path, *problems: Problem) -> CacheError:
    return CacheError(f"cannot read {path}", problems=problems, hint="build or stage the cache again")


_TEXTS = ("created", "built_by", "manifest", "manifest_digest", "lock_digest", "installer_digest")
_FILE = re.compile(r"Packages|Release|[a-z0-9][a-z0-9-]*\.group", re.ASCII)
"""The files of a group's folder: cache/layout.py."""


class _DescriptionReader(FieldReader):
    """The parts of a description."""

    def description(self, document: dict[str, Any]) -> Description:
        texts = {key: self.text(document, "", key, empty=True) for key in _TEXTS}
        groups = [self.group(item, f"groups[{i}]") for i, item in enumerate(self.tables(document, "", "groups"))]
        self.once((f"{group.name} for {group.system}" for group in groups), "groups", "group")
        return Description(**texts, groups=tuple(groups))

    def group(self, table: dict[str, Any], at: str) -> DescribedGroup:
        group = DescribedGroup(
            self.text(table, at, "name"),
            self.text(table, at, "system"),
            self.texts(table, at, "architectures"),
            self.texts(table, at, "requests"),
            tuple(
                self.package(item, f"{at}.packages[{i}]") for i, item in enumerate(self.tables(table, at, "packages"))
            ),
            self.files(table, f"{at}.files"),
        )
        self.match(GROUP_NAME, group.name, f"{at}.name", "a group's name")
        self.match(SYSTEM_NAME, group.system, f"{at}.system", "an OS release")
        for index, name in enumerate(group.architectures):
            self.match(ARCHITECTURE, name or "?", f"{at}.architectures[{index}]", "an architecture")
        for index, text in enumerate(group.requests):
            try:
                PackageRequest.parse(text)
            except ValueError as error:
                self.wrong(f"{at}.requests[{index}]", str(error))
        for name in ("Packages", "Release", *(f"{name}.group" for name in group.architectures)):
            if name not in group.files:
                self.wrong(f"{at}.files", f"does not have {name!r}")
        return group

    def package(self, table: dict[str, Any], at: str) -> DescribedPackage:
        package = DescribedPackage(
            self.text(table, at, "name"),
            self.text(table, at, "version"),
            self.text(table, at, "architecture"),
            self.size(table, at, "size"),
            self.text(table, at, "sha256"),
        )
        for key, pattern in (
            ("name", PACKAGE_NAME), ("version", VERSION), ("architecture", ARCHITECTURE), ("sha256", SHA256),
        ):  # fmt: skip
            self.match(pattern, getattr(package, key), f"{at}.{key}", f"a {key}")
        return package

    def files(self, table: dict[str, Any], at: str) -> dict[str, str]:
        value = table.get("files")
        if not isinstance(value, dict):
            self.wrong(at, "must be a table")
            return {}
        for name, digest in value.items():
            self.match(_FILE, name or "?", at, "a file of a group's folder")
            self.match(SHA256, digest if isinstance(digest, str) else "?", f"{at}.{name!a}", "a sha256")
        return {name: self.text(value, at, name) for name in value}
