"""The formats of vulnerability data, read as streams in bounded memory: the tracker's file has millions of values.

- Debian's security tracker (its `data/json`): source package → CVE number → `releases` → code name → `status`,
  `fixed_version`, `urgency`. The version 0 says that the release never had it.
- OSV records (ossf.github.io/osv-schema), one a vulnerability, as Ubuntu publishes them: `affected` packages are source
  packages of an `ecosystem`, such as `Ubuntu:22.04:LTS`, with `ranges` of `events`.

OpenVEX documents are no source of fixed versions: Ubuntu's name the newest version of a package, and not the first one
with the fix. CVE-2024-6387 was fixed by openssh 1:8.9p1-3ubuntu0.10; its document says 1:8.9p1-3ubuntu0.17 by now.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import ijson  # type: ignore[import-untyped]

from package_cache.bounds import check_bound
from package_cache.names import VERSION
from package_cache.system import System
from package_cache.vulnerabilities.model import CVE, Fix, Vulnerabilities, Wanted

DEPTH = 32
"""Levels of nesting; records have eight."""

OPENVEX = "openvex.dev/ns"
"""In the `@context` of an OpenVEX document."""

Path = tuple[str | int, ...]


class NotJsonError(ValueError):
    """A document is no JSON, or is nested too deeply."""


class OpenVexError(Exception):
    """A document is OpenVEX."""


@dataclass(frozen=True)
class Names:
    """The OS releases that were asked for, as the formats name them."""

    wanted: Wanted
    series: Mapping[str, str]
    """By Debian's code name."""
    ecosystems: Mapping[str, str]
    """By OSV's name of an ecosystem."""

    def has(self, system: str, source: str) -> bool:
        """Return whether a source package of an OS release was asked for."""
        return source in self.wanted[system]


def ecosystems_of(system: System) -> tuple[str, ...]:
    """Return the ecosystems of an OS release in OSV: its archives', and those of Ubuntu's extended maintenance (ESM).

    Others, such as `Ubuntu:Pro:FIPS:22.04:LTS`, have builds of their own with other versions.
    """
    name = system.distribution.capitalize()
    return f"{name}:{system.version}", f"{name}:{system.version}:LTS", f"{name}:Pro:{system.version}:LTS"


def read_document(scalars: Iterable[tuple[Path, Any]], names: Names, found: Vulnerabilities, file: str) -> bool:
    """Add what a JSON document states; return whether it has one of the formats.

    Raises `OpenVexError`, and `BoundError` for `file`.
    """
    tracker, record = _Tracker(names, found, file), _Record(file)
    for path, value in scalars:
        if len(path) == 5 and path[2] == "releases":
            tracker.take(path, value)
        elif path[0] in _Record.FIELDS:
            record.take(path, value)
        elif path[0] == "@context" and OPENVEX in str(value):
            raise OpenVexError
    tracker.finish()
    record.finish(names, found)
    return tracker.has_releases or record.is_one


def scalars_of(stream: IO[bytes]) -> Iterator[tuple[Path, Any]]:
    """Yield the values of a document that are no tables and no lists, with the keys and numbers that lead there.

    Nothing else is kept in memory. Raises `NotJsonError`.
    """
    path: list[str | int] = []
    try:
        for event, value in ijson.basic_parse(stream):
            if event in ("end_map", "end_array"):
                path.pop()
                continue
            if event == "map_key":
                path[-1] = value
                continue
            if path and isinstance(path[-1], int):
                path[-1] += 1
            if event in ("start_map", "start_array"):
                path.append("" if event == "start_map" else -1)
                if len(path) > DEPTH:
                    raise NotJsonError(f"it is nested more than {DEPTH} levels deep")
            elif path:
                yield tuple(path), value
    except (ijson.JSONError, UnicodeError, SystemError) as error:  # SystemError: a number that int() refuses
        told = re.search(r"(?:lexical|parse) error: ([^.\\\n]+)", str(error))
        raise NotJsonError(f"it is no JSON{f': {told[1]}' if told else ''}") from error


def scalars_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the same of a record that is in memory, without the long lists that say nothing of fixes."""
    if len(path) > DEPTH:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in ("binaries", "versions"):
                yield from scalars_in(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from scalars_in(item, (*path, number))
    elif path:
        yield path, value


class _Tracker:
    """Reads the tracker's file: the values of one release come together."""

    def __init__(self, names: Names, found: Vulnerabilities, file: str) -> None:
        self.has_releases = False
        self._names, self._found, self._file = names, found, file
        self._at: Path = ()
        self._values: dict[str, Any] = {}

    def take(self, path: Path, value: Any) -> None:
        self.has_releases = True
        if self._at != path[:4]:
            self.finish()
            self._at = path[:4]
        if path[4] in ("fixed_version", "urgency"):
            self._values[str(path[4])] = value

    def finish(self) -> None:
        """Keep what is known of one release, if it was asked for."""
        values, self._values = self._values, {}
        system = self._names.series.get(str(self._at[3])) if self._at else None
        if system is None:
            return
        self._found.systems.add(system)
        source, cve = map(str, self._at[:2])
        fixed, urgency = (str(values.get(key, "")) for key in ("fixed_version", "urgency"))
        if self._names.has(system, source) and CVE.fullmatch(cve) and VERSION.fullmatch(fixed):
            self._found.add(system, source, Fix(cve, fixed, severity=urgency), self._file)


@dataclass
class _Affected:
    """What a record states about a source package in one ecosystem."""

    package: dict[str, str] = field(default_factory=dict)
    priority: str = ""
    ranges: list[tuple[str, str]] = field(default_factory=list)
    """The first version with the vulnerability, and the first without."""
    introduced: str = ""


class _Record:
    """Reads an OSV record, whose fields have any order."""

    FIELDS = ("id", "withdrawn", "severity", "affected")

    def __init__(self, file: str) -> None:
        self.is_one = False
        self._file = file
        self._id = ""
        self._is_withdrawn = False
        self._severities: dict[Any, dict[str, str]] = {}
        self._affected: dict[Any, _Affected] = {}
        self._number = 0

    def take(self, path: Path, value: Any) -> None:
        match path:
            case ("id",):
                self._id = str(value)
            case ("withdrawn",):
                self._is_withdrawn = True
            case ("severity", int(number), "type" | "score" as key):
                self._of(self._severities, number, dict)[key] = str(value)
            case ("affected", int(number), *rest):
                self.is_one = True
                self._take_affected(self._of(self._affected, number, _Affected), rest, str(value))

    def _of(self, found: dict[Any, Any], number: int, kind: type) -> Any:
        if number not in found:
            self._count()
            found[number] = kind()
        return found[number]

    def _count(self) -> None:
        self._number += 1
        check_bound("vulnerabilities", self._number, self._file)

    def _take_affected(self, item: _Affected, path: list[str | int], value: str) -> None:
        match path:
            case ["package", "ecosystem" | "name" as key]:
                item.package[key] = value
            case ["ecosystem_specific", "ubuntu_priority"]:
                item.priority = value
            case ["ranges", int(), "events", int(), "introduced"]:
                item.introduced = "" if value == "0" else value
            case ["ranges", int(), "events", int(), "fixed"]:
                self._count()
                item.ranges.append((item.introduced, value))

    def finish(self, names: Names, found: Vulnerabilities) -> None:
        """Keep what the record states about packages that were asked for, unless it is withdrawn."""
        cve = CVE.search(self._id)  # UBUNTU-CVE-2024-6387; a notice (USN-6859-1) names no package of a CVE
        overall = {item.get("type", ""): item.get("score", "") for item in self._severities.values()}
        for item in self._affected.values():
            system, source = names.ecosystems.get(item.package.get("ecosystem", "")), item.package.get("name", "")
            if system is None:
                continue
            found.systems.add(system)
            if cve is None or self._is_withdrawn or not names.has(system, source):
                continue
            for since, fixed in item.ranges:
                if VERSION.fullmatch(fixed) and (not since or VERSION.fullmatch(since)):
                    severity = item.priority or overall.get("Ubuntu", "")
                    found.add(system, source, Fix(cve[0], fixed, since, severity), self._file)
