"""The mirror's server in the network of a root: on its loopback, or behind a slow link; and apt-cacher-ng."""

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from tests.support.lab import Container

from package_cache.filesystem.paths import exclusive
from package_cache.process import end, find_tool, run, start
from package_cache.releases.distributions import Release
from package_cache.sandbox.namespaces import hold

SCRIPTS = Path(__file__).parent

Where = Literal["", "loopback", "slow"]
"""Where the archive answers: nowhere, on the root's own loopback, or behind the slow link."""

RATE = 50e6
"""Bits a second of the slow link."""
DELAY = 0.020
"""Seconds in each direction: 40 ms there and back."""
LIMIT = 1000
"""Packets that may wait before the next is dropped: the default of netem and of network cards."""

NEAR, FAR = "10.0.0.1", "10.0.0.2"
ADDRESSES: Mapping[Where, str] = {"": "127.0.0.1:8000", "loopback": "127.0.0.1:8000", "slow": f"{FAR}:8000"}
"""Of the archive. Where none answers, sources.list names loopback."""

CACHER = "apt-cacher-ng"
CACHER_ADDRESS = "127.0.0.1:3142"

_WAIT = """
import socket, sys, time
host, port, words, seconds = sys.argv[1:]
deadline = time.monotonic() + float(seconds)
while True:
    try:
        with socket.create_connection((host, int(port)), 5) as stream:
            if not words or stream.recv(64).startswith(words.encode()):
                break
    except OSError:
        pass
    if time.monotonic() > deadline:
        sys.exit(f"nothing answers at {host}:{port}")
    time.sleep(0.01)
print(time.monotonic())
"""
"""Waits for a server that begins with these words, or for any. Prints the time, by the clock that processes share."""

_TIME_DOWNLOAD = """
import http.client, sys, time
connection = http.client.HTTPConnection(*sys.argv[1].split(":"))
began = time.monotonic()
connection.connect()
connected = time.monotonic()
connection.request("GET", sys.argv[2])
answer = connection.getresponse()
head = time.monotonic()
print(connected - began, len(answer.read()), time.monotonic() - head)
"""
"""Prints the seconds of a TCP handshake, which is one round trip, and bytes and seconds of a file."""


def network_prefix(container: Container) -> tuple[str, ...]:
    """Return the argv prefix that runs a program of this machine in a root's network."""
    pid = container.enter[container.enter.index("--target") + 1]
    return (find_tool("nsenter"), "--target", pid, "--net")


def archive_lines(release: Release, where: Where) -> str:
    """Return the lines of sources.list for the mirror."""
    return "\n".join(
        f"deb http://{ADDRESSES[where]}/{archive.name} {suite} {' '.join(archive.components)}"
        for archive in release.archives
        for suite in archive.suites
    )


@contextlib.contextmanager
def running(argv: Sequence[str], network: Sequence[str], address: str | None) -> Iterator[None]:
    """Keep a program running in a network while the block runs, which begins when it answers at `address`."""
    process = start([*network, *argv], stdout=subprocess.DEVNULL, stderr=None)
    try:
        if address is not None:
            run(waiting(network, address))
        yield
    finally:
        end(process)


def waiting(network: Sequence[str], address: str, words: str = "", seconds: float = 20) -> list[str]:
    """Return the command that waits in a network until a server answers, and fails if it does not."""
    return [*network, sys.executable, "-I", "-S", "-c", _WAIT, *address.split(":"), words, str(seconds)]


@contextlib.contextmanager
def served(where: Where, archive: Path, container: Container) -> Iterator[None]:
    """Serve the mirror for a root: on its own loopback, or in a network of its own behind the slow link."""
    near, address = network_prefix(container), ADDRESSES[where]
    server = [sys.executable, "-I", "-S", str(SCRIPTS / "server.py"), str(archive), *address.split(":")]
    if where == "slow":
        run([*near, "sh", "-euc", "\n".join(_device(NEAR))])
        link = [sys.executable, "-I", "-S", str(SCRIPTS / "link.py")]
        with hold([f"{find_tool('ip')} link set lo up", *_device(FAR)], ["--net"], user=False) as far:
            link += [str(far.pid), str(RATE), str(DELAY), str(LIMIT)]
            with running(link, near, None), running(server, far.enter, address):
                run(waiting(near, address))
                yield
    elif where == "loopback":
        with running(server, near, address):
            yield
    else:
        yield


def _device(address: str) -> list[str]:
    ip = find_tool("ip")
    return [
        f"{ip} tuntap add dev slow mode tun",
        f"{ip} address add {address}/24 dev slow",
        f"{ip} link set slow up txqueuelen 5000",
    ]


def measured_link(container: Container, archive: Path) -> dict[str, float]:
    """Return the rate and round trip of the slow link, measured by a download while the mirror is served."""
    largest = max(archive.rglob("Packages.xz"), key=lambda path: path.stat().st_size)
    argv = [sys.executable, "-I", "-S", "-c", _TIME_DOWNLOAD, ADDRESSES["slow"], f"/{largest.relative_to(archive)}"]
    handshake, size, seconds = run([*network_prefix(container), *argv], timeout=120).stdout.split()
    return {
        "round_trip_ms": round(float(handshake) * 1000, 1),
        "megabits_per_second": round(int(size) * 8 / float(seconds) / 1e6, 1),
    }


@contextlib.contextmanager
def cacher(container: Container, material: Path) -> Iterator[None]:
    """Run apt-cacher-ng in a root's network, in the foreground; the material's folder keeps what came through it.

    Nothing is installed on this machine: its package, and the libraries that are lacking, are unpacked beside that.
    """
    unpacked = obtain(material.parent / CACHER)
    (cache := material / CACHER).mkdir(exist_ok=True)
    libraries = {path.parent for path in (unpacked / "usr" / "lib").rglob("*.so.*")}
    program = ["env", f"LD_LIBRARY_PATH={':'.join(map(str, sorted(libraries)))}"]
    program += [str(unpacked / "usr" / "sbin" / CACHER), "ForeGround=1", "BindAddress=127.0.0.1", "Port=3142"]
    program += ["AllowUserPorts=0", "ExThreshold=365", "Offlinemode=0", f"CacheDir={cache}"]
    with tempfile.TemporaryDirectory(prefix="package-cache-") as folder:
        Path(folder, "acng.conf").touch()  # there must be one; what is said here counts
        places = ["-c", folder, f"LogDir={folder}", f"SocketPath={folder}/socket", f"PidFile={folder}/pid"]
        with running([*program, *places], network_prefix(container), CACHER_ADDRESS):
            yield


def obtain(folder: Path) -> Path:
    """Return the folder with apt-cacher-ng, downloaded and unpacked below `folder` by this machine's apt."""
    folder.mkdir(exist_ok=True)
    place = folder / "unpacked"
    with exclusive(folder / ".lock", wait=600):
        if not place.exists():
            plan = run(["apt-get", "--simulate", "--no-install-recommends", "install", CACHER], timeout=60).stdout
            names = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
            with tempfile.TemporaryDirectory(dir=folder) as fresh:
                Path(fresh).chmod(0o755)
                run(["apt-get", "download", *(names or [CACHER])], cwd=Path(fresh), timeout=300)
                for deb in Path(fresh).glob("*.deb"):
                    run(["dpkg-deb", "--extract", str(deb), f"{fresh}/unpacked"], timeout=60)
                (Path(fresh) / "unpacked").rename(place)
    return place
