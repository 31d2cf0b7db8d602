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

    [[system.repository.release]]                   what vouched for its packages when they were locked first
    suite = "bionic"
    sha256 = "…"                                    of its InRelease, or of its Release where that is signed apart
    signed-by = ["…"]                               fingerprints of the keys
    images = ["…"]                                  else: it vouched for all but images

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
    source = "openssl (1.1.1-1)"                    only where the source's name or version is another one
"""

import os
import re
import urllib.parse
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from package_cache.ages import TIME
from package_cache.bounded_json import TooManyValuesError
from package_cache.bounded_toml import load_toml
from package_cache.debconf import DebconfAnswer
from package_cache.errors import LockError, Problem
from package_cache.fields import Fields, shown
from package_cache.filesystem.paths import read_bounded
from package_cache.lock.model import (
    ImageSet,
    Lock,
    LockedGroup,
    LockedImage,
    LockedPackage,
    LockedRelease,
    LockedRepository,
    LockedSystem,
)
from package_cache.names import ARCHITECTURE, GROUP_NAME, SHA256, SOURCE
from package_cache.openpgp import FINGERPRINT
from package_cache.system import System
from package_cache.uris import has_credentials

FORMAT = 1
URI = re.compile(r"[a-z][a-z0-9+.-]*:/\S*", re.ASCII)
PATH_MAX, NAME_MAX = 4000, 255
"""Bytes of a path below a repository, and of a name in it: a mirror serves files of its own (limits.h)."""
HINT = "create the lock again: package-cache lock"
HEADER = '# Written by "package-cache lock". Commit it beside the manifest; do not edit it by hand.\n'


def lock_text(lock: Lock) -> str:
    """Return the lock's file content; the same lock always gives the same text."""
    document = {
        "format": FORMAT,
        "manifest": lock.manifest,
        "manifest-digest": lock.manifest_digest,
        **_written(created=lock.created),
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


def read_lock_file(path: Path) -> Lock:
    """Read a lock. Raises `LockError`."""
    try:
        return read_lock(read_bounded(path, "lock-bytes").decode(), file=str(path))
    except UnicodeDecodeError as error:
        raise LockError(f"cannot read {path}: it is not UTF-8", hint=HINT) from error
    except OSError as error:
        raise LockError(f"cannot read {path}: {error.strerror or error}", hint=HINT) from error


def read_lock(text: str, *, file: str) -> Lock:
    """Read a lock's text; `file` is its name for messages. Raises `LockError` with every problem found."""
    try:
        fields = Fields(load_toml(text), file)
    except ValueError as error:
        what = "cannot be read" if isinstance(error, TooManyValuesError) else "is not TOML"
        raise _unreadable(Problem(f"{what}: {error}", file)) from error
    found = fields.values.get("format")
    if type(found) is not int or found != FORMAT:
        message = f"has format {shown(found)}, and this program reads {FORMAT}"
        raise _unreadable(Problem(message, file, field="format"))
    manifest, digest = fields.text("manifest"), fields.text("manifest-digest")
    systems = tuple(map(_system, fields.tables("system")))
    fields.once((str(item.system).strip() for item in systems), "system", "system")
    created = fields.optional("created", TIME, "a time, such as 2026-01-31T12:00:00+00:00")
    if fields.problems:
        raise _unreadable(*fields.problems)
    return Lock(manifest, digest, systems, created)


def _unreadable(*problems: Problem) -> LockError:
    return LockError("cannot use the lock", problems=problems, hint="lock again: package-cache lock")


def _system_table(locked: LockedSystem) -> dict[str, Any]:
    return {
        "name": locked.system.name,
        "architecture": locked.system.architecture,
        "repository": [
            _written(
                name=item.name,
                uri=item.uri,
                allow_expired=item.allow_expired,
                release=[_written(**vars(release)) for release in sorted(item.releases)],
            )
            for item in sorted(locked.repositories, key=lambda item: item.name)
        ],
        **_written(image=[_written(**vars(image)) for image in sorted(locked.images)]),
        "group": [
            {
                "name": group.name,
                "requests": list(group.requests),
                **_written(provides=list(group.provides), recommends=group.recommends),
                "packages": sorted(group.packages),
                **_written(
                    companions=sorted(group.companions),
                    debconf=[vars(answer) for answer in group.debconf],
                    image=[{"name": item.image, "packages": sorted(item.packages)} for item in group.images],
                ),
            }
            for group in sorted(locked.groups)
        ],
        "package": [_package_table(item) for item in sorted(locked.packages)],
    }


def _package_table(package: LockedPackage) -> dict[str, Any]:
    return {key: value for key, value in vars(package).items() if value or key != "source"}


def _written(**values: Any) -> dict[str, Any]:
    """Return the values that are not empty, by their keys in the file."""
    return {key.replace("_", "-"): value for key, value in values.items() if value}


def _system(fields: Fields) -> LockedSystem:
    name, architecture = fields.text("name"), fields.text("architecture")
    try:
        system = System.parse(name, architecture)
    except ValueError as error:
        fields.wrong("name", str(error))
        system = System("", "")
    if not ARCHITECTURE.fullmatch(architecture):
        fields.wrong("architecture", f"{architecture!r} is not an architecture")
    repositories = tuple(map(_repository, fields.tables("repository")))
    names = {item.name for item in repositories}
    packages = tuple(_package(item, names) for item in fields.tables("package"))
    images = tuple(map(_image, fields.tables("image")))
    keys, image_names = {package.key for package in packages}, {image.name for image in images}
    groups = tuple(_group(item, keys, image_names) for item in fields.tables("group"))
    for what, items in (("repository", repositories), ("image", images), ("group", groups)):
        fields.once((item.name for item in items), what, what)
    fields.once((item.key for item in packages), "package", "package")
    return LockedSystem(system, repositories, groups, packages, images)


def _repository(fields: Fields) -> LockedRepository:
    uri = fields.optional("uri")
    if has_credentials(uri):
        fields.wrong("uri", "holds a user or a password, and must not")
    elif uri and not _is_uri(uri):
        fields.wrong("uri", f"{uri!r} is not the URI of a repository")
    releases = tuple(map(_release, fields.tables("release")))
    return LockedRepository(fields.text("name"), uri or None, fields.flag("allow-expired"), releases)


def _release(fields: Fields) -> LockedRelease:
    signed_by = fields.texts("signed-by", FINGERPRINT, "a fingerprint")
    images = fields.texts("images", GROUP_NAME, "an image's name")
    return LockedRelease(fields.text("suite"), fields.text("sha256", SHA256, "a sha256"), signed_by, images)


def _package(fields: Fields, repositories: Container[str]) -> LockedPackage:
    source = fields.optional("source", SOURCE, "a source package, such as openssl or openssl (1.1.1-1)")
    package = fields.record(LockedPackage, source=source)
    if package.repository and package.repository not in repositories:
        fields.wrong("repository", f"there is no repository {package.repository!r} in this system")
    if ".." in package.path.split("/") or package.path.startswith("/"):
        fields.wrong("path", "must lie below the repository")
    if not package.path.isprintable():
        fields.wrong("path", "must not hold control characters")
    lengths = [len(os.fsencode(part)) for part in package.path.split("/")]
    if max(lengths) > NAME_MAX or len(os.fsencode(package.path)) > PATH_MAX:
        fields.wrong("path", f"must have at most {PATH_MAX} bytes, and {NAME_MAX} between two slashes")
    return package


def _image(fields: Fields) -> LockedImage:
    reference, root = fields.optional("reference"), fields.optional("root")
    if reference and root:
        fields.wrong("root", "it has a reference already")
    name = fields.text("name", GROUP_NAME, "an image's name")  # it becomes a part of a file's name
    return LockedImage(name, reference, root)


def _group(fields: Fields, keys: Container[str], images: Container[str]) -> LockedGroup:
    if not fields.values.get("requests"):  # what asks for nothing would be installed without anything
        fields.wrong("requests", "must name at least one package")
    sets = tuple(_image_set(item, keys, images) for item in fields.tables("image"))
    fields.once((item.image for item in sets), "image", "image")
    provides = fields.texts("provides")
    for index, file in enumerate(provides):
        if not file.startswith("/") or not file.isprintable():
            fields.wrong(f"provides[{index}]", f"{file!r} is not the path of a file")
    return LockedGroup(
        fields.text("name", GROUP_NAME, "a group's name"),
        fields.requests("requests"),
        _known(fields, "packages", keys),
        provides,
        fields.flag("recommends"),
        sets,
        _known(fields, "companions", keys),
        tuple(map(_answer, fields.tables("debconf"))),
    )


def _image_set(fields: Fields, keys: Container[str], images: Container[str]) -> ImageSet:
    image = fields.text("name")
    if image not in images:
        fields.wrong("name", f"there is no image {image!r} in this system")
    return ImageSet(image, _known(fields, "packages", keys))


def _known(fields: Fields, field: str, keys: Container[str]) -> tuple[str, ...]:
    found = fields.texts(field)
    for index, key in enumerate(found):
        if key not in keys:
            fields.wrong(f"{field}[{index}]", f"there is no package {key!r} in this system")
    return found


def _answer(fields: Fields) -> DebconfAnswer:
    package, question, kind = map(fields.text, ("package", "question", "type"))
    found = DebconfAnswer(package, question, kind, fields.text("value", empty=True))
    if wrong := found.wrong():
        fields.wrong(*wrong[:2])
    return found


def _is_uri(text: str) -> bool:
    """Return whether a text can go to apt-helper and to urllib.parse; what begins with a hyphen would be an option."""
    try:
        urllib.parse.urlsplit(text)
    except ValueError:
        return False
    return URI.fullmatch(text) is not None and text.isprintable()
