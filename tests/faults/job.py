"""A job's container: a room with a cache, in which the generated command of `try_to_install_by_cache` runs."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from tests.installer.synthetic import Room

from package_cache.plugin.command import Staged, installing_command
from package_cache.process import Completed, find_tool

BUSYBOX = "/busybox"
QUIET_APT = 'APT::Sandbox::User "root"; APT::Get::Assume-Yes "true"; Acquire::Languages "none";'
LIMIT = 180.0
"""Seconds for one run of the command."""


@dataclass
class Job:
    """One container of a job, and what it wants."""

    room: Room
    group: str
    requests: Sequence[str]
    port: int
    """Of a web server on the container's own loopback: the source of its fallback."""
    cache: str = "/cache"
    provides: Sequence[str] = ()
    architecture: str = "amd64"
    """dpkg's own in the container."""
    is_real: bool = False
    """True where the group is one of real packages."""
    options: str = ""
    """More of the installer's, which a test has less patience than: `--lock-timeout 2`."""

    def prepare(self, repository: str) -> None:
        """Return the image one source: `repository`, a folder and a place below it, such as `/cache groups/ssh-x/`."""
        folder, place = repository.split()
        self.room.start([BUSYBOX, "httpd", "-f", "-p", f"127.0.0.1:{self.port}", "-h", folder])
        source = f"deb [trusted=yes] http://127.0.0.1:{self.port}/ {place}"
        self.room.sh(
            f"rm -rf /etc/apt/sources.list.d/*; echo '{source}' >/etc/apt/sources.list; "
            f"echo '{QUIET_APT}' >/etc/apt/apt.conf.d/00test; {BUSYBOX} touch /var/lib/dpkg/lock-frontend; ldconfig"
        )

    def command(self, fallback: Sequence[str] = (), *, group: str | None = None) -> str:
        """Return the command that runs in the job's container."""
        installer = f"{self.cache}/install_group.sh"
        digest = self.room.sh(f"sha256sum <{installer}", check=False).split(" ")[0]
        command = installing_command(
            group or self.group, Staged(Path(installer), digest, Path(self.cache), ()), fallback
        )
        return command.replace(" --cache ", f" {self.options} --cache ", 1)

    def change_installer(self, change: Callable[[str], str]) -> None:
        """Copy the cache, change the installer in the copy, and let the job use that one."""
        self.room.sh("cp -r /cache /own")
        self.cache = "/own"
        installer = self.room.container.path("/own/install_group.sh")
        installer.write_text(change(installer.read_text()))

    def drop(self, capabilities: str) -> None:
        """Drop capabilities(7) of what runs in it from now on: `dac_override,chown`. Needs root on the host."""
        less = ",".join(f"-{name}" for name in capabilities.split(","))
        container = self.room.container
        enter = (find_tool("setpriv"), "--bounding-set", less, *container.enter)
        self.room = replace(self.room, container=replace(container, enter=enter))

    def run(self, *, env: Mapping[str, str] | None = None, shell: Sequence[str] = ("sh", "-c")) -> Completed:
        """Run it without a fallback: its status is the installer's."""
        return self.room.container.run([*shell, self.command()], env=env, timeout=LIMIT, check=False)

    def start(self) -> "subprocess.Popen[str]":
        """Start it and give the running process; its children are in its process group, but for those of timeout(1)."""
        return self.room.start(["sh", "-c", self.command()])

    def fall_back(self) -> Completed:
        """Run the fallback of a group that the cache does not have, as people write it."""
        commands = ["apt-get update", f"apt-get install -y --no-install-recommends {' '.join(self.requests)}"]
        command = self.command(commands, group="not-in-the-cache")
        return self.room.container.run(
            ["sh", "-c", command], env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=LIMIT, check=False
        )


class Whom(Enum):
    """Who gets a signal."""

    GROUP = "the process group"
    ALL = "all that runs"
    INSTALLER = "the installer alone"


def send(process: "subprocess.Popen[Any]", sign: signal.Signals, whom: Whom = Whom.GROUP) -> bool:
    """Send a signal to a process's group, to all its descendants, or to one. False: that one does not run."""
    if whom is Whom.GROUP:
        os.killpg(process.pid, sign)
        return True
    meant = [process.pid]
    for pid in meant:
        if whom is Whom.ALL:
            _send(pid, signal.SIGSTOP)  # so that none is missed
        meant += _children(pid)
    if whom is Whom.INSTALLER:
        meant = [pid for pid in meant if _is_installer(pid)][:1]
    for pid in meant:
        _send(pid, sign)
    return bool(meant)


def _is_installer(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[:2] == [b"/bin/sh", b"-s"]


def _send(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def _children(pid: int) -> list[int]:
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        pass
    return found
