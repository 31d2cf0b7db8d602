"""A system: an OS release and an architecture."""

import re
from dataclasses import dataclass

SYSTEM_NAME = re.compile(r"(?P<distribution>[a-z][a-z_]*)(?P<version>[0-9]+(?:\.[0-9]+)*)", re.ASCII)
"""`ID` and `VERSION_ID` of os-release(5), one behind the other: `ubuntu18.04`, `debian12`. No hyphen: see the cache's
layout."""

DEFAULT_ARCHITECTURE = "amd64"
"""What a manifest means that names no architecture; the seed's file knows only this one."""

COMPATIBLE = {"amd64": ("i386",), "arm64": ("armel", "armhf")}
"""Architectures whose programs the processors of another one run as well."""


@dataclass(frozen=True, order=True)
class System:
    """An OS release and an architecture, such as Ubuntu 18.04 on amd64."""

    distribution: str
    """`ID` of os-release(5): `ubuntu`, `debian`."""
    version: str
    """`VERSION_ID` of os-release(5): `18.04`, `12`."""
    architecture: str = DEFAULT_ARCHITECTURE
    """As dpkg names it."""

    @classmethod
    def parse(cls, name: str, architecture: str = DEFAULT_ARCHITECTURE) -> "System":
        """Read a name such as `ubuntu18.04`. Raises `ValueError` with what to write instead."""
        match = SYSTEM_NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"{name!r} is not an OS release: write one like ubuntu18.04 or debian12")
        return cls(match["distribution"], match["version"], architecture)

    @property
    def name(self) -> str:
        """The OS release, as manifests and the cache's folders name it: `ubuntu18.04`."""
        return f"{self.distribution}{self.version}"

    def __str__(self) -> str:
        return f"{self.name} {self.architecture}"
