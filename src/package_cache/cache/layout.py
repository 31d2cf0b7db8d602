"""Where everything lies in a cache. This module owns the format; `docs/cache-format.md` explains it to its readers.

    package_cache/
      package-cache.json            the description of the cache: format, manifest, groups, systems, sizes, digests
      install_group.sh              the installer
      proofs.json                   results of real installations, see proofs.py; may be missing
      pool/<sha256>.deb             each package file once, named by the hash of its bytes
      groups/<group>-<system>/      an ordinary flat apt repository, for one OS release, all architectures
        Packages                    deb822; `Filename: pool/<sha256>.deb`
        Packages.<architecture>.<image>    the same for containers that those do not fit, see docs/skew.md; mostly none
        Release                     the group's name and OS release, and SHA256 of the other files of this folder
        InRelease, Release.gpg      the same with a signature, and the signature alone; only in a signed cache
        by-hash/SHA256/<sha256>     Packages, and the one before it, for apt; only in a signed cache
        <architecture>.group        for the installer, one fact a line: "<key> <value>", see group_index.py
        packages.json               the packages, and the hash of each file as the archive has it
        recording.<architecture>.<sha256>.deb    a recorded installation, for containers whose dpkg status has this
                                    hash, see docs/cache-format.md; mostly none
        recordings.json             facts on these, see recording_list.py; only there if there are any

Neither system names nor architectures in these names hold a hyphen before the last one: `ssh-server-ubuntu18.04`
can only be the group `ssh-server`. Reading needs no write access. A writer takes the lock
first, then writes pool files, then each group's folder in one rename, and the description last; before a group changes,
it is removed from the description. Removal goes in the reverse order. So every visible group folder is complete, and
everything that the description names matches it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from package_cache.filesystem.confined import Inside
from package_cache.names import ARCHITECTURE, SHA256

FORMAT = 1
"""Of the cache. Stands in the description and in each `.group` file; a reader refuses a greater one."""

RECORDED_FORMAT = 2
"""In the description of a cache that has recordings. An older program cannot copy such a group completely: the number
tells it so. The `.group` files stay at `FORMAT`, because an older installer ignores recordings."""

SIGNED_FORMAT = 3
"""In the description of a signed cache, whose signatures an older program would take for damage."""

DESCRIPTION = "package-cache.json"
INSTALLER = "install_group.sh"
LOCK = ".lock"
PROOFS = "proofs.json"
POOL = "pool"
GROUPS = "groups"
INDEX = "Packages"
PACKAGE_LIST = "packages.json"
RELEASE = "Release"
SIGNED_RELEASE = "InRelease"
SIGNATURE = "Release.gpg"
BY_HASH = "by-hash/SHA256"
RECORDINGS = "recordings.json"

RECORDING = re.compile(rf"recording\.{ARCHITECTURE.pattern}\.{SHA256.pattern}\.deb", re.ASCII)
"""The name of a recording in a group's folder."""


def image_index(architecture: str, image: str) -> str:
    """Return the name of the index for what is like an image that a lock was made for, in a group's folder."""
    return f"{INDEX}.{architecture}.{image}"


def by_hash(sha256: str) -> str:
    """Return the second name of an index in a group's folder, by which apt finds it while the folder is replaced."""
    return f"{BY_HASH}/{sha256}"


def is_about_all(name: str) -> bool:
    """Return whether a file of a group's folder is not stated by its `Release`: that itself, or found by it."""
    return name in (RELEASE, SIGNED_RELEASE, SIGNATURE) or name.startswith(BY_HASH)


def is_index(name: str) -> bool:
    """Return whether a file of a group's folder is an index."""
    return name == INDEX or name.startswith(f"{INDEX}.")


def recording_file(architecture: str, status: str) -> str:
    """Return the name of a recording in a group's folder; `status` is the SHA-256 of dpkg's status before it."""
    return f"recording.{architecture}.{status}.deb"


def is_recording(name: str) -> bool:
    """Return whether a file of a group's folder is a recording."""
    return RECORDING.fullmatch(name) is not None


def pool_file(sha256: str) -> str:
    """Return a package file's place below the cache."""
    return f"{POOL}/{sha256}.deb"


def group_folder(group: str, system_name: str) -> str:
    """Return the place of a group's repository below the cache."""
    return f"{GROUPS}/{group}-{system_name}"


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
    def pool(self) -> Path:
        """The path of the pool's folder."""
        return self.path / POOL

    def package(self, sha256: str) -> Path:
        """Return the path of a package file."""
        return self.path / pool_file(sha256)
