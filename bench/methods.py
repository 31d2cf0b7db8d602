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

ORIGINAL, RECOMPRESSED, ED25519 = "original", "package_cache", "ed25519"
"""The caches of the material: with the archive's files, as a build makes it, and a part with other recordings."""

ED25519_GROUP = "ssh"
"""What is in the last one."""


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
    cache: str = RECOMPRESSED
    """Below the material: the cache that our installer sees."""
    by: str = ""
    """What our installer's result must state as its method; empty: it is not our installer."""
    groups: tuple[str, ...] = ()
    """The groups that it is for; empty: all."""

    def is_for(self, group: str) -> bool:
        """Return whether the method is measured for a group."""
        return not self.groups or group in self.groups


OURS = "ours"
REPLAY = "replay"
REPLAY_ED25519 = "replay-ed25519"
OTHER_IMAGE = "other-image"
UNTAR_HASHED = "untar-hashed"
PRESENT = "present"

METHODS = (
    Method(REPLAY, "replay", "Package Cache, recorded", by="replay"),
    Method(
        REPLAY_ED25519, "replay", "the same, Ed25519 host key only", by="replay", cache=ED25519, groups=(ED25519_GROUP,)
    ),
    Method(OURS, "ours", "Package Cache, by dpkg", by="dpkg"),
    Method(OTHER_IMAGE, "replay", "Package Cache, another image recorded", by="dpkg", prepare="unfit"),
    Method("dpkg-recompressed", "dpkg", "dpkg -i, recompressed: no plan, no check", recompressed=True),
    Method("dpkg", "dpkg", "dpkg -i: no plan, no check"),
    Method("file-repository", "update_and_install", "apt-get, file: repository", repository=True),
    Method("archives", "install", "apt-get, lists and files there", archive="loopback", prepare="archives"),
    Method("seed", "seed", "dpkg -i file by file, then apt-get -f"),
    Method("apt-cacher-ng", "update_and_install", "apt-get, warm apt-cacher-ng", archive="loopback", proxy=True),
    Method("online", "update_and_install", "apt-get, archive on loopback", archive="loopback"),
    Method("online-slow", "update_and_install", "apt-get, 50 Mbit/s and 40 ms away", "slow"),
    Method(UNTAR_HASHED, "untar_hashed", "only hashing and unpacking the same files", recompressed=True, checked=False),
    Method("untar", "untar", "only unpacking the same files", recompressed=True, checked=False),
    Method(PRESENT, "replay", "Package Cache, all there", prepare="ours", by="none"),
)
"""In the order of the tables."""
