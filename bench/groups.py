"""What is installed, and on which systems."""

from collections.abc import Mapping

SYSTEMS = ("ubuntu16.04", "ubuntu18.04", "debian12", "ubuntu24.04")

GROUPS: Mapping[str, tuple[str, ...]] = {
    "ssh": ("openssh-client", "openssh-server"),
    "nfs": ("nfs-common",),
    "build": ("build-essential",),
    "mpi": ("openmpi-bin", "libopenmpi-dev"),
    "python": ("python3-dev",),
    "java": ("default-jre-headless",),
}
