"""The lock's file, written and read.

TOML, one table a package, in a stable order, so that a change of it reads well in a review:

    format = 1
    manifest = "package_cache_info"                 the manifest's file name
    manifest-digest = "sha256:…"                    of the manifest's bytes: tells a stale lock
    created = "2026-01-31T12:00:00+00:00"           only where max-age of the manifest, or --dated, asks for it

    [[system]]                                      one OS release on one architecture
    name = "ubuntu18.04"
    architecture = "amd64"

    [[system.repository]]                           where packages come from
    name = "ubuntu"                                 without uri: the distribution's own, from any of its mirrors
    uri = "…"                                       else: the base URI, without credentials
    allow-expired = true                            its lists were used however old they were

    [[system.image]]                                an image that it was also made for: lock --for
    name = "training"                               with `reference`, or `root`; else: an [[image]] of the manifest

    [[system.group]]
    name = "ssh"
    requests = ["openssh-client", "openssh-server"] what the manifest asks for
    packages = ["adduser_3.116ubuntu1_all", …]      keys of the packages below: the complete closure
    companions = ["locales_2.27-3_all", …]          what only older images need beside them: docs/skew.md

    [[system.group.debconf]]                        an answer for debconf, if the manifest has some
    package / question / type / value

    [[system.group.image]]                          where those do not fit an image: what is installed there instead
    name = "training"
    packages = ["openssh-client_1:7.6p1-4_amd64", …]

    [[system.package]]
    name / version / architecture / size (bytes) / sha256 / repository / path (below the repository's base URI)
"""

import os
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import tomli_w

from package_cache.ages import TIME
from package_cache.bounded_json import TooManyValuesError
from package_cache.bounded_toml import load_toml
from package_cache.debconf import DebconfAnswer
from package_cache.errors import LockError, Problem
from package_cache.fields import FieldReader, shown
from package_cache.lock.model import (
    ImageSet,
    Lock,
    LockedGroup,
    LockedImage,
    LockedPackage,
    LockedRepository,
    LockedSystem,
)
from package_cache.names import ARCHITECTURE, GROUP_NAME, PackageRequest
from package_cache.system import System
from package_cache.uris import has_credentials

FORMAT = 1
URI = re.compile(r"[a-z][a-z0-9+.-]*:/\S*", re.ASCII)
PATH_MAX, NAME_MAX = 4000, 255
"""Bytes of a path below a repository, and of a name in it: a mirror serves files of its own (limits.h)."""
HEADER = '# Written by "package-cache lock". Commit it beside the manifest; do not edit it by hand.\n'


def lock_text(lock: Lock) -> str:
    """Return the lock's file content; the same lock always gives the same text."""
    document = {
        "format": FORMAT,
        "manifest": lock.manifest,
        "manifest-digest": lock.manifest_digest,
        **({"created": lock.created} if lock.created else {}),
        "system": [_system_table(system) for system in sorted(lock.systems, key=lambda item: item.system)],
    }
    return HEADER + tomli_w.dumps(document)


def checked_text(lock: Lock) -> str:
    """Return the lock's file content, read once as `build` reads it.

    Raises `LockError` with every problem that `build` would find: archives may list what no lock holds.
    """
    text = lock_text(lock)
    try:
        read_lock(text, file="")
    except LockError as error:
        problems = [replace(problem, file=None, field=_named(problem.field, text)) for problem in error.problems]
        message = "cannot write the lock: it would hold what no build accepts"
        hint = "ask for other packages, or ask who makes the repository to correct its Packages"
        raise LockError(message, problems=problems, hint=hint) from error
    return text


def _named(field: str | None, text: str) -> str | None:
    """Return the path of a field, with the name of its package."""
    found = re.match(r"system\[(\d+)\]\.package\[(\d+)\]", field or "")
    if found is None:
        return field
    package = load_toml(text)["system"][int(found[1])]["package"][int(found[2])]
    return f"package {package['name']!r} of {package['repository']!r}: {field}"


def read_lock(text: str, *, file: str) -> Lock:
    """Read a lock's text; `file` is its name for messages. Raises `LockError` with every problem found."""
    try:
        document = load_toml(text)
    except TooManyValuesError as error:
        raise _unreadable(Problem(f"cannot be read: {error}", file)) from error
    except ValueError as error:
        raise _unreadable(Problem(f"is not TOML: {error}", file)) from error
    found = document.get("format")
    if type(found) is not int or found != FORMAT:
        message = f"has format {shown(found)}, and this program reads {FORMAT}"
        raise _unreadable(Problem(message, file, field="format"))
    reader = _LockReader(file)
    lock = Lock(
        reader.text(document, "", "manifest"),
        reader.text(document, "", "manifest-digest"),
        reader.systems(document),
        reader.time(document, "created"),
    )
    if reader.problems:
        raise _unreadable(*reader.problems)
    return lock


def _unreadable(*problems: Problem) -> LockError:
    return LockError("cannot use the lock", problems=problems, hint="lock again: package-cache lock")


def _system_table(locked: LockedSystem) -> dict[str, Any]:
    return {
        "name": locked.system.name,
        "architecture": locked.system.architecture,
        "repository": [_written(item) for item in sorted(locked.repositories, key=lambda item: item.name)],
        **({"image": [_written(image) for image in sorted(locked.images)]} if locked.images else {}),
        "group": [
            {
                "name": group.name,
                "requests": list(group.requests),
                **({"provides": list(group.provides)} if group.provides else {}),
                **({"recommends": True} if group.recommends else {}),
                "packages": sorted(group.packages),
                **({"companions": sorted(group.companions)} if group.companions else {}),
                **({"debconf": [vars(answer) for answer in group.debconf]} if group.debconf else {}),
                **({"image": [_set_table(item) for item in group.images]} if group.images else {}),
            }
            for group in sorted(locked.groups)
        ],
        "package": [vars(item) for item in sorted(locked.packages)],
    }


def _written(item: LockedRepository | LockedImage) -> dict[str, Any]:
    """Return the fields that are not empty."""
    return {key.replace("_", "-"): value for key, value in vars(item).items() if value}


def _set_table(item: ImageSet) -> dict[str, Any]:
    return {"name": item.image, "packages": sorted(item.packages)}


class _LockReader(FieldReader):
    """The tables of a lock."""

    def time(self, document: Mapping[str, Any], key: str) -> str:
        text = self.text(document, "", key) if key in document else ""
        self.match(TIME, text, key, "a time, such as 2026-01-31T12:00:00+00:00")
        return text

    def systems(self, document: Mapping[str, Any]) -> tuple[LockedSystem, ...]:
        tables = self.tables(document, "", "system")
        systems = tuple(self.system(table, f"system[{i}]") for i, table in enumerate(tables))
        self.once((str(item.system).strip() for item in systems), "system", "system")
        return systems

    def system(self, table: dict[str, Any], at: str) -> LockedSystem:
        name, architecture = self.text(table, at, "name"), self.text(table, at, "architecture")
        try:
            system = System.parse(name, architecture)
        except ValueError as error:
            self.wrong(f"{at}.name", str(error))
            system = System("", "")
        if not ARCHITECTURE.fullmatch(architecture):
            self.wrong(f"{at}.architecture", f"{architecture!r} is not an architecture")
        repositories = tuple(
            self.repository(item, f"{at}.repository[{i}]")
            for i, item in enumerate(self.tables(table, at, "repository"))
        )
        packages = tuple(
            self.package(item, f"{at}.package[{i}]", {item.name for item in repositories})
            for i, item in enumerate(self.tables(table, at, "package"))
        )
        images = tuple(self.image(item, f"{at}.image[{i}]") for i, item in enumerate(self.tables(table, at, "image")))
        keys = {package.key for package in packages}
        names = {image.name for image in images}
        groups = tuple(
            self.group(item, f"{at}.group[{i}]", keys, names) for i, item in enumerate(self.tables(table, at, "group"))
        )
        self.once((item.name for item in repositories), f"{at}.repository", "repository")
        self.once((item.name for item in images), f"{at}.image", "image")
        self.once((item.name for item in groups), f"{at}.group", "group")
        self.once((item.key for item in packages), f"{at}.package", "package")
        return LockedSystem(system, repositories, groups, packages, images)

    def repository(self, table: dict[str, Any], at: str) -> LockedRepository:
        uri = self.text(table, at, "uri") if "uri" in table else None
        if uri and has_credentials(uri):
            self.wrong(f"{at}.uri", "holds a user or a password, and must not")
        elif uri and not _is_uri(uri):
            self.wrong(f"{at}.uri", f"{uri!r} is not the URI of a repository")
        return LockedRepository(self.text(table, at, "name"), uri, self.flag(table, at, "allow-expired"))

    def package(self, table: dict[str, Any], at: str, repositories: set[str]) -> LockedPackage:
        package = self.record(LockedPackage, table, at)
        if package.repository and package.repository not in repositories:
            self.wrong(f"{at}.repository", f"there is no repository {package.repository!r} in this system")
        if ".." in package.path.split("/") or package.path.startswith("/"):
            self.wrong(f"{at}.path", "must lie below the repository")
        if not package.path.isprintable():
            self.wrong(f"{at}.path", "must not hold control characters")
        if len(os.fsencode(package.path)) > PATH_MAX or any(
            len(os.fsencode(p)) > NAME_MAX for p in package.path.split("/")
        ):
            self.wrong(f"{at}.path", f"must have at most {PATH_MAX} bytes, and {NAME_MAX} between two slashes")
        return package

    def image(self, table: dict[str, Any], at: str) -> LockedImage:
        found = [self.text(table, at, key) if key in table else "" for key in ("reference", "root")]
        image = LockedImage(self.text(table, at, "name"), *found)
        self.match(GROUP_NAME, image.name, f"{at}.name", "an image's name")  # it becomes a part of a file's name
        if image.reference and image.root:
            self.wrong(f"{at}.root", "it has a reference already")
        return image

    def image_set(self, table: dict[str, Any], at: str, keys: set[str], images: set[str]) -> ImageSet:
        found = ImageSet(self.text(table, at, "name"), self.texts(table, at, "packages"))
        if found.image not in images:
            self.wrong(f"{at}.name", f"there is no image {found.image!r} in this system")
        self.known(found.packages, f"{at}.packages", keys)
        return found

    def answer(self, table: dict[str, Any], at: str) -> DebconfAnswer:
        package, question, kind = (self.text(table, at, key) for key in ("package", "question", "type"))
        found = DebconfAnswer(package, question, kind, self.text(table, at, "value", empty=True))
        if wrong := found.wrong():
            self.wrong(f"{at}.{wrong[0]}", wrong[1])
        return found

    def known(self, packages: Iterable[str], at: str, keys: set[str]) -> None:
        for index, key in enumerate(packages):
            if key not in keys:
                self.wrong(f"{at}[{index}]", f"there is no package {key!r} in this system")

    def group(self, table: dict[str, Any], at: str, keys: set[str], images: set[str]) -> LockedGroup:
        group = LockedGroup(
            self.text(table, at, "name"),
            self.texts(table, at, "requests"),
            self.texts(table, at, "packages"),
            self.texts(table, at, "provides"),
            self.flag(table, at, "recommends"),
            tuple(
                self.image_set(item, f"{at}.image[{i}]", keys, images)
                for i, item in enumerate(self.tables(table, at, "image"))
            ),
            self.texts(table, at, "companions"),
            tuple(self.answer(item, f"{at}.debconf[{i}]") for i, item in enumerate(self.tables(table, at, "debconf"))),
        )
        self.once((item.image for item in group.images), f"{at}.image", "image")
        self.match(GROUP_NAME, group.name, f"{at}.name", "a group's name")
        if not table.get("requests"):  # what asks for nothing would be installed without anything
            self.wrong(f"{at}.requests", "must name at least one package")
        for index, text in enumerate(group.requests):
            try:
                PackageRequest.parse(text)
            except ValueError as error:
                self.wrong(f"{at}.requests[{index}]", str(error))
        for index, file in enumerate(group.provides):
            if not file.startswith("/") or not file.isprintable():
                self.wrong(f"{at}.provides[{index}]", f"{file!r} is not the path of a file")
        self.known(group.packages, f"{at}.packages", keys)
        self.known(group.companions, f"{at}.companions", keys)
        return group


def _is_uri(text: str) -> bool:
    """Return whether a text can go to apt-helper and to urllib.parse; what begins with a hyphen would be an option."""
    try:
        urllib.parse.urlsplit(text)
    except ValueError:
        return False
    return URI.fullmatch(text) is not None and text.isprintable()
