"""The syntax of the names that reach us from outside: groups, packages, versions, architectures.

A name that passes here holds no character that a shell, apt or a file system would take for something else.
"""

import re
from dataclasses import dataclass

GROUP_NAME = re.compile(r"[a-z0-9][a-z0-9+._-]{0,63}", re.ASCII)
"""Ours: what may stand in a folder's name and in a shell word; no upper case, so that no file system merges two."""

POLICY_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+", re.ASCII)
"""Debian Policy 5.6.7 (Package): at least two characters."""

PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+._-]*", re.ASCII)
"""What dpkg accepts (pkg_name_is_illegal in its lib/dpkg/parsehelp.c); dpkg and apt read capitals as small letters."""

VERSION = re.compile(
    r"(?:[0-9]+:[0-9](?:[A-Za-z0-9.+~:-]*[A-Za-z0-9.+~])?|[0-9](?:[A-Za-z0-9.+~-]*[A-Za-z0-9.+~])?)", re.ASCII
)
"""What dpkg accepts (parseversion in its lib/dpkg/parsehelp.c): [epoch:]upstream[-revision] of Debian Policy 5.6.12,
and colons in upstream where there is an epoch."""

ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]*", re.ASCII)
"""Debian Policy 5.6.8, also the names that are no machine's."""

NO_MACHINE = re.compile(r"all|source|native|any|any-.*|.*-any", re.ASCII)
"""Debian Policy 5.6.8 and 11.1.1: architectures of packages, and wildcards, which are no machine's; apt's `native`."""

SOURCE = re.compile(rf"(?P<name>{PACKAGE_NAME.pattern})(?: \((?P<version>{VERSION.pattern})\))?", re.ASCII)
"""The field `Source` of a binary package (Debian Policy 5.6.1): its source, with a version where that differs."""

SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)

COMPRESSOR = re.compile(r"(?:zstd|zlib) [0-9][0-9A-Za-z.+-]{0,31}", re.ASCII)
"""A library that compresses, and its version."""


@dataclass(frozen=True, order=True)
class SourcePackage:
    """The source package from which a binary package was built."""

    name: str
    version: str

    @classmethod
    def of(cls, field: str, name: str, version: str) -> "SourcePackage":
        """Read the field `Source` of a package, which is empty or missing where both have one name and version."""
        source, _, own = field.partition(" ")
        return cls(source or name, own.strip(" ()") or version)

    def field_of(self, name: str, version: str) -> str:
        """Return the field `Source` of a package; empty where it says nothing new."""
        own = f" ({self.version})" if self.version != version else ""
        return f"{self.name}{own}" if own or self.name != name else ""


@dataclass(frozen=True, order=True)
class PackageRequest:
    """A package that a group asks for: `name`, `name:architecture`, `name=version`, or all three.

    The text form is apt-get's own (apt-get(8), "install").
    """

    name: str
    architecture: str | None = None
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> "PackageRequest":
        """Read one request. Raises `ValueError` with what is wrong and what to write instead."""
        rest, equals, version = text.partition("=")
        name, colon, architecture = rest.partition(":")
        if not PACKAGE_NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a package name: write lower-case letters, digits and + - . without wildcards"
            )
        if name.endswith("-"):  # apt-get(8), install: a hyphen behind a name means to remove the package
            raise ValueError(f"{name!r} would have apt remove a package: write {name.rstrip('-')}")
        if colon and not ARCHITECTURE.fullmatch(architecture):
            raise ValueError(f"{architecture!r} is not an architecture: write one like {name}:amd64")
        if NO_MACHINE.fullmatch(architecture):
            raise ValueError(
                f"{architecture!r} is not an architecture of a machine: "
                f"write {name} for the container's own, or one like {name}:amd64"
            )
        if equals and not VERSION.fullmatch(version):
            raise ValueError(f"{version!r} is not a version: write one like {name}=1:2.3-4")
        return cls(name, architecture or None, version or None)

    def __str__(self) -> str:
        architecture = f":{self.architecture}" if self.architecture else ""
        return f"{self.name}{architecture}{f'={self.version}' if self.version else ''}"
