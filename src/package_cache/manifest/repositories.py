"""The `[[repository]]` and `[[pin]]` tables of `package-cache.toml`: what apt may install besides, and what it prefers.

[[repository]]                          the fields of sources.list(5), and who vouches for them
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

[[pin]]                                 which version, or whose, of a package is preferred, as apt does it
packages = ["gpu-driver", "libgpu*"]    names, or patterns with * and ?
version = "535.*"                       this, or the next
repository = "vendor"                   one of the manifest's, or the distribution's: ubuntu, ubuntu-security
priority = 1001                         apt_preferences(5)
systems = ["ubuntu22.04"]               all of the manifest, if it is missing
"""

import re
from collections.abc import Collection, Iterable

from package_cache.fields import shown
from package_cache.manifest.checks import a_name, check_system, form, known
from package_cache.manifest.model import Group, Pin, Repository
from package_cache.manifest.referenced_files import ManifestFolder
from package_cache.manifest.repository_keys import trusted_keys
from package_cache.manifest.toml_getters import Table
from package_cache.uris import HOW_TO_LOG_IN, URI, has_credentials

REPOSITORY_KEYS = (
    "name", "uris", "suite", "components", "systems", "key", "fingerprint", "allow-unsigned", "priority",
    "allow-expired", "snapshot",
)  # fmt: skip
PIN_KEYS = ("packages", "version", "repository", "priority", "systems")
INSTEAD = {"origin": "name whose it is with repository, such as a [[repository]] of this manifest"}
"""What apt_preferences(5) pins by and a manifest does not: hosts, which change with the mirror."""

URI_EXAMPLE = '"scheme://host/path"'
MIRROR_NAME = re.compile(r"[a-z][a-z_]*(?:-security)?", re.ASCII)
SUITE = re.compile(r"[A-Za-z0-9._+~/-]+", re.ASCII)
PATTERN = re.compile(r"[a-z0-9*?][a-z0-9*?+.-]*", re.ASCII)
VERSION_PATTERN = re.compile(r"[0-9*?][A-Za-z0-9*?.+~:-]*", re.ASCII)
PRIORITIES = range(-32768, 32768)
"""apt keeps a priority in a short; apt_preferences(5) says that 0 has no defined behaviour."""


def read_repositories(
    root: Table, groups: Iterable[Group], folder: ManifestFolder
) -> tuple[tuple[Repository, ...], tuple[Pin, ...]]:
    """Read all `[[repository]]` tables, whose keys are looked up `beside` the manifest, and all `[[pin]]` tables."""
    found = [repository for table in root.tables("repository") if (repository := _repository(table, folder)).name]
    named: dict[str, list[Repository]] = {}
    for repository in found:
        same = named.setdefault(repository.name, [])
        earlier = next((other for other in same if _for_one_system(other, repository)), None)
        same.append(repository)
        if earlier is not None:
            message = f"repository {repository.name!r} is there already, on line {earlier.place.line}"
            root.problems.add(repository.place, message, "give one of them another name, or other systems")
    archives = {f"{group.distribution}{suffix}" for group in groups for suffix in ("", "-security")}  # in the lock
    for repository in found:
        if repository.name in archives:
            message = f"{repository.name!r} is the name of the distribution's own archive"
            root.problems.add(repository.place, message, f"write another name, such as {repository.name}-extra")
    return tuple(found), tuple(_pin(table, {*named, *archives}) for table in root.tables("pin"))


def _for_one_system(one: Repository, other: Repository) -> bool:
    """One name may have several tables, for different OS releases."""
    for_all = one.systems is None or other.systems is None
    return for_all or not set(one.systems or ()).isdisjoint(other.systems or ())


def read_mirrors(root: Table) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Read the tables `[mirrors]` and `[snapshots]`: what an archive has, by the archive's name."""
    mirrors = root.table("mirrors", f"ubuntu = [{URI_EXAMPLE}]")
    snapshots = root.table("snapshots", f"ubuntu = {URI_EXAMPLE}")
    is_name = form(MIRROR_NAME, "a distribution", "write one like ubuntu, debian or ubuntu-security")
    for table in (mirrors, snapshots):
        for name in table.values:
            table.problems.accepts((name, table.place(name)), is_name)
    uris = {name: _uris(mirrors, name) for name in mirrors.values}
    return uris, {name: uri for name in snapshots.values if (uri := _uri(snapshots, name))}


def _uris(table: Table, key: str) -> tuple[str, ...]:
    return table.texts(key, f"[{URI_EXAMPLE}]", _check_uri, needed=True, what="URI")


def _uri(table: Table, key: str) -> str | None:
    return table.text(key, URI_EXAMPLE, _check_uri)


def _check_uri(text: str) -> tuple[str, str | None] | None:
    if has_credentials(text):  # not repeated in the message
        return "holds a user or a password, which everybody here could read", HOW_TO_LOG_IN
    hint = "write scheme://host/path, with a scheme of apt's such as https or file"
    return form(URI, "the URI of a repository", hint)(text)


def _repository(table: Table, folder: ManifestFolder) -> Repository:
    table.only(*REPOSITORY_KEYS)
    name = table.text("name", '"tools"', a_name("a repository"), needed=True)
    is_suite = form(SUITE, "a suite", "write one like stable, or ./ for a flat repository")
    suite = table.text("suite", '"stable"', is_suite, needed=True)
    repository = Repository(
        name or "",
        _uris(table, "uris"),
        suite or "",
        table.place(),
        _components(table),
        _systems(table),
        trusted_keys(table, folder),
        table.flag("allow-unsigned"),
        _priority(table),
        table.flag("allow-expired"),
        _uri(table, "snapshot"),
    )
    _check_vouched_for(table)
    return repository


def _components(table: Table) -> tuple[str, ...]:
    """Return the components; sources.list(5): a suite that ends in a slash has none, any other at least one."""
    suite = table.values.get("suite")
    if not isinstance(suite, str) or not suite.strip().endswith("/"):
        return table.texts("components", '["main"]', form(SUITE, "a component", "write one like main"), needed=True)
    if "components" in table.values:
        message = f"the suite {suite.strip()!r} is a path and has no components"
        table.wrong(["components"], message, "leave them out")
    return ()


def _check_vouched_for(table: Table) -> None:
    unsigned = table.values.get("allow-unsigned") is True
    keyed = "key" in table.values or "fingerprint" in table.values
    if not keyed and not unsigned:
        hint = 'write key = "keys/tools.asc" with its OpenPGP key, or allow-unsigned = true'
        table.wrong(["key"], "no key vouches for this repository", hint)
    elif keyed and unsigned:
        table.wrong(["allow-unsigned"], "it has a key and may be unsigned", "leave one of the two out")


def _systems(table: Table) -> tuple[str, ...] | None:
    """Return the OS releases that a repository or a pin is for; None: for all."""
    found = table.texts("systems", '["ubuntu18.04"]', check_system, what="OS release")
    return found if "systems" in table.values else None


def _priority(table: Table, *, needed: bool = False) -> int | None:
    priority = table.integer("priority", "700", needed=needed)
    if priority is not None and (priority == 0 or priority not in PRIORITIES):
        hint = "write a number such as 700, as in apt_preferences(5)"
        table.wrong(["priority"], f"{shown(priority)} is not a priority", hint)
    return priority


def _pin(table: Table, repositories: Collection[str]) -> Pin:
    """Read a `[[pin]]` table; `repositories` are the names that may be pinned."""
    table.only(*PIN_KEYS, instead=INSTEAD)
    pattern = form(PATTERN, "a package name", "write a name, or a pattern with * and ?")
    packages = table.texts("packages", '["gpu-driver", "libgpu*"]', pattern, needed=True, what="package")
    is_version = form(VERSION_PATTERN, "a version", 'write one, or a pattern such as "1.2.*"')
    version = table.text("version", '"1.2.*"', is_version)
    if "version" in table.values and "*" in packages:  # apt would take no notice of it
        table.wrong(["version"], "all packages cannot be pinned to one version", "name the packages")
    repository = table.text("repository", '"tools"', known(repositories, "repository {}"))
    if "version" not in table.values and "repository" not in table.values:
        table.wrong([], "says neither a version nor a repository", 'write version = "1.2.*" or repository = "tools"')
    elif "version" in table.values and "repository" in table.values:
        table.wrong(["repository"], "it pins by a version already", "make two pins of it, or leave one of them out")
    priority = _priority(table, needed=True)
    return Pin(packages, priority or 0, table.place(), version, repository, _systems(table))
