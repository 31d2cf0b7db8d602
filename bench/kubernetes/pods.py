"""The seconds from a pod's start until its sshd answers, by each method, in rounds of random order.

A pod is a network namespace that has the archive in it, or behind the slow link, and nothing else, and podman's
containers in that network. The clock starts before podman creates the first container and stops when a TCP connection
to the port receives `SSH-2.0`.
"""

import base64
import contextlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.lab import Container, Isolation

from bench.archive import SLOW_ADDRESS, measured_link, served, served_slowly
from bench.kubernetes.ground import LIMIT, SYSTEM, UBUNTU, Ground
from bench.roots import archive_lines
from bench.rounds import Tell
from package_cache.errors import PackageCacheError
from package_cache.process import end, find_tool, start
from package_cache.sandbox.namespaces import hold
from package_cache.stage import stage

GROUP = "ssh"
PORT = 2222
WITH_SSH = f"{UBUNTU}-ssh"
COMPARED = "init form"
"""The method that the others are compared with."""
JOB_LIMIT = 120.0

ONLINE = "apt-get update && apt-get install -y --no-install-recommends openssh-client openssh-server"
BY_CACHE = f"sh /package_cache/install_group.sh {GROUP}"
SERVE = f"mkdir -p /run/sshd && chmod 755 /run/sshd && ssh-keygen -A && exec /usr/sbin/sshd -D -p {PORT}"

_BANNER = """
import socket, sys, time
deadline = time.monotonic() + float(sys.argv[2])
while time.monotonic() < deadline:
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as stream:
            if stream.recv(64).startswith(b"SSH-2.0"):
                print(time.monotonic())
                sys.exit(0)
    except OSError:
        pass
    time.sleep(0.01)
sys.exit("no banner came")
"""
"""Prints the time of the banner, by the clock that all processes share."""


@dataclass(frozen=True)
class Pod:
    """Where a pod's containers run, and what they share."""

    ground: Ground
    network: str
    """For podman's --network."""
    volume: str
    """The name of a volume that podman creates at its first use."""
    staged: Path
    """A node's cache."""
    files: Path
    """Files of this machine that are mounted: the job's YAML, and apt's sources for the slow link."""

    def init(self, image: str, *words: str, options: Sequence[str]) -> None:
        """Run an init container to its end."""
        self.ground.podman("run", "--rm", "--network", self.network, *options, image, *words, timeout=LIMIT)

    def job(self, command: str, *options: str, image: str = UBUNTU) -> None:
        """Start the job's container."""
        argv = ("run", "--detach", "--name", "job", "--network", self.network, *options, image, "sh", "-c", command)
        self.ground.podman(*argv, timeout=LIMIT)


def _in_image(pod: Pod) -> None:
    pod.job(SERVE, image=WITH_SSH)


def _runtime(pod: Pod) -> None:
    work = f"{pod.volume}:/usr/local/pai"
    job = f"{pod.files}/job.yaml:/etc/pai/job.yaml:ro"
    pod.init(pod.ground.runtime_image, options=["--volume", work, "--volume", job])
    pod.job("exec sh /usr/local/pai/runtime.d/job.sh", "--volume", work)


def _init_form(pod: Pod) -> None:
    words = [GROUP, "--system", SYSTEM, "--to", "/package_cache"]
    pod.init(pod.ground.init_image, *words, options=["--volume", f"{pod.volume}:/package_cache"])
    pod.job(f"{BY_CACHE} && {SERVE}", "--volume", f"{pod.volume}:/package_cache:ro")


def _image_volume(pod: Pod) -> None:
    mount = f"type=image,source={pod.ground.volume_image},destination=/package_cache"
    pod.job(f"{BY_CACHE} && {SERVE}", "--mount", mount)


def _node_cache(pod: Pod) -> None:
    pod.job(f"{BY_CACHE} && {SERVE}", "--volume", f"{pod.staged}:/package_cache:ro")


def _online(pod: Pod) -> None:
    pod.job(f"{ONLINE} && {SERVE}")


def _online_slowly(pod: Pod) -> None:
    pod.job(f"{ONLINE} && {SERVE}", "--volume", f"{pod.files}/sources.list:/etc/apt/sources.list:ro")


@dataclass(frozen=True)
class Method:
    """A method of bringing sshd into the pod."""

    name: str
    begin: Callable[[Pod], None]
    archive: str = ""
    """Where the archive is: `loopback` or `slow`; empty: nowhere."""


METHODS = (
    Method("sshd in the job's image", _in_image),
    Method("node cache", _node_cache),
    Method("image volume", _image_volume),
    Method("init form", _init_form),
    Method("runtime image", _runtime),
    Method("online apt, archive on loopback", _online, "loopback"),
    Method("online apt, 50 Mbit/s and 40 ms away", _online_slowly, "slow"),
)


def measure(ground: Ground, rounds: int, tell: Tell) -> dict[str, Any]:
    """Measure all methods, after a round that does not count."""
    tell("making images")
    _make_images(ground)
    archive = ground.material.archive
    with _network() as (container, _), served_slowly(archive, container):
        link = measured_link(container, archive)
    seconds: dict[str, list[float]] = {method.name: [] for method in METHODS}
    shuffled = random.Random("sshd")  # noqa: S311  (nothing is kept secret)
    files, staged = ground.folder / "files", ground.folder / "staged"
    files.mkdir()
    staged.mkdir()
    (files / "job.yaml").write_text(job_yaml(), encoding="utf-8")
    lines = archive_lines(ground.material.release, SLOW_ADDRESS)
    (files / "sources.list").write_text(f"{lines}\n", encoding="utf-8")
    stage([GROUP], ground.cache, staged / "cache")
    for number in range(rounds + 1):
        for method in shuffled.sample(METHODS, len(METHODS)):
            tell(f"{f'round {number}' if number else 'warm-up'}: {method.name}")
            took = _timed(ground, method, files, staged / "cache")
            seconds[method.name] += [took] if number else []
    return {"link": link, "rows": [{"method": name, "seconds": values} for name, values in seconds.items()]}


def _make_images(ground: Ground) -> None:
    cache = f"{ground.cache.path}:/package_cache:ro"
    ground.commit(ground.job_image, WITH_SSH, ["sh", "-c", BY_CACHE], "--volume", cache)
    assert ground.init_image, ground.volume_image
    assert ground.runtime_image


def _timed(ground: Ground, method: Method, files: Path, staged: Path) -> float:
    """Return the seconds from the start of a pod until the banner; remove the pod."""
    archive = ground.material.archive
    with contextlib.ExitStack() as stack:
        container, network = stack.enter_context(_network())
        if method.archive:
            stack.enter_context((served_slowly if method.archive == "slow" else served)(archive, container))
        stack.callback(ground.podman, "volume", "rm", "--force", "pod", check=False)
        stack.callback(ground.remove, "job")
        argv = [*container.enter, sys.executable, "-I", "-S", "-c", _BANNER, str(PORT), str(JOB_LIMIT)]
        looking = start(argv)
        try:
            began = time.monotonic()
            method.begin(Pod(ground, network, "pod", staged, files))
            output, _ = looking.communicate(timeout=JOB_LIMIT + 10)
        finally:
            end(looking)
        if looking.returncode != 0:
            log = ground.podman("logs", "--tail", "30", "job", check=False)
            raise PackageCacheError(f"cannot reach sshd by the method '{method.name}'", details=log.stdout + log.stderr)
        return float(output) - began


@contextlib.contextmanager
def _network() -> Iterator[tuple[Container, str]]:
    """Yield a pod's network: the prefix that enters it, and its name for podman."""
    with hold([f"{find_tool('ip')} link set lo up"], ["--net"], user=False) as holder:
        yield Container(Isolation.ROOT_NAMESPACES, holder.enter, Path("/")), f"ns:/proc/{holder.pid}/ns/net"


def job_yaml() -> str:
    """Return a job with the ssh plugin and a key without owner, for the runtime. JSON is YAML."""
    name = b"ssh-ed25519"
    blob = len(name).to_bytes(4, "big") + name + (32).to_bytes(4, "big") + bytes(range(32))
    parameters = {"public-key": f"{name.decode()} {base64.b64encode(blob).decode()} nobody", "port": PORT}
    document: Mapping[str, Any] = {
        "protocolVersion": 2,
        "name": "bench",
        "taskRoles": {"main": {"commands": ["sleep 300"]}},
        "extras": {"com.microsoft.pai.runtimeplugin": [{"plugin": "ssh", "parameters": parameters}]},
    }
    return json.dumps(document)
