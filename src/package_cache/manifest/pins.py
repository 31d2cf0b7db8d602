"""The `[[pin]]` tables of `package-cache.toml`: which version, or whose, of a package is preferred, as apt does it.

[[pin]]
packages = ["gpu-driver", "libgpu*"]    names, or patterns with * and ?
version = "535.*"                       this, or the next
repository = "vendor"                   one of the manifest's, or the distribution's: ubuntu, ubuntu-security
priority = 1001                         apt_preferences(5)
systems = ["ubuntu22.04"]               all of the manifest, if it is missing
"""

import re
from collections.abc import Collection, Sequence

from package_cache.manifest.checks import FirstPlaces
from package_cache.manifest.model import Pin
from package_cache.manifest.repositories import priority_of, systems_of
from package_cache.manifest.toml_getters import Table

PIN_KEYS = ("packages", "version", "repository", "priority", "systems")
INSTEAD = {"origin": "name whose it is with repository, such as a [[repository]] of this manifest"}
"""What apt_preferences(5) pins by and a manifest does not: hosts, which change with the mirror."""
PATTERN = re.compile(r"[a-z0-9*?][a-z0-9*?+.-]*", re.ASCII)
VERSION_PATTERN = re.compile(r"[0-9*?][A-Za-z0-9*?.+~:-]*", re.ASCII)


def read_pins(tables: Sequence[Table], repositories: Collection[str]) -> tuple[Pin, ...]:
    """Read all `[[pin]]` tables; `repositories` are the names that may be pinned."""
    return tuple(_pin(table, repositories) for table in tables)


def _pin(table: Table, repositories: Collection[str]) -> Pin:
    table.only(*PIN_KEYS, instead=INSTEAD)
    packages = _packages(table)
    version, repository = _version(table, packages), _repository(table, repositories)
    if "version" not in table.values and "repository" not in table.values:
        table.wrong([], "says neither a version nor a repository", 'write version = "1.2.*" or repository = "tools"')
    elif "version" in table.values and "repository" in table.values:
        table.wrong(["repository"], "it pins by a version already", "make two pins of it, or leave one of them out")
    priority = priority_of(table, needed=True)
    return Pin(packages, priority or 0, table.place, version, repository, systems_of(table))


def _packages(table: Table) -> tuple[str, ...]:
    places = FirstPlaces(table.document.problems)
    found = table.texts("packages", example='["gpu-driver", "libgpu*"]', needed=True)
    for text, place in found:
        if not PATTERN.fullmatch(text):
            hint = "write a name, or a pattern with * and ?"
            table.document.problems.add(place, f"{text!r} is not a package name", hint)
        places.check(text, place, f"package {text!r}", "leave one of them out")
    return tuple(text for text, _ in found)


def _version(table: Table, packages: Sequence[str]) -> str | None:
    found = table.text("version", example='"1.2.*"', needed="version" in table.values)
    if found is None:
        return None
    if not VERSION_PATTERN.fullmatch(found[0]):
        table.wrong(["version"], f"{found[0]!r} is not a version", 'write one, or a pattern such as "1.2.*"')
    if "*" in packages:  # apt would take no notice of it
        table.wrong(["version"], "all packages cannot be pinned to one version", "name the packages")
    return found[0]


def _repository(table: Table, repositories: Collection[str]) -> str | None:
    found = table.text("repository", example='"tools"', needed="repository" in table.values)
    if found and found[0] not in repositories:
        hint = f"there are: {', '.join(sorted(repositories)) or 'none'}"
        table.wrong(["repository"], f"there is no repository {found[0]!r}", hint)
    return found[0] if found else None
