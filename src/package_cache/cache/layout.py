"""Where everything lies in a cache. This module owns the format; `docs/cache-format.md` explains it to its readers.

    package_cache/
      package-cache.json            the description of the cache: format, manifest, groups, systems, sizes, digests
      install_group.sh              the installer
      proofs.json                   results of real installations, see proofs.py; may be missing
      pool/<sha256>.deb             each package file once, named by the hash of its bytes
      groups/<group>-<system>/      an ordinary flat apt repository, for one OS release, all architectures
        Packages                    deb822; `Filename: pool/<sha256>.deb`
        Packages.<architecture>.<image>    the same for containers that those do not fit, see docs/skew.md; mostly none
        Release                     SHA256 of the other files of this folder
        <architecture>.group        for the installer, one fact a line: "<key> <value>", see `group_file`
        packages.json               the packages, and the hash of each file as the archive has it

Neither system names nor architectures in these names hold a hyphen before the last one: `ssh-server-ubuntu18.04`
can only be the group `ssh-server`. Reading needs no write access. A writer takes the lock
first, then writes pool files, then each group's folder in one rename, and the description last; before a group changes,
it is removed from the description. Removal goes in the reverse order. So every visible group folder is complete, and
everything that the description names matches it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from package_cache.filesystem.confined import Inside
from package_cache.names import PackageRequest

FORMAT = 1
"""Of the cache. Stands in the description and in each `.group` file; a reader refuses a greater one."""

DESCRIPTION = "package-cache.json"
INSTALLER = "install_group.sh"
LOCK = ".lock"
PROOFS = "proofs.json"
POOL = "pool"
GROUPS = "groups"
INDEX = "Packages"
PACKAGE_LIST = "packages.json"


def image_index(architecture: str, image: str) -> str:
    """Return the name of the index for what is like an image that a lock was made for, in a group's folder."""
    return f"{INDEX}.{architecture}.{image}"


def is_index(name: str) -> bool:
    """Return whether a file of a group's folder is an index."""
    return name == INDEX or name.startswith(f"{INDEX}.")


def pool_file(sha256: str) -> str:
    """Return a package file's place below the cache."""
    return f"{POOL}/{sha256}.deb"


def group_folder(group: str, system_name: str) -> str:
    """Return the place of a group's repository below the cache."""
    return f"{GROUPS}/{group}-{system_name}"


def group_file(
    requests: Sequence[PackageRequest],
    provides: Sequence[str],
    installed_kib: int,
    *,
    space: Mapping[str, int] = MappingProxyType({}),
    probe: str = "",
    debconf: Sequence[str] = (),
    pre_dependencies: Sequence[str] = (),
    recommends: bool = False,
    images: Sequence[str] = (),
) -> str:
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
    lines = [f"format {FORMAT}", *(["recommends yes"] if recommends else []), f"installed-kib {installed_kib}"]
    lines += [f"installed-kib {size} {folder}" for folder, size in sorted(space.items())]
    lines += [f"probe {probe}"] if probe else []
    lines += [f"package {request}" for request in requests]
    lines += [f"debconf {answer}" for answer in debconf]
    lines += [f"provides {path}" for path in provides]
    lines += [f"pre-dependency {name}" for name in pre_dependencies]
    lines += [f"image {name}" for name in images]
    return "\n".join([*lines, "end", ""])


@dataclass(frozen=True)
class CacheFolder:
    """A cache's folder, as paths, which are for people and for tools; what reads and writes it itself uses `inside`."""

    path: Path
    is_shared: bool = False
    """Others may write to where it lies: it is on the volume of a job."""

    @property
    def inside(self) -> Inside:
        """The door to its files, by names that start below it. No writer makes a link, and none is followed."""
        return Inside(self.path, is_shared=self.is_shared)

    @property
    def description(self) -> Path:
        """The path of package-cache.json."""
        return self.path / DESCRIPTION

    @property
    def installer(self) -> Path:
        """The path of the installer."""
        return self.path / INSTALLER

    @property
    def lock(self) -> Path:
        """The path of the file that writers lock."""
        return self.path / LOCK

    @property
    def proofs(self) -> Path:
        """The path of what is noted of installing groups for real."""
        return self.path / PROOFS

    @property
    def pool(self) -> Path:
        """The path of the pool's folder."""
        return self.path / POOL

    def package(self, sha256: str) -> Path:
        """Return the path of a package file."""
        return self.path / pool_file(sha256)

    def group(self, group: str, system_name: str) -> Path:
        """Return the path of a group's repository."""
        return self.path / group_folder(group, system_name)
