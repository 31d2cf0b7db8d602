"""The `[[repository]]` tables of `package-cache.toml`: the fields of sources.list(5), and who vouches for them.

[[repository]]
name = "tools"
uris = ["scheme://host/path"]
suite = "stable"
components = ["main"]                   none where the suite ends in "/": a flat repository
systems = ["ubuntu18.04"]               all of the manifest, if it is missing
key = "keys/tools.asc"                  and fingerprint: see repository_keys.py
allow-unsigned = true                   instead of a key
priority = 700                          apt_preferences(5)
allow-expired = true                    its lists are used also after their Valid-Until
snapshot = "scheme://host/path"         has files that the others dropped
"""

import re
from collections.abc import Iterable, Sequence

from package_cache.fields import shown
from package_cache.manifest.checks import FirstPlaces, Found, Problems, check_group_name, check_system
from package_cache.manifest.model import Group, Repository
from package_cache.manifest.referenced_files import Beside
from package_cache.manifest.repository_keys import trusted_keys
from package_cache.manifest.toml_getters import Table
from package_cache.uris import HOW_TO_LOG_IN, URI, has_credentials

KEYS = (
    "name", "uris", "suite", "components", "systems", "key", "fingerprint", "allow-unsigned", "priority",
    "allow-expired", "snapshot",
)  # fmt: skip
MIRROR_NAME = re.compile(r"[a-z][a-z_]*(?:-security)?", re.ASCII)
SUITE = re.compile(r"[A-Za-z0-9._+~/-]+", re.ASCII)
PRIORITIES = range(-32768, 32768)
"""apt keeps a priority in a short; apt_preferences(5) says that 0 has no defined behaviour."""


def read_repositories(tables: Sequence[Table], beside: Beside, problems: Problems) -> tuple[Repository, ...]:
    """Read all `[[repository]]` tables; keys are looked up `beside` the manifest."""
    read = (_repository(table, beside) for table in tables)
    found = [repository for repository in read if repository is not None]
    named: dict[str, list[Repository]] = {}
    for repository in found:
        same = named.setdefault(repository.name, [])
        earlier = next((other for other in same if _for_one_system(other, repository)), None)
        same.append(repository)
        if earlier is not None:
            message = f"repository {repository.name!r} is there already, on line {earlier.place.line}"
            problems.add(repository.place, message, "give one of them another name, or other systems")
    return tuple(found)


def _for_one_system(one: Repository, other: Repository) -> bool:
    """One name may have several tables, for different OS releases."""
    for_all = one.systems is None or other.systems is None
    return for_all or not set(one.systems or ()).isdisjoint(other.systems or ())


def check_names_are_free(repositories: Iterable[Repository], groups: Iterable[Group], problems: Problems) -> None:
    """Record each repository that is named as the lock names a distribution's own archive, such as `ubuntu`."""
    taken = archive_names(groups)
    for repository in repositories:
        if repository.name in taken:
            message = f"{repository.name!r} is the name of the distribution's own archive"
            problems.add(repository.place, message, f"write another name, such as {repository.name}-extra")


def archive_names(groups: Iterable[Group]) -> set[str]:
    """Return the names that the lock has for the own archives of the groups' distributions."""
    return {f"{group.distribution}{suffix}" for group in groups for suffix in ("", "-security")}


def uris(table: Table, key: str) -> tuple[str, ...]:
    """Return the list of URIs under a key, in its order."""
    example = '["scheme://host/path"]'
    found = table.texts(key, example=example, needed=True)
    places = FirstPlaces(table.document.problems)
    for text, place in found:
        if _check_uri((text, place), table.document.problems):
            places.check(text, place, f"URI {text!r}", "leave one of them out")
    return tuple(text for text, _ in found)


def snapshot(table: Table, key: str) -> str | None:
    """Return the URI of a mirror that keeps old versions, None if there is none."""
    found = table.text(key, example='"scheme://host/path"', needed=key in table.values)
    return found[0] if found and _check_uri(found, table.document.problems) else None


def _check_uri(found: Found, problems: Problems) -> bool:
    """Note a text that is not the URI of a repository; return whether it may be repeated in further messages."""
    text, place = found
    if has_credentials(text):
        problems.add(place, "holds a user or a password, which everybody here could read", HOW_TO_LOG_IN)
        return False
    if not URI.fullmatch(text):
        hint = "write scheme://host/path, with a scheme of apt's such as https or file"
        problems.add(place, f"{text!r} is not the URI of a repository", hint)
    return True


def _repository(table: Table, beside: Beside) -> Repository | None:
    table.only(*KEYS)
    found = table.text("name", example='"tools"', needed=True)
    name = check_group_name(found, table.document.problems, "a repository") if found else None
    suite = _suite(table)
    repository = Repository(
        name or "",
        uris(table, "uris"),
        suite,
        table.place,
        _components(table, suite),
        systems_of(table),
        trusted_keys(table, beside),
        table.flag("allow-unsigned"),
        priority_of(table),
        table.flag("allow-expired"),
        snapshot(table, "snapshot"),
    )
    _check_vouched_for(table)
    return repository if name else None


def _suite(table: Table) -> str:
    found = table.text("suite", example='"stable"', needed=True)
    if found and not SUITE.fullmatch(found[0]):
        table.wrong(["suite"], f"{found[0]!r} is not a suite", "write one like stable, or ./ for a flat repository")
    return found[0] if found else ""


def _components(table: Table, suite: str) -> tuple[str, ...]:
    """Return the components; sources.list(5): a suite that ends in a slash has none, any other at least one."""
    if suite.endswith("/"):
        if "components" in table.values:
            table.wrong(["components"], f"the suite {suite!r} is a path and has no components", "leave them out")
        return ()
    found = table.texts("components", example='["main"]', needed=True)
    for text, place in found:
        if not SUITE.fullmatch(text):
            table.document.problems.add(place, f"{text!r} is not a component", "write one like main")
    return tuple(text for text, _ in found)


def systems_of(table: Table) -> tuple[str, ...] | None:
    """Return the OS releases it is for; None: for all."""
    if "systems" not in table.values:
        return None
    systems = []
    places = FirstPlaces(table.document.problems)
    for item in table.texts("systems", example='["ubuntu18.04"]'):
        system = check_system(item, table.document.problems)
        if system is not None:
            places.check(system.name, item[1], f"OS release {system.name!r}", "leave one of them out")
            systems.append(system.name)
    return tuple(systems)


def _check_vouched_for(table: Table) -> None:
    unsigned = table.values.get("allow-unsigned") is True
    keyed = "key" in table.values or "fingerprint" in table.values
    if not keyed and not unsigned:
        hint = 'write key = "keys/tools.asc" with its OpenPGP key, or allow-unsigned = true'
        table.wrong(["key"], "no key vouches for this repository", hint)
    elif keyed and unsigned:
        table.wrong(["allow-unsigned"], "it has a key and may be unsigned", "leave one of the two out")


def priority_of(table: Table, *, needed: bool = False) -> int | None:
    """Return the priority of a repository or a pin."""
    priority = table.integer("priority", example="700", needed=needed)
    if priority is not None and (priority == 0 or priority not in PRIORITIES):
        hint = "write a number such as 700, as in apt_preferences(5)"
        table.wrong(["priority"], f"{shown(priority)} is not a priority", hint)
    return priority
