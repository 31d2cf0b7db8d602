"""The known systems, from the distributions' own data: our code lists no release, suite or archive.

`distro-info-data` (`/usr/share/distro-info/<distribution>.csv`) has versions, series and dates of every release;
`python-apt-common` (`/usr/share/python-apt/templates/<Distribution>.info`) has archives, suites and components.
"""

import csv
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from package_cache.errors import ToolMissingError, UsageError
from package_cache.system import System

DATA = Path("/usr/share")

SUPPORT_KINDS = {
    "eol": "standard support",
    "eol-server": "server support",
    "eol-lts": "long-term support (LTS)",
    "eol-esm": "expanded security maintenance (ESM)",
    "eol-elts": "extended LTS (ELTS)",
    "eol-legacy": "legacy support",
}
"""Kinds of support, by the columns of distro-info-data."""


@dataclass(frozen=True)
class Archive:
    """One archive of a release: suites of it that lie below the same base URI."""

    name: str
    """`ubuntu`, `debian`; `debian-security` where security updates have a base URI of their own."""
    base_uri: str
    """The distribution's own, without a slash at its end."""
    suites: tuple[str, ...]
    components: tuple[str, ...]


@dataclass(frozen=True)
class Release:
    """One OS release for one architecture: its code name and where its packages lie."""

    system: System
    series: str
    """The code name in archives: `bionic`."""
    archives: tuple[Archive, ...]


@dataclass(frozen=True)
class Support:
    """How long a release gets updates, by the distribution's own dates."""

    ends: dict[str, str]
    """By the data's own words, such as `eol`, `eol-lts`, `eol-esm`: the last day, as ISO 8601; the earliest first."""
    applies: str | None
    """The first of these words whose day has not passed; None if all have, or where there are no dates."""

    @property
    def has_ended(self) -> bool:
        """Whether standard support has ended: extended support may need other archives, or a contract."""
        return "eol" in self.ends and self.applies != "eol"


@dataclass(frozen=True)
class _Row:
    version: str
    series: str
    released: str
    ends: dict[str, str]


def known_systems(data: Path = DATA) -> tuple[str, ...]:
    """Return the names of all OS releases in the data that have been released, such as `ubuntu18.04`."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return tuple(
        f"{distribution}{row.version}"
        for distribution in _distributions(data)
        for row in _rows(distribution, data)
        if row.version and row.released and row.released <= today
    )


def newest_release(distribution: str, architecture: str, data: Path = DATA) -> Release:
    """Return a distribution's newest release. Raises `UsageError` if the data has none."""
    names = [name for name in known_systems(data) if System.parse(name).distribution == distribution]
    if not names:
        raise UsageError(f"cannot find a release of {distribution!r} in the distributions' data")
    return release_of(System.parse(names[-1], architecture), data)


def release_of(system: System, data: Path = DATA) -> Release:
    """Return the release of a system. Raises `UsageError` if the distributions' data does not have it."""
    row = _row(system, data)
    return Release(system, row.series, _archives(system, row.series, data))


def series_of(system: System, data: Path = DATA) -> str:
    """Return the code name of a system's release. Raises `UsageError` if the distributions' data does not have it."""
    return _row(system, data).series


def support_of(system: System, today: datetime.date, data: Path = DATA) -> Support:
    """Return the end of support of a system's release. Raises `UsageError` if the data does not have it."""
    ends = dict(sorted(_row(system, data).ends.items(), key=lambda item: item[1]))
    return Support(ends, next((word for word, day in ends.items() if day >= today.isoformat()), None))


def _row(system: System, data: Path) -> _Row:
    for row in _rows(system.distribution, data):
        if row.version == system.version:
            return row
    distributions = _distributions(data)
    if not distributions:
        raise _missing("distro-info-data and python-apt-common")
    message, similar = f"cannot find {system.name} in the distributions' data", system.distribution
    if similar not in distributions:
        known = " or ".join(name.capitalize() for name in distributions)
        message, similar = f"{system.name} is not a {known} release", ""
    names = [name for name in known_systems(data) if name.startswith(similar)]
    today = datetime.datetime.now(datetime.UTC).date()
    supported = [name for name in names if not support_of(System.parse(name), today, data).has_ended]
    raise UsageError(message, hint=f"write one like {', '.join((supported or names)[-6:])}")


def _distributions(data: Path) -> dict[str, Path]:
    """Return the distributions and their templates: `Ubuntu.info`, and `ubuntu.info` since python-apt 3."""
    found = {path.stem.lower(): path for path in (data / "python-apt" / "templates").glob("*.info")}
    return {name: found[name] for name in sorted(found) if (data / "distro-info" / f"{name}.csv").exists()}


def _rows(distribution: str, data: Path) -> Iterator[_Row]:
    path = data / "distro-info" / f"{distribution}.csv"
    if not path.exists():
        if not path.parent.exists():
            raise _missing("distro-info-data")
        return
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            version = (row["version"] or "").removesuffix(" LTS")  # "18.04 LTS"
            ends = {key: day for key, day in row.items() if key and key.startswith("eol") and day}
            yield _Row(version, row["series"], row.get("release") or "", ends)


def _missing(package: str) -> ToolMissingError:
    return ToolMissingError(
        f"cannot find the data of the package {package}",
        hint=f"install it: apt-get install --no-install-recommends {package.replace(' and ', ' ')}",
    )


def _archives(system: System, series: str, data: Path) -> tuple[Archive, ...]:
    """Read the release's own suite, its updates and its security updates from the template."""
    path = _distributions(data).get(system.distribution)
    if path is None:
        raise _missing("python-apt-common")
    found: dict[str, dict[str, list[str]]] = {}
    for stanza in path.read_text(encoding="utf-8").replace("{series}", series).split("\n\n"):
        fields = _fields(stanza)
        if _is_own(fields, system.version):
            found.setdefault(fields["Suite"][0], fields)
    main = found.get(series)
    if main is None:
        raise UsageError(f"cannot find {system.name} ({series}) in {path}")
    base, components = _first(main, "BaseURI", system).rstrip("/"), tuple(main["Component"])
    together, apart = [series], []
    for suite in (f"{series}-updates", f"{series}-security", f"{series}/updates"):
        if suite in found:
            own = _first(found[suite], "BaseURI", system).rstrip("/")
            match = _first(found[suite], "MatchURI", system)
            if not own or not match or re.search(match, base):
                together.append(suite)  # the main archive carries it: one mirror serves all
            else:
                apart.append(Archive(f"{system.distribution}-security", own, (suite,), components))
    return (Archive(system.distribution, base, tuple(together), components), *apart)


def _fields(stanza: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for line in stanza.splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.startswith(("#", " ")):
            fields.setdefault(key, []).append(value.strip())
    return fields


def _is_own(fields: dict[str, list[str]], version: str) -> bool:
    """Return whether a stanza is about packages of a release itself: `X-Version` is like `le 15.04, ge 10.10`."""
    if fields.get("RepositoryType") != ["deb"] or "Suite" not in fields:
        return False
    if fields.get("Official", ["true"])[0].lower() == "false" or fields.get("BaseURI", [""])[0].startswith("cdrom"):
        return False
    for part in fields.get("X-Version", [""])[0].split(","):
        relation, _, bound = part.strip().partition(" ")
        ours, theirs = ([int(number) for number in re.findall(r"[0-9]+", text)] for text in (version, bound))
        if not {"ge": ours >= theirs, "le": ours <= theirs, "eq": ours == theirs}.get(relation, True):
            return False
    return True


def _first(fields: dict[str, list[str]], key: str, system: System) -> str:
    """Return the value of a field for the system's architecture, else for all, else ""."""
    return (fields.get(f"{key}-{system.architecture}") or fields.get(key) or [""])[0]
