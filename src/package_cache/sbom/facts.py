"""`sbom`: the facts of a bill of materials, independent of its format."""

import contextlib
import hashlib
import re
import urllib.parse
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from debian.deb822 import Deb822

from package_cache.ages import parse_time
from package_cache.cache.checked_files import read_group
from package_cache.cache.consistent_read import once_settled
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder, is_index
from package_cache.cache.package_list import DescribedPackage
from package_cache.deb.copyrights import licences_of
from package_cache.errors import CacheError
from package_cache.events import Listener, Step, Warn
from package_cache.lock.model import Lock
from package_cache.names import VERSION, SourcePackage
from package_cache.system import System
from package_cache.threads import in_threads
from package_cache.vulnerabilities.model import Fix, Reader

NAMESPACE = uuid.UUID("6f3b1f0e-6f0c-5d8e-9a55-0d6f7f3a2c11")
"""The namespace of document identifiers (RFC 9562, version 5): the same facts give the same identifier."""

_CHARACTER = r"[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2}"
URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:(?://(?:(?:{_CHARACTER})*@)?[A-Za-z0-9][A-Za-z0-9._~-]*(?::[0-9]{{1,5}})?(?=[/?#]|$)|(?!//))"
    rf"(?:/(?:{_CHARACTER}|[@/])*)?(?:\?(?:{_CHARACTER}|[@/?])*)?(?:#(?:{_CHARACTER}|[@/?])*)?",
    re.ASCII,
)
"""A URI that both formats and their libraries accept (RFC 3986), without addresses in brackets."""


@dataclass(frozen=True, order=True)
class BilledPackage:
    """One package of one OS release."""

    system: str
    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    maintainer: str
    """`Name <address>`, as in the control file; may be empty."""
    homepage: str
    """Empty unless the control file has a URI that the formats accept."""
    licences: tuple[str, ...]
    """The names in debian/copyright; empty if unknown."""
    sha256: str
    """Of the stored file."""
    original_sha256: str
    """Of the archive's file."""
    size: int
    """Of the stored file, in bytes."""
    groups: tuple[str, ...]
    path: str
    """Path below the base URI of its repository; empty without a lock."""
    uri: str
    """The complete URI if the lock states the repository's URI; else empty."""
    companion_of: tuple[str, ...] = ()
    """The groups for which only packages of older containers need it."""

    @property
    def purl_parts(self) -> tuple[str, dict[str, str]]:
        """The namespace and the qualifiers of its package URL (purl-spec, type `deb`)."""
        system = System.parse(self.system)
        distro = f"{system.distribution}-{system.version}"
        return system.distribution, {"arch": self.architecture, "distro": distro}


@dataclass(frozen=True, order=True)
class BilledVulnerability:
    """A vulnerability of packages, as their distribution states it, that an update fixes."""

    system: str
    source: str
    fix: Fix
    packages: tuple[BilledPackage, ...]
    """Those built from the source, in versions that have it."""


@dataclass(frozen=True)
class Bill:
    """A bill of materials."""

    name: str
    created: datetime
    """The time of the build, so that the same cache gives the same document."""
    built_by: str
    identity: uuid.UUID
    packages: tuple[BilledPackage, ...]
    vulnerabilities: tuple[BilledVulnerability, ...] = ()
    vulnerability_files: tuple[str, ...] = ()
    """The names of the files that they are from."""
    without_data: tuple[str, ...] = ()
    """The OS releases about which these state nothing."""


Origin = tuple[str, str]
"""The path of a package file below the base URI of its repository, and the complete URI; empty if unknown."""
NO_ORIGIN = ("", "")

Writer = Callable[[Bill], str]
"""Returns the text of a document; one for each format."""


def bill_of(groups: Sequence[str], cache: CacheFolder, lock: Lock | None, listener: Listener) -> Bill:
    """Return the facts of some groups of a cache, or of all. A lock adds the origins of the files.

    Raises `CacheError` if the cache is missing, damaged, or lacks a group.
    """
    return once_settled(cache, lambda: _bill_of(groups, cache, _origins(lock), listener))


def _bill_of(wanted: Sequence[str], cache: CacheFolder, origins: Mapping[str, Origin], listener: Listener) -> Bill:
    description = read_description(cache)
    created = _time(description.created, cache)
    users: dict[tuple[str, DescribedPackage], dict[str, bool]] = {}
    controls: dict[str, Deb822] = {}
    for group in description.chosen(wanted) if wanted else description.groups:
        read = read_group(cache, group)
        for item in read.packages:
            key = (group.system, replace(item, companion_on=()))
            users.setdefault(key, {})[group.name] = bool(item.companion_on)
        for index in filter(is_index, read.files):
            for paragraph in Deb822.iter_paragraphs(read.files[index].decode("utf-8", "replace"), use_apt_pkg=False):
                controls[str(paragraph.get("SHA256", ""))] = paragraph
    listener(Step("reading the licences of the packages"))
    names = {item.sha256: item.name for _, item in users}
    found = in_threads(lambda pair: _licences(cache, *pair), names.items())
    licences = dict(zip(names, found, strict=True))
    packages = []
    for (system, item), groups in users.items():
        origin = origins.get(item.original_sha256, NO_ORIGIN)
        control = controls.get(item.sha256, Deb822())
        packages.append(billed(system, item, groups, control, licences[item.sha256], origin=origin))
    ordered = tuple(sorted(packages))
    digest = hashlib.sha256(repr((description.created, description.built_by, ordered)).encode()).hexdigest()
    return Bill(cache.path.name, created, description.built_by, uuid.uuid5(NAMESPACE, digest), ordered)


def with_vulnerabilities(bill: Bill, read: Reader, listener: Listener) -> Bill:
    """Return the bill with the vulnerabilities of its packages that updates fix. Raises what `read` raises."""
    listener(Step("reading the vulnerability data"))
    built: dict[tuple[str, SourcePackage], list[BilledPackage]] = {}
    for item in bill.packages:
        if VERSION.fullmatch(item.source_version):  # a package of others may state anything
            built.setdefault((item.system, SourcePackage(item.source, item.source_version)), []).append(item)
    wanted: dict[str, set[str]] = {item.system: set() for item in bill.packages}
    for system, source in built:
        wanted[system].add(source.name)
    known = read(wanted)
    missing = {system: sentence for system in sorted(wanted) if (sentence := known.missing(system))}
    for sentence in missing.values():
        listener(Warn(sentence))
    found = [
        BilledVulnerability(system, source.name, fix, tuple(packages))
        for (system, source), packages in built.items()
        for fix in known.of(system, source)
    ]
    files = tuple(Path(file).name for file in known.files)
    digest = hashlib.sha256(repr((bill.identity, sorted(found), files, missing)).encode()).hexdigest()
    return replace(
        bill,
        identity=uuid.uuid5(NAMESPACE, digest),
        vulnerabilities=tuple(sorted(found)),
        vulnerability_files=files,
        without_data=tuple(missing),
    )


def _time(text: str, cache: CacheFolder) -> datetime:
    """Return a time in UTC. Raises `CacheError` for an invalid one."""
    with contextlib.suppress(OverflowError):  # an hour of another day before the first year
        if time := parse_time(text):
            return time.astimezone(UTC)
    message = f"cannot read {cache.description}: 'created' is not a time: {text!r}"
    raise CacheError(message, hint="build the cache again")


def _licences(cache: CacheFolder, sha256: str, name: str) -> tuple[str, ...]:
    path = cache.package(sha256)
    if not path.is_file():
        raise CacheError(f"cannot read {name}: {path} is missing", hint="build or stage the cache again")
    return licences_of(path, name)


def billed(
    system: str,
    item: DescribedPackage,
    groups: Mapping[str, bool],
    control: Mapping[str, Any],
    licences: tuple[str, ...],
    *,
    origin: Origin = NO_ORIGIN,
) -> BilledPackage:
    """Combine what a cache, a control file and a lock say about a package.

    `groups` are those that have it, by their names: whether only packages of older containers need it.
    """
    source = SourcePackage.of(str(control.get("Source", "")), item.name, item.version)
    homepage = str(control.get("Homepage", "")).strip()
    return BilledPackage(
        **{key: value for key, value in vars(item).items() if key not in ("companion_on", "compressed_by")},
        system=system,
        source=source.name,
        source_version=source.version,
        maintainer=" ".join(str(control.get("Maintainer", "")).split()),
        homepage=homepage if homepage.startswith(("http://", "https://")) and URI.fullmatch(homepage) else "",
        licences=licences,
        groups=tuple(sorted(groups)),
        companion_of=tuple(sorted(name for name, is_companion in groups.items() if is_companion)),
        path=origin[0],
        uri=origin[1],
    )


def _origins(lock: Lock | None) -> dict[str, Origin]:
    """Map the SHA-256 of the archive's file to its origin."""
    found = {}
    for system in lock.systems if lock else ():
        bases = {item.name: item.uri for item in system.repositories}
        for package in system.packages:
            base = bases[package.repository]
            found[package.sha256] = (package.path, f"{base}/{urllib.parse.quote(package.path)}" if base else "")
    return found
