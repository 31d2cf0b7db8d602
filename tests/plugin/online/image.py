"""An image whose apt sources lie on its own loopback: each has an address of its own, as if it were a host."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.faults.conftest import free_port
from tests.faults.job import BUSYBOX
from tests.installer.synthetic import Room
from tests.support.archive import SignedArchive

from package_cache import online_fallback
from package_cache.process import Completed

State = Literal["well", "dead", "silent"]
"""A dead source refuses connections; a silent one takes them and says nothing."""

APT = 'APT::Sandbox::User "root";'  # in a user namespace there is no other
SHELLS = {"bash": ["bash"], "sh": ["sh"], "busybox": [BUSYBOX, "sh"]}


@dataclass
class Image:
    """A container of a job, without sources at first."""

    room: Room
    port: int
    """On which every source listens: apt gives a whole host up where one of its ports is dead."""
    sources: int = 0
    values: dict[str, str] = field(default_factory=dict)
    """Values of the script that a test has less patience than."""

    def __post_init__(self) -> None:
        self.room.sh(
            f"rm -rf /etc/apt/sources.list.d/*; : >/etc/apt/sources.list; echo '{APT}' >/etc/apt/apt.conf.d/00test"
        )

    def add_source(self, folder: str, *, options: str = "", state: State = "well") -> str:
        """Add the archive that lies at `folder` in it to its sources, and give its address, as `host:port`."""
        port = self.port if state != "silent" else free_port()  # nc listens on every address
        host = f"127.0.0.{11 + self.sources}"
        self.sources += 1
        options = f"signed-by={folder}/archive-keyring.gpg {options}".strip()
        self.room.sh(f"echo 'deb [{options}] http://{host}:{port}/ stable main' >>/etc/apt/sources.list")
        if state == "well":
            self.listen(port, ["httpd", "-f", "-p", f"{host}:{port}", "-h", folder])
        elif state == "silent":
            self.listen(port, ["nc", "-ll", "-p", str(port), "-e", "sleep", "100"])
        return f"{host}:{port}"

    def listen(self, port: int, argv: Sequence[str]) -> None:
        """Start a server of busybox's, and wait until it listens: proc(5), net/tcp."""
        before = self.listeners(port)
        self.room.start([BUSYBOX, *argv])
        deadline = time.monotonic() + 10
        while self.listeners(port) == before:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def listeners(self, port: int) -> int:
        """Count the sockets that listen on a port."""
        sockets = self.room.sh("cat /proc/net/tcp /proc/net/tcp6", check=False)
        return len(re.findall(rf":{port:04X} 0+:0000 0A", sockets))

    def command(self, packages: Sequence[str], *, recommends: bool = False, limit: int = 60) -> str:
        """Return the one fallback command, with this image's values."""
        (command,) = online_fallback(packages, recommends=recommends, limit=limit)
        for name, value in self.values.items():
            command, found = re.subn(rf'(?m)^{name}=("[^"]*"|\S+)', f"{name}={value}", command)
            assert found == 1
        return command

    def run(
        self, *packages: str, shell: Sequence[str] = ("sh",), recommends: bool = False, limit: int = 60
    ) -> Completed:
        """Run the fallback of packages in it."""
        command = self.command(packages, recommends=recommends, limit=limit)
        return self.room.container.run([*shell, "-c", command], timeout=90, check=False)

    def leftovers(self) -> str:
        """Return the leftovers of a run; none if all is well."""
        return self.room.sh(
            "find /var/lib/apt -name 'package-cache*'; ls -A /var/cache/apt/archives/*.deb", check=False
        )


def archive(folder: Path, *debs: Path) -> SignedArchive:
    """Make an archive of packages, not yet published."""
    made = SignedArchive(folder)
    for deb in debs:
        made.add(deb)
    return made
