"""The seconds from a pod's start until its sshd answers, by each method, in rounds of random order.

A pod is a network namespace that has the archive in it, or behind the slow link, and nothing else, and podman's
containers in that network. The clock starts before podman creates the first container and stops when a TCP connection
to the port receives `SSH-2.0`.
"""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containers.podman import Podman, throwaway_podman
from containers.registry import Registry, loopback_registry
from tests.support.lab import Container, Isolation

from bench.archive import SCRIPTS, Where, archive_lines, measured_link, served, waiting
from bench.material import OTHER_KEYS, Material, prepare
from bench.measure import Tell, orders
from package_cache.build.builder import Order, build
from package_cache.cache.layout import CacheFolder
from package_cache.cli.options import given_options
from package_cache.errors import LockError, PackageCacheError
from package_cache.filesystem.paths import exclusive
from package_cache.image.export import Form, image
from package_cache.manifest import read_manifest
from package_cache.manifest.model import Rule
from package_cache.manifest.model import Where as ImagePlace
from package_cache.manifest_lock import current_lock, save_lock
from package_cache.oci.skopeo import Destination
from package_cache.process import end, find_tool, run, start
from package_cache.recording.model import RecordOrder
from package_cache.recording.record import record
from package_cache.recording.rules import own_rules
from package_cache.releases.sources import mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.sandbox.namespaces import hold
from package_cache.settings import Options
from package_cache.stage import stage

PROJECT = Path(__file__).parents[2]
SYSTEM = "ubuntu18.04"

UBUNTU = "localhost/ubuntu:18.04"
"""A container image of the system, whose apt knows the archive on loopback."""
WITH_SSH = f"{UBUNTU}-ssh"
"""The same with the group `ssh` installed."""

LIMIT = 300.0
"""Seconds that one command may take."""

GROUP = "ssh"
PORT = 2222
COMPARED = "init form"
"""The method that the others are compared with."""
JOB_LIMIT = 120.0
JOB = """
protocolVersion: 2
name: bench
taskRoles: {main: {commands: [sleep 300]}}
extras:
  com.microsoft.pai.runtimeplugin:
    - plugin: ssh
      parameters:
        port: 2222
        public-key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f nobody
"""
"""For the runtime: the ssh plugin with a key without owner."""

START = f"mkdir -p /run/sshd && chmod 755 /run/sshd && exec /usr/sbin/sshd -D -p {PORT}"
SERVE = f"ssh-keygen -A && {START}"
INSTALL = f"sh /package_cache/install_group.sh {GROUP}"
BY_DPKG = f"sh /package_cache/install_group.sh --no-replay {GROUP} && {SERVE}"
BY_RECORDING = f"{INSTALL} && {SERVE}"
INSTALLED, REPLAYED = f"{GROUP} installed: ", "by a recording of "
"""In the installer's line of success, and there only if it replayed a recording."""
ONLINE = f"apt-get update && apt-get install -y --no-install-recommends openssh-client openssh-server && {SERVE}"


@dataclass(frozen=True)
class Method:
    """A method of bringing sshd into the pod.

    Podman's words may name `{init}`, `{volume}`, `{ed25519}` and `{runtime}`, which are images; `{staged}`, a node's
    cache; and `{files}`: the job's YAML, and apt's sources for the slow link. The volume `pod` is created at its first
    use.
    """

    name: str
    command: str
    """What the job's container runs."""
    options: Sequence[str] = ()
    """Of the job's container."""
    image: str = UBUNTU
    init: Sequence[str] = ()
    """Options, image and arguments of an init container that runs before it; empty: none."""
    archive: Where = ""
    recorded: bool = False
    """Whether the installer must replay a recording."""


TO_VOLUME = ["--volume=pod:/package_cache", "{init}", GROUP, "--system", SYSTEM, "--to", "/package_cache"]
RUNTIME = ["--volume=pod:/usr/local/pai", "--volume={files}/job.yaml:/etc/pai/job.yaml:ro", "{runtime}"]
SOURCES = "--volume={files}/sources.list:/etc/apt/sources.list:ro"
NODE = ["--volume={staged}:/package_cache:ro"]
VOLUME = ["--mount=type=image,source={volume},destination=/package_cache"]
ED25519 = ["--mount=type=image,source={ed25519},destination=/package_cache"]
STAGED = ["--volume=pod:/package_cache:ro"]

METHODS = (
    Method("sshd in the job's image", SERVE, image=WITH_SSH),
    Method("node cache, recorded", BY_RECORDING, NODE, recorded=True),
    Method("image volume, recorded", BY_RECORDING, VOLUME, recorded=True),
    Method("image volume, recorded, Ed25519 host key only", f"{INSTALL} && {START}", ED25519, recorded=True),
    Method("init form, recorded", BY_RECORDING, STAGED, init=TO_VOLUME, recorded=True),
    Method(
        "runtime image, recorded", "exec sh /usr/local/pai/runtime.d/job.sh", RUNTIME[:1], init=RUNTIME, recorded=True
    ),
    Method("node cache", BY_DPKG, NODE),
    Method("image volume", BY_DPKG, VOLUME),
    Method("init form", BY_DPKG, STAGED, init=TO_VOLUME),
    Method("online apt, archive on loopback", ONLINE, archive="loopback"),
    Method("online apt, 50 Mbit/s and 40 ms away", ONLINE, [SOURCES], archive="slow"),
)


@dataclass(frozen=True)
class Ground:
    """What runs while pods are measured."""

    cache: CacheFolder
    """The cache of `package_cache_info`."""
    material: Material
    """A partial mirror and a root of `SYSTEM`."""
    options: Options
    podman: Podman
    registry: Registry
    folder: Path
    """On disk, removed afterwards."""

    def make_images(self) -> dict[str, str]:
        """Make the job's images, `UBUNTU` and `WITH_SSH`, and record `GROUP` in the first; make and pull the others.

        Return the names of these: `init` and `volume`, the cache's; `ed25519`, a volume whose recording makes an
        Ed25519 host key only; and `runtime`.
        """
        bare = f"{UBUNTU}-bare"
        self.podman.import_root(self.material.root, bare)
        options = ["--volume", f"{SCRIPTS / 'inside'}:/bench/inside:ro", "--env", "PROXY="]
        options += ["--env", f"SOURCES={archive_lines(self.material.release, 'loopback')}"]
        self._commit(bare, UBUNTU, ["sh", "/bench/inside/setup.sh"], options)
        self._commit(UBUNTU, WITH_SSH, ["sh", "-c", INSTALL], ["--volume", f"{self.cache.path}:/package_cache:ro"])
        self._record(self.cache)
        part = CacheFolder(self.folder / "ed25519")
        stage([GROUP], self.cache, part.path)
        self._record(part, OTHER_KEYS)
        images = {
            name: f"{self.registry.host}/package-cache:{name}" for name in ("init", "volume", "ed25519", "runtime")
        }
        for name, cache, form in (
            ("init", self.cache, Form.INIT),
            ("volume", self.cache, Form.VOLUME),
            ("ed25519", part, Form.VOLUME),
        ):
            image(cache, Destination.parse(f"docker://{images[name]}"), form, self.options)
        argv = [sys.executable, str(PROJECT / "runtime" / "build_image.py"), "--cache", str(self.cache.path)]
        argv += ["--output", f"docker://{images['runtime']}", "--state", str(self.options.state)]
        run(argv, env={"TMPDIR": str(self.folder)}, timeout=900)
        for name in images.values():
            self.podman.pull(name)
        return images

    def _record(self, cache: CacheFolder, rules: Sequence[Rule] = ()) -> None:
        """Record the group in the job's image. Raise `PackageCacheError` if that is refused."""
        reference = f"{self.registry.host}/job:latest"
        self.podman("push", "--quiet", "--tls-verify=false", UBUNTU, reference)
        images = (("the job's image", ImagePlace(image=f"docker://{reference}")),)
        order = RecordOrder(cache, (GROUP,), (), images, (*rules, *own_rules()), self.options.state)
        [result] = record(order).images
        why = [outcome.why for outcome in result.outcomes if outcome.recording is None]
        if result.error is not None or why:
            raise result.error or PackageCacheError(f"cannot measure recordings: {GROUP} has none: {why[0]}")

    def _commit(self, base: str, name: str, argv: Sequence[str], options: Sequence[str]) -> None:
        """Make an image of what a command makes of another image, without network."""
        self.podman("run", "--name", "made", "--network", "none", *options, base, *argv, timeout=LIMIT)
        self.podman("commit", "--quiet", "made", name)
        self.podman("rm", "made")


@contextlib.contextmanager
def ground(state: Path) -> Iterator[Ground]:
    """Yield everything; what runs is stopped after the block, the cache stays below `state`."""
    options = given_options(state)
    cache = _cache(state / "bench" / "kubernetes", options)
    material = prepare(SYSTEM, ("ssh", "nfs"), state=state)
    with contextlib.ExitStack() as stack:
        place = tempfile.TemporaryDirectory(prefix="run-", dir=cache.path.parent, ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(place))
        folder.chmod(0o755)
        registry = stack.enter_context(loopback_registry(folder / "registry"))
        podman = stack.enter_context(throwaway_podman())  # not below ours: podman bounds the length of its paths
        yield Ground(cache, material, options, podman, registry, folder)


def _cache(folder: Path, options: Options) -> CacheFolder:
    """Return the cache of `package_cache_info`, locked anew if the manifest has changed."""
    folder.mkdir(parents=True, exist_ok=True)
    cache = CacheFolder(folder / "package_cache")
    with exclusive(folder / ".lock", wait=3600):
        manifest = read_manifest(Path(shutil.copy(PROJECT / "package_cache_info", folder)))
        try:
            lock = current_lock(manifest)
        except LockError:  # there is none, or it is stale
            lock = make_lock(manifest, options)
            save_lock(lock, manifest)
        build(Order(lock, cache, mirror_finder(options, manifest)))
    return cache


def measure(ground: Ground, rounds: int, tell: Tell) -> dict[str, Any]:
    """Measure all methods, after a round that does not count."""
    tell("making images")
    places = {**ground.make_images(), "files": str(ground.folder), "staged": str(ground.folder / "staged")}
    archive = ground.material.archive
    with _network() as (container, _), served("slow", archive, container):
        link = measured_link(container, archive)
    (ground.folder / "job.yaml").write_text(JOB, encoding="utf-8")
    lines = archive_lines(ground.material.release, "slow")
    (ground.folder / "sources.list").write_text(f"{lines}\n", encoding="utf-8")
    stage([GROUP], ground.cache, ground.folder / "staged")
    seconds: dict[str, list[float]] = {method.name: [] for method in METHODS}
    for number, order in enumerate(orders(METHODS, rounds + 1, "sshd")):
        for method in order:
            tell(f"{f'round {number}' if number else 'warm-up'}: {method.name}")
            took = _timed(ground, method, places)
            seconds[method.name] += [took] if number else []
    return {"link": link, "rows": [{"method": name, "seconds": values} for name, values in seconds.items()]}


def _timed(ground: Ground, method: Method, places: Mapping[str, str]) -> float:
    """Return the seconds from the start of a pod until the banner; remove the pod."""
    podman = ground.podman
    options, init = ([word.format(**places) for word in words] for words in (method.options, method.init))
    with contextlib.ExitStack() as stack:
        container, network = stack.enter_context(_network())
        stack.enter_context(served(method.archive, ground.material.archive, container))
        stack.callback(podman, "volume", "rm", "--force", "pod", check=False)
        stack.callback(podman, "rm", "--force", "--time", "0", "--ignore", "job", check=False)
        looking = start(waiting(container.enter, f"127.0.0.1:{PORT}", "SSH-2.0", JOB_LIMIT))
        try:
            began = time.monotonic()
            if init:
                podman("run", "--rm", "--network", network, *init, timeout=LIMIT)
            job = ["--detach", "--name", "job", "--network", network, *options, method.image]
            podman("run", *job, "sh", "-c", method.command, timeout=LIMIT)
            output, _ = looking.communicate(timeout=JOB_LIMIT + 10)
        finally:
            end(looking)
        if looking.returncode != 0:
            log = podman("logs", "--tail", "30", "job", check=False)
            raise PackageCacheError(f"cannot reach sshd by the method '{method.name}'", details=log.stdout + log.stderr)
        _check_recorded(method, podman)
        return float(output) - began


def _check_recorded(method: Method, podman: Podman) -> None:
    """Raise `PackageCacheError` if the installer in the job's container did not go the method's way."""
    log = podman("logs", "job", check=False)
    lines = f"{log.stdout}{log.stderr}".splitlines()
    if any(INSTALLED in line and REPLAYED in line for line in lines) is not method.recorded:
        what = "did not replay a recording" if method.recorded else "replayed a recording"
        raise PackageCacheError(f"the installer {what} in the method '{method.name}'", details="\n".join(lines[-15:]))


@contextlib.contextmanager
def _network() -> Iterator[tuple[Container, str]]:
    """Yield a pod's network: the prefix that enters it, and its name for podman."""
    with hold([f"{find_tool('ip')} link set lo up"], ["--net"], user=False) as holder:
        yield Container(Isolation.ROOT_NAMESPACES, holder.enter, Path("/")), f"ns:/proc/{holder.pid}/ns/net"
