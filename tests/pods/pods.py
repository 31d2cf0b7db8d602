"""Pods as Kubernetes describes them, played by podman."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from containers.podman import Podman

from package_cache.outside.run import run

REPOSITORY = Path(__file__).parents[2]

Spec = dict[str, Any]


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
        """Wait for a container's end."""
        name = f"{self._name}-{container}"
        deadline = time.monotonic() + within
        while (state := self._state(name))["Status"] not in ("exited", "stopped"):
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} is {state['Status']} after {within} s:\n{self.log(container)}")
            time.sleep(0.1)
        return Ended(state["ExitCode"], self.log(container))

    @property
    def pid(self) -> int:
        """The process that holds the pod's network namespace."""
        infra = self._podman("pod", "inspect", "--format", "{{.InfraContainerID}}", self._name).stdout.strip()
        return int(self._podman("inspect", "--format", "{{.State.Pid}}", infra).stdout)

    def said(self, container: str, words: str, within: float = 60) -> None:
        """Wait until a container says something."""
        deadline = time.monotonic() + within
        while words not in self.log(container):
            assert time.monotonic() < deadline, self.log(container)
            time.sleep(0.1)

    def log(self, container: str) -> str:
        """Give all that a container has said."""
        done = self._podman("logs", f"{self._name}-{container}", check=False)
        return done.stdout + done.stderr

    def _state(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._podman("inspect", "--format", "{{json .State}}", name).stdout)
        return found


def connect(one: PlayedPod, other: PlayedPod) -> None:
    """Lay a cable between two pods that have no other network: 10.9.0.1 and 10.9.0.2."""
    run(["ip", "link", "add", "cable", "netns", str(one.pid), "type", "veth", "peer", "cable", "netns", str(other.pid)])
    for number, pod in enumerate((one, other), 1):
        inside = ["nsenter", "--target", str(pod.pid), "--net", "ip"]
        run([*inside, "address", "add", f"10.9.0.{number}/24", "dev", "cable"])
        run([*inside, "link", "set", "cable", "up"])


@contextmanager
def played(podman: Podman, folder: Path, name: str, spec: Spec, *others: Spec) -> Iterator[PlayedPod]:
    """Run a pod of this spec, `others` are documents beside it; afterwards it and its volumes are gone."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump_all([*others, pod]))
    volumes = [volume["name"] for volume in spec.get("volumes", ()) if "emptyDir" in volume]
    try:
        podman("kube", "play", "--network", "none", str(file))
        yield PlayedPod(podman, name)
    finally:
        podman("pod", "rm", "--force", "--time", "0", name, check=False)
        if volumes:
            podman("volume", "rm", "--force", *volumes, check=False)
