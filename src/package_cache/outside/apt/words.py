"""Apt's words about what cannot be installed, in words that a person can act on.

apt(8) tells of unmet dependencies like this, for each package that has some (apt-private/private-output.cc):

     wanted : Depends: needed (= 2.0) but 1.0 is to be installed
              Conflicts: enemy but 1.0 is to be installed
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from package_cache.outside.packages.dpkg_database import DpkgDatabase
from package_cache.values.verdict import Obstacle, Reason

_HEAD = re.compile(r" (\S+) : (.*)")
_RELATION = re.compile(r"(?:(Pre-?Depends|Depends|Recommends|Conflicts|Breaks): )?(\S+)(?: \((\S+) (\S+)\))?(.*)")
_LISTS = {
    "REMOVED": Obstacle.REMOVAL,
    "DOWNGRADED": Obstacle.DOWNGRADE,
    "held packages will be changed": Obstacle.HELD,
}
_CANNOT_LOCATE = re.compile(r"E: (?:Unable to locate package (\S+)|Version '(\S+)' for '(\S+)' was not found)")
_NO_CANDIDATE = re.compile(r"E: Package '(\S+)' has no installation candidate")
NOT_CHOSEN = "is not going to be installed"
"""Apt's words for a package that it could have had but for something else, which it does not tell."""
NOT_INSTALLABLE = "is not installable"
"""Apt's words for a package that none of its repositories has."""


@dataclass(frozen=True)
class Unmet:
    """One relation that apt could not have."""

    package: str
    relation: str
    """`Depends`, `Conflicts`, ..."""
    name: str
    version: str
    """With its sign, such as `(>= 2)`; or none."""
    said: str


def unmet(words: str) -> list[Unmet]:
    """Read apt's table of unmet dependencies."""
    found: list[Unmet] = []
    for package, text in _relations(words):
        match = _RELATION.fullmatch(text)
        if match:
            version = f"({match[3]} {match[4]})" if match[3] else ""
            relation = match[1] or (found[-1].relation if found else "Depends")
            found.append(Unmet(package, relation.replace("PreDepends", "Pre-Depends"), match[2], version, match[5]))
    return found


def _relations(words: str) -> Iterator[tuple[str, str]]:
    package = ""
    for line in words.splitlines():
        head = _HEAD.fullmatch(line)
        if head:
            package = head[1]
            yield package, head[2].strip()
        elif package and line.startswith("  "):
            yield package, line.strip()
        else:
            package = ""


def reasons(words: str, database: DpkgDatabase, architecture: str) -> tuple[Reason, ...]:
    """Give all that apt's words name as being in the way, each once."""
    found = [_of_unmet(item, database, architecture) for item in unmet(words)]
    found += _of_lists(words, database, architecture)
    found += _of_errors(words)
    return tuple(dict.fromkeys(found))


def half_installed(words: str, database: DpkgDatabase, architecture: str) -> tuple[Reason, ...]:
    """Give the packages that are half installed, and those whose dependencies are not met."""
    found = []
    for package in database.packages:
        if package.is_half:
            text = f"{package.name} {package.version} is {_state(package.state, package.flag)}"
            found.append(Reason(Obstacle.HALF_INSTALLED, package.name, "", package.version, text))
    for item in unmet(words):
        text = (
            f"{item.package} is here without what it needs: {_named(item)}, {_here(item.name, database, architecture)}"
        )
        found.append(
            Reason(Obstacle.UNMET, item.package, _named(item), _version(item.name, database, architecture), text)
        )
    if database.updates:
        text = "a run of dpkg was broken off: its journal, /var/lib/dpkg/updates, is not empty"
        found.append(Reason(Obstacle.HALF_INSTALLED, "dpkg", "", "", text))
    return tuple(dict.fromkeys(found))


def _state(state: str, flag: str) -> str:
    return f"{state}, and must be installed again" if flag != "ok" else state


def _of_unmet(item: Unmet, database: DpkgDatabase, architecture: str) -> Reason:
    here = _version(item.name, database, architecture)
    named = _named(item)
    what = _here(item.name, database, architecture)
    if item.relation in ("Conflicts", "Breaks"):
        verb = "conflicts with" if item.relation == "Conflicts" else "breaks"
        return Reason(Obstacle.CONFLICT, item.package, named, here, f"{item.package} {verb} {named}: {what}")
    obstacle = Obstacle.VERSION if here else Obstacle.ABSENT
    if _is_held(item.name, database):
        obstacle = Obstacle.HELD
    text = f"{item.package} needs {named}: {what}"
    if not here and NOT_INSTALLABLE in item.said:
        text += ", and the group has none either"
    return Reason(obstacle, item.package, named, here, text)


def _of_lists(words: str, database: DpkgDatabase, architecture: str) -> Iterator[Reason]:
    """Read the lists that apt prints before it refuses: indented names below a line that ends in a colon."""
    obstacle = None
    for line in words.splitlines():
        if line.startswith("The following "):
            obstacle = next((kind for sign, kind in _LISTS.items() if sign in line), None)
        elif obstacle is not None and line.startswith("  "):
            for name in line.split():
                name = name.rstrip("*")  # noqa: PLW2901 - what is purged
                here = _version(name, database, architecture)
                text = {
                    Obstacle.REMOVAL: f"{name} {here} is here and would have to be removed",
                    Obstacle.DOWNGRADE: f"{name} {here} is here, newer than what the group asks for",
                    Obstacle.HELD: f"{name} {here} is held, and would have to change",
                }[obstacle]
                yield Reason(obstacle, name, "", here, text)
        else:
            obstacle = None


def _of_errors(words: str) -> Iterator[Reason]:
    for line in words.splitlines():
        located, candidate = _CANNOT_LOCATE.fullmatch(line), _NO_CANDIDATE.fullmatch(line)
        if located:
            name, version = located[1] or located[3], located[2] or ""
            what = f"{name} {version}".rstrip()
            yield Reason(
                Obstacle.ABSENT, name, version, "", f"the group asks for {what}, which its index does not have"
            )
        elif candidate:
            name = candidate[1]
            yield Reason(
                Obstacle.ABSENT, name, "", "", f"the group asks for {name}, and nothing of it can be installed"
            )


def _named(item: Unmet) -> str:
    return f"{item.name} {item.version}".rstrip()


def _version(name: str, database: DpkgDatabase, architecture: str) -> str:
    name, _, of = name.partition(":")
    wanted = (of or architecture, "all")
    return next((item.version for item in database.of(name) if item.architecture in wanted or of == "any"), "")


def _here(name: str, database: DpkgDatabase, architecture: str) -> str:
    version = _version(name, database, architecture)
    if not version:
        provider = next((item for item in database.packages if item.is_whole and item.provides_name(name)), None)
        return f"{provider.name} {provider.version} provides it here" if provider else "it is not here"
    return f"{version} is here, and held" if _is_held(name, database) else f"{version} is here"


def _is_held(name: str, database: DpkgDatabase) -> bool:
    return any(item.wanted == "hold" for item in database.of(name.partition(":")[0]))
