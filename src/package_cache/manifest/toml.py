"""`package-cache.toml`: the same model as the seed's columns, and more.

max-age = "30d"                         no cache is built from a lock that is older

[mirrors]
ubuntu = ["…"]                          tried in order, before or instead of others: see docs/manifests.md

[snapshots]
ubuntu = "…"                            asked for locked files that no other mirror has any more

[[group]]
name = "ssh"
systems = ["ubuntu16.04", "ubuntu18.04"]
packages = ["openssh-client", "openssh-server"]

[[repository]]                          beside the distribution's own; see repositories.py
[[pin]]                                 whose packages, or which versions, are preferred; see pins.py
[[image]]                               images in which groups must install; see images.py
"""

import datetime
import itertools
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from package_cache.ages import parse_age
from package_cache.bounded_json import TooManyValuesError
from package_cache.bounded_toml import load_toml
from package_cache.bounds import bound, excess, how_to_raise
from package_cache.debconf import DebconfAnswer
from package_cache.manifest.checks import (
    FirstPlaces,
    Found,
    Problems,
    check_group_name,
    check_packages,
    check_system,
)
from package_cache.manifest.images import read_images
from package_cache.manifest.model import Group, Manifest, Place, RequestedPackage
from package_cache.manifest.pins import read_pins
from package_cache.manifest.positions import positions
from package_cache.manifest.referenced_files import Beside
from package_cache.manifest.repositories import (
    MIRROR_NAME,
    archive_names,
    check_names_are_free,
    read_repositories,
    snapshot,
    uris,
)
from package_cache.manifest.toml_getters import Document, Table
from package_cache.names import ARCHITECTURE, NO_MACHINE
from package_cache.system import COMPATIBLE, DEFAULT_ARCHITECTURE, System

GROUP_KEYS = (
    "name", "systems", "packages", "architectures",
    "recommends", "precommands", "provides", "size-budget", "debconf",
)  # fmt: skip
PACKAGE_KEYS = ("name", "architectures")
DEBCONF_KEYS = ("package", "question", "type", "value")
SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?) ?([kKMG]i?B|B)", re.ASCII)
UNITS = {
    "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3,
    "kiB": 1024, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
_HEADER = re.compile(r"^[ \t]*+\[", re.MULTILINE)
"""Of a table; within a text of several lines it counts as well."""

Read = TypeVar("Read")


def read_toml(text: str, path: Path, digest: str, problems: Problems, *, allow_outside: bool = False) -> Manifest:
    """Read the text of `path`; what is wrong goes to `problems`. Its paths lead to files `beside` it."""
    beside = Beside(path.parent, allow_outside)
    values = _values(text, problems)
    if values is None:
        return Manifest(path, digest, ())
    root = Table(Document(text, positions(text), problems), values)
    root.only("group", "repository", "pin", "image", "mirrors", "snapshots", "max-age", "companion-architectures")
    places = FirstPlaces(problems)
    groups = [group for table in root.tables("group") for group in _groups(table, places)]
    repositories = read_repositories(root.tables("repository"), beside, problems)
    check_names_are_free(repositories, groups, problems)
    names = {item.name for item in repositories} | archive_names(groups)
    pins = read_pins(root.tables("pin"), names)
    images = read_images(root.tables("image"), beside, groups, problems)
    return Manifest(
        path, digest, tuple(groups), repositories, _by_archive(root, "mirrors", uris),
        _by_archive(root, "snapshots", snapshot), _max_age(root), pins, images,
        _companion_architectures(root),
    )  # fmt: skip


def _values(text: str, problems: Problems) -> dict[str, object] | None:
    name = "manifest-tables"
    header = next(itertools.islice(_HEADER.finditer(text), bound(name), None), None)
    if header is not None:
        problems.add(problems.place_at(text, header.start()), f"has {excess(name)}", how_to_raise(name))
        return None
    try:
        return load_toml(text)
    except TooManyValuesError as error:
        problems.add(problems.place(), f"cannot be read: {error}")
    except ValueError as error:  # also numbers of thousands of digits, which int() refuses
        match = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        if match is None:
            place, message = problems.place(), str(error)
        else:
            message = str(error)[: match.start()]
            place = problems.place_at(text, len(text))
            place = problems.place(int(match[1]), int(match[2])) if match[1] else place
        problems.add(place, f"is not TOML: {message}", "texts and names stand in double quotes, lists in brackets")
    return None


def _groups(table: Table, places: FirstPlaces) -> list[Group]:
    """Return one group for each OS release of a `[[group]]`; none where its name is wrong."""
    problems = table.document.problems
    table.only(*GROUP_KEYS)
    found = table.text("name", example='"ssh"', needed=True)
    name = check_group_name(found, problems) if found else None
    architectures = _architectures(table) or (DEFAULT_ARCHITECTURE,)
    packages = _packages(table, architectures)
    precommands = table.text("precommands", example='"""…"""', lines=True)
    provides, size_budget = _provides(table), _size_budget(table)
    recommends, debconf = table.flag("recommends"), _debconf(table)
    groups = []
    for system, place in _systems(table):
        if name is not None:
            what = f"group {name!r} for {system.name}"
            places.check((name, system.name), place, what, "put all its packages in one table")
            group = Group(
                name, system.distribution, system.version, packages, place, architectures,
                precommands[0] if precommands else None, recommends, provides, size_budget, debconf,
            )  # fmt: skip
            groups.append(group)
    return groups


def _systems(table: Table) -> list[tuple[System, Place]]:
    found = table.texts("systems", example='["ubuntu18.04"]', needed=True)
    systems = [(check_system(item, table.document.problems), item[1]) for item in found]
    return [(system, place) for system, place in systems if system is not None]


def _packages(table: Table, architectures: tuple[str, ...]) -> tuple[RequestedPackage, ...]:
    """Return the packages: names, and tables for those that are not for all of the group's architectures."""
    problems = table.document.problems
    found: list[Found] = []
    only: dict[Place, tuple[str, ...]] = {}
    for item in table.texts_and_tables("packages", example='["openssh-server"]', needed=True):
        if not isinstance(item, Table):
            found.append(item)
            continue
        item.only(*PACKAGE_KEYS)
        name = item.text("name", example='"openssh-server"', needed=True)
        own = _architectures(item, needed=True)
        for index, architecture in enumerate(own):
            if architecture not in architectures:
                hint = f"the group's are: {', '.join(architectures)}"
                item.wrong(["architectures", index], f"the group is not for {architecture}", hint)
        if name:
            found.append(name)
            only[name[1]] = own
    packages = check_packages(found, problems, only, architectures)
    for architecture in architectures:
        if packages and all(item.architectures and architecture not in item.architectures for item in packages):
            hint = "name one, or leave it out of the group's architectures"
            table.wrong(["architectures"], f"no package of the group is for {architecture}", hint)
    return packages


def _architectures(
    table: Table, *, needed: bool = False, key: str = "architectures", example: str = '["amd64", "arm64"]'
) -> tuple[str, ...]:
    found = table.texts(key, example=example, needed=needed)
    places = FirstPlaces(table.document.problems)
    for text, place in found:
        if not ARCHITECTURE.fullmatch(text) or NO_MACHINE.fullmatch(text):
            table.document.problems.add(
                place, f"{text!r} is not an architecture of a machine", "write one as dpkg names it, such as amd64"
            )
        places.check(text, place, f"architecture {text!r}", "leave one of them out")
    return tuple(text for text, _ in found)


def _provides(table: Table) -> tuple[str, ...]:
    found = table.texts("provides", example='["/usr/sbin/sshd"]')
    places = FirstPlaces(table.document.problems)
    for text, place in found:
        if not text.startswith("/") or {"", ".", ".."} & set(text[1:].split("/")):
            hint = "write it from the root, without . and .., such as /usr/sbin/sshd"
            table.document.problems.add(place, f"{text!r} is not the path of a file", hint)
        places.check(text, place, f"file {text!r}", "leave one of them out")
    return tuple(text for text, _ in found)


def _debconf(table: Table) -> tuple[tuple[DebconfAnswer, Place], ...]:
    """Return the answers in `debconf = [{ ... }]` or `[[group.debconf]]`, which TOML reads alike."""
    found = []
    places = FirstPlaces(table.document.problems)
    for item in table.tables("debconf"):
        item.only(*DEBCONF_KEYS)
        examples = ('"krb5-config"', '"krb5-config/default_realm"', '"string"')
        texts = [
            item.text(key, example=example, needed=True) for key, example in zip(DEBCONF_KEYS, examples, strict=False)
        ]
        value = item.text("value", example='"EXAMPLE.ORG"')
        package, question, kind = (text[0] if text else "" for text in texts)
        answer = DebconfAnswer(package, question, kind, value[0] if value else "")
        if not all(texts):
            continue
        if wrong := answer.wrong():
            item.wrong([wrong[0]], wrong[1], wrong[2])
        places.check(question, item.place, f"an answer to {question!r}", "leave one of them out")
        found.append((answer, item.place))
    return tuple(found)


def _size_budget(table: Table) -> int | None:
    """Return a number of bytes, written as a number or as a text such as `50 MB` or `1.5 GiB`."""
    key, example = "size-budget", '"50 MB"'
    value = table.values.get(key)
    if not isinstance(value, str):
        size = table.integer(key, example=example)
    else:
        found = table.text(key, example=example, needed=True)
        size = _bytes(found) if found else None
    if size is not None and size <= 0:
        table.wrong([key], f"{value!r} is not a size", f"write {key} = {example}, or a number of bytes above 0")
        return None
    return size


def _bytes(found: Found) -> int:
    """Return the bytes that a text means; 0 where it is no size."""
    match = SIZE.fullmatch(found[0])
    if match is None:
        return 0
    return int(Decimal(match[1]) * UNITS[match[2]])


def _max_age(root: Table) -> datetime.timedelta | None:
    found = root.text("max-age", example='"30d"')
    if found is None:
        return None
    try:
        return parse_age(found[0])
    except ValueError as error:
        root.document.problems.refuse(found[1], error)
        return None


def _companion_architectures(root: Table) -> tuple[str, ...]:
    known = sorted(name for names in COMPATIBLE.values() for name in names)
    found = _architectures(root, key="companion-architectures", example='["i386"]')
    for index, text in enumerate(found):
        if text not in known:
            message = f"no machine runs programs of {text!r} beside those of another architecture"
            root.wrong(["companion-architectures", index], message, f"write one of: {', '.join(known)}")
    return found


def _by_archive(root: Table, key: str, read: Callable[[Table, str], Read | None]) -> dict[str, Read]:
    """Return what `read` finds for each archive in the table `key`, by the archive's name."""
    values = root.values.get(key, {})
    if not isinstance(values, dict):
        example = '["scheme://host/path"]' if key == "mirrors" else '"scheme://host/path"'
        root.wrong([key], "must be a table", f"write [{key}] and below it ubuntu = {example}")
        return {}
    table = Table(root.document, values, (key,))
    for name in values:
        if not MIRROR_NAME.fullmatch(name):
            table.wrong([name], f"{name!r} is not a distribution", "write one like ubuntu, debian or ubuntu-security")
    found = {name: read(table, name) for name in values}
    return {name: value for name, value in found.items() if value is not None}
