"""Pods as Kubernetes describes them, played by podman: the manifests of `deploy/`, with the images of this machine.

Also jobs of the runtime: `deploy/runtime.yaml` with a job of one's own, and a key that may log in.
"""

import copy
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from containers.podman import PATH, Podman
from package_cache.errors import PackageCacheError
from package_cache.process import run

DEPLOY = Path(__file__).parents[1] / "deploy"

Document = dict[str, Any]


def documents(name: str) -> list[Document]:
    """Return the documents of a file of `deploy/`."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def pod_specs(value: Any) -> Iterator[Document]:
    """Yield the specs of pods in a document of any kind: what has `containers`."""
    if isinstance(value, dict) and "containers" in value:
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from pod_specs(part)


def pods_of(name: str, image: str) -> list[Document]:
    """Return the specs of the pods in a file of `deploy/`, whose jobs are of that image.

    An image that was imported from a root states no PATH, and podman adds none.
    """
    specs: list[Document] = [spec for one in documents(name) for spec in pod_specs(one)]
    specs = json.loads(json.dumps(specs))  # each has its own copy of what the file has once, by an alias
    for container in (container for spec in specs for container in spec["containers"]):
        if container["image"] == "ubuntu:18.04":
            container["image"] = image
            container.setdefault("env", []).append({"name": "PATH", "value": PATH})
    return specs


@dataclass(frozen=True)
class Ended:
    """A container of a pod that has come to its end."""

    status: int
    log: str


class PlayedPod:
    """A pod that was started; podman takes its init containers away once they are done."""

    def __init__(self, podman: Podman, name: str) -> None:
        self._podman, self._name = podman, name

    def ended(self, container: str, within: float = 120) -> Ended:
        """Wait for a container's end. Raise `PackageCacheError` after `within` seconds."""
        name = f"{self._name}-{container}"
        deadline = time.monotonic() + within
        while True:
            state = json.loads(self._podman("inspect", "--format", "{{json .State}}", name).stdout)
            if state["Status"] in ("exited", "stopped"):
                return Ended(state["ExitCode"], self.log(container))
            if time.monotonic() > deadline:
                raise PackageCacheError(f"cannot wait for the end of {name} any longer", details=self.log(container))
            time.sleep(0.1)

    def log(self, container: str) -> str:
        """Return all that a container has said."""
        done = self._podman("logs", f"{self._name}-{container}", check=False)
        return done.stdout + done.stderr


@contextmanager
def played(podman: Podman, folder: Path, name: str, spec: Document, *others: Document) -> Iterator[PlayedPod]:
    """Run a pod of this spec, without network; `others` are documents beside it. Afterwards it is gone.

    Raise `CommandError` if an init container fails.
    """
    spec, volumes = _with_own_volumes(name, spec)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump_all([*others, pod]), encoding="utf-8")
    try:
        podman("kube", "play", "--network", "none", str(file))
        yield PlayedPod(podman, name)
    finally:
        podman("pod", "rm", "--force", "--time", "0", name, check=False)
        if volumes:
            podman("volume", "rm", "--force", *volumes, check=False)


def connect(podman: Podman, one: str, other: str) -> None:
    """Connect two pods that have no other network: 10.9.0.1 and 10.9.0.2."""
    pids = []
    for name in (one, other):
        infra = podman("pod", "inspect", "--format", "{{.InfraContainerID}}", name).stdout.strip()
        pids.append(podman("inspect", "--format", "{{.State.Pid}}", infra).stdout.strip())
    run(["ip", "link", "add", "cable", "netns", pids[0], "type", "veth", "peer", "cable", "netns", pids[1]])
    for number, pid in enumerate(pids, 1):
        inside = ["nsenter", "--target", pid, "--net", "ip"]
        run([*inside, "address", "add", f"10.9.0.{number}/24", "dev", "cable"])
        run([*inside, "link", "set", "cable", "up"])


def _with_own_volumes(name: str, spec: Document) -> tuple[Document, list[str]]:
    """Return the spec with other names for its emptyDirs, which podman would share with other pods, and these names."""
    spec = copy.deepcopy(spec)
    own = [volume for volume in spec.get("volumes", ()) if "emptyDir" in volume]
    new_names = {volume["name"]: f"{name}-{volume['name']}" for volume in own}
    mounts = (
        mount
        for kind in ("initContainers", "containers")
        for container in spec.get(kind, ())
        for mount in container.get("volumeMounts", ())
    )
    for item in (*own, *mounts):
        item["name"] = new_names.get(item["name"], item["name"])
    return spec, list(new_names.values())


LOGIN = (
    "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes "
    "-o ConnectTimeout=5 -i /keys/id -p 2222"
)
"""Before what stands between `user@host` and a command: a login with the key that the job's container has."""


class RuntimeJob:
    """The pod of a job, and the key of its owner, which lies at /keys/id in the job's container as well."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / "id"
        if not self.key.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)])

    @property
    def ssh(self) -> Document:
        """The entry of the plugin ssh that lets the key's owner in."""
        public = self.key.with_suffix(".pub").read_text(encoding="utf-8").strip()
        return {"plugin": "ssh", "parameters": {"public-key": public, "port": 2222}, "failurePolicy": "fail"}

    def pod(self, image: str, commands: Sequence[str], plugins: Sequence[Document]) -> tuple[Document, Document]:
        """Return the pod's spec for a job's image, and the ConfigMap that it mounts."""
        (spec,) = pods_of("runtime.yaml", image)
        (worker,) = spec["containers"]
        worker["volumeMounts"].append({"name": "key", "mountPath": "/keys/id", "readOnly": True})
        spec["volumes"].append({"name": "key", "hostPath": {"path": str(self.key), "type": "File"}})
        job = {
            "taskRoles": {"worker": {"commands": list(commands)}},
            "extras": {"com.microsoft.pai.runtimeplugin": list(plugins)},
        }
        config = documents("runtime.yaml")[0]
        config["data"] = {"job.yaml": yaml.safe_dump(job)}
        return spec, config
