"""What is compared. Each method is a script, `methods/<script>.sh`, as a user would type it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.archive import Where

SYSTEMS = ("ubuntu16.04", "ubuntu18.04", "debian12", "ubuntu24.04")

GROUPS: Mapping[str, tuple[str, ...]] = {
    "ssh": ("openssh-client", "openssh-server"),
    "nfs": ("nfs-common",),
    "build": ("build-essential",),
    "mpi": ("openmpi-bin", "libopenmpi-dev"),
    "python": ("python3-dev",),
    "java": ("default-jre-headless",),
}


@dataclass(frozen=True)
class Method:
    """One method: its script, and the surroundings that the script finds."""

    name: str
    script: str
    """Below `methods/`."""
    title: str
    """For people, in tables and plots."""
    archive: Where = ""
    """Where the distribution's archive answers."""
    repository: bool = False
    """Whether the root's sources.list names the group's file: repository instead of the archive."""
    prepare: str | None = None
    """Below `methods/prepare/`: what has been done before, untimed."""
    proxy: bool = False
    """Whether it goes through apt-cacher-ng."""
    recompressed: bool = False
    """Whether its package files are the cache's instead of the archive's."""
    checked: bool = True
    """Whether the packages must be installed afterwards."""


OURS = "ours"
PRESENT = "present"

METHODS = (
    Method(OURS, "ours", "Package Cache"),
    Method("dpkg-recompressed", "dpkg", "dpkg -i, recompressed: no plan, no check", recompressed=True),
    Method("dpkg", "dpkg", "dpkg -i: no plan, no check"),
    Method("file-repository", "update_and_install", "apt-get, file: repository", repository=True),
    Method("archives", "install", "apt-get, lists and files there", archive="loopback", prepare="archives"),
    Method("seed", "seed", "dpkg -i file by file, then apt-get -f"),
    Method("apt-cacher-ng", "update_and_install", "apt-get, warm apt-cacher-ng", archive="loopback", proxy=True),
    Method("online", "update_and_install", "apt-get, archive on loopback", archive="loopback"),
    Method("online-slow", "update_and_install", "apt-get, 50 Mbit/s and 40 ms away", "slow"),
    Method("untar", "untar", "only unpacking the same files", recompressed=True, checked=False),
    Method(PRESENT, "ours", "Package Cache, all there", prepare="ours"),
)
"""In the order of the tables."""
