"""The seed's system whole: an init container with the runtime, a job's container of the user's image, no network."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from containers.podman import PATH, Podman
from tests.pods.pods import Spec, connect, played

from package_cache.outside.run import CommandError, run

pytestmark = pytest.mark.system

LOGIN = (
    "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=5 -i /keys/id"
)


@dataclass(frozen=True)
class Job:
    """A job's file, the key of its owner, and the pod that runs one of its tasks."""

    folder: Path
    name: str

    def spec(self, runtime: str, image: str, commands: list[str], plugins: list[Spec]) -> Spec:
        document = {
            "taskRoles": {"worker": {"commands": commands}},
            "extras": {"com.microsoft.pai.runtimeplugin": plugins},
        }
        file = self.folder / f"{self.name}-job.yaml"
        file.write_text(yaml.safe_dump(document))
        volume = {"name": f"{self.name}-pai", "mountPath": "/usr/local/pai"}
        return {
            "restartPolicy": "Never",
            "initContainers": [
                {
                    "name": "init",
                    "image": runtime,
                    "volumeMounts": [volume, {"name": "job", "mountPath": "/etc/pai/job.yaml", "readOnly": True}],
                }
            ],
            "containers": [
                {
                    "name": "worker",
                    "image": image,
                    "command": ["sh", "/usr/local/pai/runtime.d/job.sh"],
                    "env": [{"name": "PATH", "value": PATH}],
                    "volumeMounts": [volume, {"name": "key", "mountPath": "/keys/id", "readOnly": True}],
                }
            ],
            "volumes": [
                {"name": volume["name"], "emptyDir": {}},
                {"name": "job", "hostPath": {"path": str(file), "type": "File"}},
                {"name": "key", "hostPath": {"path": str(self.key), "type": "File"}},
            ],
        }

    @property
    def key(self) -> Path:
        """The key's file, made where it is missing."""
        path = self.folder / "id"
        if not path.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)])
        return path

    @property
    def ssh(self) -> Spec:
        """The entry of the plugin ssh that lets the key's owner in."""
        public = self.key.with_suffix(".pub").read_text().strip()
        return {"plugin": "ssh", "parameters": {"public-key": public, "port": 2222}, "failurePolicy": "fail"}


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_the_owner_of_the_key_logs_in(
    system: str, podman: Podman, runtime_image: str, job_image: Callable[[str], str], tmp_path: Path
) -> None:
    job = Job(tmp_path, f"login-{system.replace('.', '-')}")
    callbacks = [
        {"event": "taskStarts", "commands": ["echo the task starts"]},
        {"event": "taskSucceeds", "commands": ["echo the task succeeded"]},
    ]
    commands = [f"{LOGIN} -p 2222 root@127.0.0.1 'echo logged in as $(id -un)'"]
    plugins = [job.ssh, {"plugin": "cmd", "parameters": {"callbacks": callbacks}}]
    spec = job.spec(runtime_image, job_image(system), commands, plugins)
    with played(podman, tmp_path, job.name, spec) as pod:
        worker = pod.ended("worker")
    assert worker.status == 0, worker.log
    assert "package-cache: ssh: served by the cache" in worker.log
    assert "0 bytes from the network" in worker.log
    for line in ("the task starts", "logged in as root", "the task succeeded"):
        assert line in worker.log.splitlines()


def test_two_tasks_log_in_to_each_other(
    podman: Podman, runtime_image: str, job_image: Callable[[str], str], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        pods = []
        for number, system in enumerate(("ubuntu16.04", "ubuntu18.04"), 1):
            job = Job(tmp_path, f"task-{number}")
            peer = f"10.9.0.{3 - number}"
            commands = [
                "tries=60",
                f"until {LOGIN} -p 2222 root@{peer} 'touch /tmp/visited; . /etc/os-release; echo in $VERSION_ID'; do",
                "tries=$((tries - 1)); [ $tries -gt 0 ] || exit 1; sleep 1",
                "done",
                "while [ ! -e /tmp/visited ]; do sleep 0.1; tries=$((tries - 1)); done",
            ]
            spec = job.spec(runtime_image, job_image(system), commands, [job.ssh])
            pods.append(stack.enter_context(played(podman, tmp_path, job.name, spec)))
        connect(*pods)
        workers = [pod.ended("worker") for pod in pods]
    assert [worker.status for worker in workers] == [0, 0], [worker.log for worker in workers]
    assert "in 18.04" in workers[0].log
    assert "in 16.04" in workers[1].log


def test_where_init_fails_the_job_does_not_start(
    podman: Podman, runtime_image: str, job_image: Callable[[str], str], tmp_path: Path
) -> None:
    job = Job(tmp_path, "unknown")
    spec = job.spec(runtime_image, job_image("ubuntu18.04"), ["echo it ran"], [{"plugin": "nothing"}])
    with pytest.raises(CommandError), played(podman, tmp_path, job.name, spec):
        pass


def test_a_signal_ends_the_job_in_order(
    podman: Podman, runtime_image: str, job_image: Callable[[str], str], tmp_path: Path
) -> None:
    job = Job(tmp_path, "signal")
    commands = ["trap 'echo hears it; exit 5' TERM", "echo ready", "while :; do sleep 0.1; done"]
    callbacks = [{"event": "taskStarts", "commands": ["true"]}]
    plugins = [{"plugin": "cmd", "parameters": {"callbacks": callbacks}}]
    spec = job.spec(runtime_image, job_image("ubuntu18.04"), commands, plugins)
    with played(podman, tmp_path, job.name, spec) as pod:
        pod.said("worker", "ready")
        podman("stop", "--time", "20", "signal-worker")
        worker = pod.ended("worker")
    assert worker.status == 5, worker.log
    assert "hears it" in worker.log
