"""The repository of one group for one OS release: its indexes, and a `.group` file for each architecture."""

import contextlib
import functools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from debian.deb822 import Deb822

from package_cache.cache.checked_files import read_file
from package_cache.cache.description import read_description
from package_cache.cache.layout import (
    FORMAT,
    INDEX,
    PACKAGE_LIST,
    POOL,
    CacheFolder,
    image_index,
    is_index,
    pool_file,
)
from package_cache.cache.package_list import DescribedPackage, list_text
from package_cache.cache.pool_index import StoredFile
from package_cache.deb.control import SPACE
from package_cache.errors import CacheError, VerificationError
from package_cache.lock.model import ImageSet, LockedGroup, LockedPackage
from package_cache.names import PackageRequest

INSTALLED_SIZE = re.compile(r"[0-9]{1,12}", re.ASCII)
"""What the installer can count with: shells have numbers of 64 bits."""

OWN_FIELDS = re.compile(
    r"^(?:Filename|Size|MD5sum|SHA1|SHA256|SHA512):.*\n(?:[ \t].*\n)*", re.MULTILINE | re.IGNORECASE
)
"""What only an index can say of a package file; apt would believe the first it reads."""

_SPACE = re.compile(r"(/[A-Za-z0-9._+/-]*) ([0-9]{1,12})", re.ASCII)
"""What `control_with_space` wrote."""

_RELATED = re.compile(r"(?:^|[,|])\s*([A-Za-z0-9][A-Za-z0-9+._-]*)", re.ASCII)
"""A name in a relation field, as dpkg accepts it; python-debian's parser knows Policy's names only."""


@dataclass(frozen=True)
class IndexedPackage:
    """A package file in the pool, and the paragraph of its own control file."""

    locked: LockedPackage
    stored: StoredFile
    control: str

    @functools.cached_property
    def fields(self) -> Deb822:
        """The fields of its control file. Many groups ask for these: parsing them takes longer than all the rest."""
        return Deb822(self.control)

    @functools.cached_property
    def installed_kib(self) -> int:
        """What it takes installed, in KiB (Debian Policy 5.6.20); packages from elsewhere may not say it."""
        text = str(self.fields.get("Installed-Size", "0")).strip()
        return int(text) if INSTALLED_SIZE.fullmatch(text) else 0

    @functools.cached_property
    def space(self) -> Counter[str]:
        """What it takes installed in which folders, in KiB; what its files do not make up of its size is for /usr."""
        found = Counter({folder: int(size) for folder, size in _SPACE.findall(str(self.fields.get(SPACE, "")))})
        return found + Counter({"/usr": max(0, self.installed_kib - found.total())})

    @functools.cached_property
    def pre_depends(self) -> frozenset[str]:
        """The names of packages that it needs configured before it is unpacked (Debian Policy 7.2)."""
        return frozenset(self._names_in("Pre-Depends"))

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """Its own name, and those of the virtual packages that it provides (Debian Policy 7.5)."""
        return frozenset({self.locked.name, *self._names_in("Provides")})

    def _names_in(self, field: str) -> set[str]:
        """Return the names of packages in a relation field (Debian Policy 7.1)."""
        return {name.lower() for name in _RELATED.findall(str(self.fields.get(field, "")))}

    @functools.cached_property
    def paragraph(self) -> str:
        """Its paragraph in `Packages`."""
        control = OWN_FIELDS.sub("", self.control.strip("\n") + "\n").strip("\n")
        sha256, size = self.stored.sha256, self.stored.size
        return f"{control}\nFilename: {pool_file(sha256)}\nSize: {size}\nSHA256: {sha256}\n"


GroupPackages = dict[str, tuple[LockedGroup, Sequence[IndexedPackage]]]
"""What a group takes, by architecture: what was locked, and every package."""


def indexed(locked: LockedPackage, stored: StoredFile, control: str) -> IndexedPackage:
    """Return it from a control file. Raises `VerificationError` if that describes another package than the lock."""
    package = IndexedPackage(locked, stored, control)
    name, *others = (str(package.fields.get(field, "none")) for field in ("Package", "Version", "Architecture"))
    found = (name.lower(), *others)  # as dpkg reads it
    if found != (locked.name, locked.version, locked.architecture):
        raise VerificationError(
            f"cannot use the package {locked.key}: its file is of {' '.join(found)!r}",
            hint="lock again; if the archive's index says what the file does not, tell those who keep the archive",
        )
    return package


def group_files(architectures: GroupPackages) -> dict[str, bytes]:
    """Return a group's folder without `Release` and recordings, from all that it takes on each architecture."""
    texts = {INDEX: _index(item for group, items in architectures.values() for item in _own(group, items))}
    for architecture, (group, items) in architectures.items():
        texts.update({image_index(architecture, one.image): _index(_of(one, group, items)) for one in group.images})
        texts[f"{architecture}.group"] = _group_file(group, items)
    unique = {item.stored.sha256: item for _, items in architectures.values() for item in items}
    companions = {name: set(group.companions) for name, (group, _) in architectures.items()}
    texts[PACKAGE_LIST] = list_text(_described(item, companions) for item in unique.values())
    return {name: text.encode() for name, text in texts.items()}


def _group_file(group: LockedGroup, items: Sequence[IndexedPackage]) -> str:
    """Return the content of `<architecture>.group`: what the installer must know and a shell can read line by line.

    format 1
    recommends yes                only where the group takes recommended packages as well
    installed-kib 24000           the closure's Installed-Size, in KiB: what a bare container would take at most
    installed-kib 23000 /usr/lib  how much of the closure lies there, in whole blocks; one line for each folder
    probe 1f0e…                   the hash of the smallest package file: whether dpkg starts is tried with that
    package openssh-server        a request, in apt-get's syntax; one line each
    debconf krb5-config krb5-config/default_realm string EXAMPLE.ORG
                                  an answer for debconf, as debconf-set-selections(1) reads it; one line each
    provides /usr/sbin/sshd       a file that must exist after installing; one line each
    pre-dependency libc6          a package on which another of the closure Pre-Depends; one line each
    image training                another index, for where `Packages` has no plan: Packages.<architecture>.training
    end                           the last line: a file without it was cut short
    """
    needed = set(group.packages)
    own = [item for item in items if item.locked.key in needed]
    space = sum((item.space for item in own), Counter())
    configured_first = {name for item in items for name in item.pre_depends}  # Debian Policy 7.2
    pre_dependencies = sorted({item.locked.name for item in items if configured_first & item.names})
    lines = [f"format {FORMAT}", *(["recommends yes"] if group.recommends else [])]
    lines += [f"installed-kib {sum(item.installed_kib for item in own)}"]
    lines += [f"installed-kib {size} {folder}" for folder, size in sorted(space.items())]
    lines += [f"probe {min(own, key=lambda item: item.stored.size).stored.sha256}"] if own else []
    lines += [f"package {PackageRequest.parse(text)}" for text in group.requests]
    lines += [f"debconf {answer}" for answer in group.debconf]
    lines += [f"provides {path}" for path in group.provides]
    lines += [f"pre-dependency {name}" for name in pre_dependencies]
    lines += [f"image {one.image}" for one in group.images]
    return "\n".join([*lines, "end", ""])


def _described(item: IndexedPackage, companions: Mapping[str, Collection[str]]) -> DescribedPackage:
    """Return what `packages.json` says of a package file; `companions` are the keys of all, by architecture."""
    locked, stored = item.locked, item.stored
    on = tuple(sorted(name for name, keys in companions.items() if locked.key in keys))
    return DescribedPackage(
        locked.name,
        locked.version,
        locked.architecture,
        stored.size,
        stored.sha256,
        locked.sha256,
        on,
        stored.compressed_by,
    )


def _index(items: Iterable[IndexedPackage]) -> str:
    """Return the text of a `Packages` file, each package file once."""
    unique = {item.stored.sha256: item for item in items}
    return "\n".join(item.paragraph for item in sorted(unique.values(), key=lambda item: item.locked))


def _own(group: LockedGroup, items: Iterable[IndexedPackage]) -> list[IndexedPackage]:
    """Return the packages that are not for images only."""
    only_for_images = set(group.every_package) - set(group.own_packages)
    return [item for item in items if item.locked.key not in only_for_images]


def _of(one: ImageSet, group: LockedGroup, items: Sequence[IndexedPackage]) -> list[IndexedPackage]:
    """Return what an image needs, and the group's packages of other names: a container may have less than the image.

    One version of each: of two apt would look at the newer one only, whichever fits.
    """
    keys = set(one.packages)
    needed = [item for item in items if item.locked.key in keys]
    names = {(item.locked.name, item.locked.architecture) for item in needed}
    others = [item for item in _own(group, items) if (item.locked.name, item.locked.architecture) not in names]
    return [*needed, *others]


_PARAGRAPH = re.compile(
    rf"(.+)\nFilename: {POOL}/([0-9a-f]{{64}})\.deb\nSize: [0-9]+\nSHA256: \2\n?", re.ASCII | re.DOTALL
)
"""What `IndexedPackage.paragraph` returns."""


def known_controls(cache: CacheFolder, built_by: str) -> dict[str, str]:
    """Return the control paragraphs of package files in the pool, by SHA-256, that the cache's own groups state.

    To ask dpkg-deb takes a hundred times as long. Only of groups that are as a build by the same program left them.
    """
    found: dict[str, str] = {}
    with contextlib.suppress(CacheError):
        description = read_description(cache)
        for group in description.groups if description.built_by == built_by else ():
            with contextlib.suppress(CacheError, UnicodeDecodeError):
                for name in filter(is_index, group.files):
                    paragraphs = read_file(cache, group, name).decode().split("\n\n")
                    matches = filter(None, map(_PARAGRAPH.fullmatch, paragraphs))
                    found.update((match[2], match[1] + "\n") for match in matches)
    return found
