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
[[pin]]                                 whose packages, or which versions, are preferred; see repositories.py
[[image]]                               images in which groups must install; see images.py
[[rule]]                                what recordings do with paths that differ between installations; see rules.py
"""

import itertools
import re
from decimal import Decimal
from pathlib import Path

from package_cache.ages import parse_age
from package_cache.bounded_json import TooManyValuesError
from package_cache.bounded_toml import load_toml
from package_cache.bounds import bound, excess, how_to_raise
from package_cache.debconf import DebconfAnswer
from package_cache.manifest.checks import (
    Duplicates,
    Found,
    Problems,
    a_name,
    check_packages,
    check_system,
    form,
    parsed,
)
from package_cache.manifest.images import read_images
from package_cache.manifest.model import Group, Manifest, Place, RequestedPackage
from package_cache.manifest.positions import positions
from package_cache.manifest.referenced_files import ManifestFolder
from package_cache.manifest.repositories import read_mirrors, read_repositories
from package_cache.manifest.rules import read_rules, read_sets
from package_cache.manifest.toml_getters import Table
from package_cache.names import ARCHITECTURE, NO_MACHINE
from package_cache.system import COMPATIBLE, DEFAULT_ARCHITECTURE, System

GROUP_KEYS = (
    "name", "systems", "packages", "architectures",
    "recommends", "precommands", "provides", "size-budget", "debconf",
)  # fmt: skip
FILE = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[^/]+)+")
MACHINE = re.compile(rf"(?!(?:{NO_MACHINE.pattern})\Z){ARCHITECTURE.pattern}", re.ASCII)
SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?) ?([kKMG]i?B|B)", re.ASCII)
UNITS = {
    "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3,
    "kiB": 1024, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip
_HEADER = re.compile(r"^[ \t]*+\[", re.MULTILINE)
"""Of a table; within a text of several lines it counts as well."""


def read_toml(path: Path, digest: str, problems: Problems, *, allow_outside: bool = False) -> Manifest:
    """Read the text in `problems`, to which goes what is wrong. Its paths lead to files `beside` it."""
    folder = ManifestFolder(path.parent, allow_outside)
    values = _values(problems)
    if values is None:
        return Manifest(path, digest, ())
    root = Table(problems, positions(problems.text), values)
    root.only(
        "group", "repository", "pin", "image", "rule", "mirrors", "snapshots", "max-age", "companion-architectures",
        "sets",
    )  # fmt: skip
    duplicates = Duplicates(problems)
    groups = [group for table in root.tables("group") for group in _groups(table, duplicates)]
    repositories, pins = read_repositories(root, groups, folder)
    images = read_images(root, groups, folder)
    mirrors, snapshots = read_mirrors(root)
    age = root.text("max-age", '"30d"', parsed(parse_age), empty=True)
    return Manifest(
        path, digest, tuple(groups), repositories, mirrors, snapshots, parse_age(age) if age else None, pins, images,
        _companion_architectures(root), read_rules(root), read_sets(root, groups),
    )  # fmt: skip


def _values(problems: Problems) -> dict[str, object] | None:
    name, text = "manifest-tables", problems.text
    header = next(itertools.islice(_HEADER.finditer(text), bound(name), None), None)
    if header is not None:
        problems.add(problems.place_at(header.start()), f"has {excess(name)}", how_to_raise(name))
        return None
    try:
        return load_toml(text)
    except TooManyValuesError as error:
        problems.add(problems.place(), f"cannot be read: {error}")
    except ValueError as error:  # also numbers of thousands of digits, which int() refuses
        message, place = str(error), problems.place()
        if match := re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message):
            message = message[: match.start()]
            place = problems.place(int(match[1]), int(match[2])) if match[1] else problems.place_at(len(text))
        problems.add(place, f"is not TOML: {message}", "texts and names stand in double quotes, lists in brackets")
    return None


def _groups(table: Table, duplicates: Duplicates) -> list[Group]:
    """Return one group for each OS release of a `[[group]]`; none where its name is wrong."""
    table.only(*GROUP_KEYS)
    name = table.text("name", '"ssh"', a_name("a group"), needed=True)
    architectures = _architectures(table) or (DEFAULT_ARCHITECTURE,)
    packages = _packages(table, architectures)
    precommands = table.text("precommands", '"""…"""', empty=True, lines=True)
    is_file = form(FILE, "the path of a file", "write it from the root, without . and .., such as /usr/sbin/sshd")
    provides = table.texts("provides", '["/usr/sbin/sshd"]', is_file, what="file")
    size_budget, recommends, debconf = _size_budget(table), table.flag("recommends"), _debconf(table)
    groups = []
    for release, place in table.items("systems", '["ubuntu18.04"]', needed=True):
        if table.problems.accepts((release, place), check_system) and name is not None:
            what = f"group {name!r} for {release}"
            duplicates.check((name, release), place, what, "put all its packages in one table")
            system = System.parse(release)
            group = Group(
                name, system.distribution, system.version, packages, place, architectures,
                precommands, recommends, provides, size_budget, debconf,
            )  # fmt: skip
            groups.append(group)
    return groups


def _packages(table: Table, architectures: tuple[str, ...]) -> tuple[RequestedPackage, ...]:
    """Return the packages: names, and tables for those that are not for all of the group's architectures."""
    found: list[Found] = []
    only: dict[Place, tuple[str, ...]] = {}
    for item in table.texts_and_tables("packages", '["openssh-server"]', needed=True, tables=True):
        if not isinstance(item, Table):
            found.append(item)
            continue
        item.only("name", "architectures")
        name = item.text("name", '"openssh-server"', needed=True)
        own = _architectures(item, needed=True)
        for index, architecture in enumerate(own):
            if architecture not in architectures:
                hint = f"the group's are: {', '.join(architectures)}"
                item.wrong(["architectures", index], f"the group is not for {architecture}", hint)
        if name:
            place = item.place("name")
            found.append((name, place))
            only[place] = own
    packages = check_packages(found, table.problems, only, architectures)
    for architecture in architectures:
        if packages and all(item.architectures and architecture not in item.architectures for item in packages):
            hint = "name one, or leave it out of the group's architectures"
            table.wrong(["architectures"], f"no package of the group is for {architecture}", hint)
    return packages


def _architectures(
    table: Table, key: str = "architectures", example: str = '["amd64", "arm64"]', *, needed: bool = False
) -> tuple[str, ...]:
    check = form(MACHINE, "an architecture of a machine", "write one as dpkg names it, such as amd64")
    return table.texts(key, example, check, needed=needed, what="architecture")


def _debconf(table: Table) -> tuple[tuple[DebconfAnswer, Place], ...]:
    """Return the answers in `debconf = [{ ... }]` or `[[group.debconf]]`, which TOML reads alike."""
    found = []
    duplicates = Duplicates(table.problems)
    for item in table.tables("debconf"):
        item.only("package", "question", "type", "value")
        package = item.text("package", '"krb5-config"', needed=True)
        question = item.text("question", '"krb5-config/default_realm"', needed=True)
        kind = item.text("type", '"string"', needed=True)
        value = item.text("value", '"EXAMPLE.ORG"', empty=True)
        if package and question and kind:
            answer = DebconfAnswer(package, question, kind, value or "")
            if wrong := answer.wrong():
                item.wrong([wrong[0]], wrong[1], wrong[2])
            duplicates.check(question, item.place(), f"an answer to {question!r}")
            found.append((answer, item.place()))
    return tuple(found)


def _size_budget(table: Table) -> int | None:
    """Return a number of bytes, written as a number or as a text such as `50 MB` or `1.5 GiB`."""
    key, example = "size-budget", '"50 MB"'
    value = table.values.get(key)
    if isinstance(value, str):
        text = table.text(key, example)
        match = SIZE.fullmatch(text or "")
        size = int(Decimal(match[1]) * UNITS[match[2]]) if match else 0 if text else None
    else:
        size = table.integer(key, example)
    if size is not None and size <= 0:
        table.wrong([key], f"{value!r} is not a size", f"write {key} = {example}, or a number of bytes above 0")
        return None
    return size


def _companion_architectures(root: Table) -> tuple[str, ...]:
    known = sorted(name for names in COMPATIBLE.values() for name in names)
    found = _architectures(root, "companion-architectures", '["i386"]')
    for index, text in enumerate(found):
        if text not in known:
            message = f"no machine runs programs of {text!r} beside those of another architecture"
            root.wrong(["companion-architectures", index], message, f"write one of: {', '.join(known)}")
    return found
