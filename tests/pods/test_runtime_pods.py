"""The seed's system whole: an init container with the runtime, a job's container of the user's image, no network."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from containers.podman import Podman
from containers.pods import LOGIN, RuntimeJob, connect, played

from package_cache.process import CommandError

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("runtime_image")]

JobImage = Callable[[str], str]


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_the_owner_of_the_key_logs_in(system: str, podman: Podman, job_image: JobImage, tmp_path: Path) -> None:
    job = RuntimeJob(tmp_path)
    callbacks = [
        {"event": "taskStarts", "commands": ["echo the task starts"]},
        {"event": "taskSucceeds", "commands": ["echo the task succeeded"]},
    ]
    commands = [f"{LOGIN} root@127.0.0.1 'echo logged in as $(id -un)'"]
    plugins = [job.ssh, {"plugin": "cmd", "parameters": {"callbacks": callbacks}}]
    pod_and_config = job.pod(job_image(system), commands, plugins)
    with played(podman, tmp_path, f"login-{system.replace('.', '-')}", *pod_and_config) as pod:
        worker = pod.ended("worker")
    assert worker.status == 0, worker.log
    assert "package-cache: ssh: served by the cache" in worker.log
    assert "0 bytes from the network" in worker.log
    for line in ("the task starts", "logged in as root", "the task succeeded"):
        assert line in worker.log.splitlines()


def test_two_tasks_log_in_to_each_other(podman: Podman, job_image: JobImage, tmp_path: Path) -> None:
    job = RuntimeJob(tmp_path)
    with ExitStack() as stack:
        pods = []
        for number, system in enumerate(("ubuntu16.04", "ubuntu18.04"), 1):
            commands = [
                "tries=300",
                "again() { tries=$((tries - 1)); [ $tries -gt 0 ] && sleep 0.2; }",
                f"until {LOGIN} root@10.9.0.{3 - number} 'touch /tmp/visited; . /etc/os-release; echo in $VERSION_ID'",
                "do again || exit 1; done",
                "until [ -e /tmp/visited ]; do again || exit 1; done",
            ]
            pod_and_config = job.pod(job_image(system), commands, [job.ssh])
            pods.append(stack.enter_context(played(podman, tmp_path, f"task-{number}", *pod_and_config)))
        connect(podman, "task-1", "task-2")
        workers = [pod.ended("worker") for pod in pods]
    assert [worker.status for worker in workers] == [0, 0], [worker.log for worker in workers]
    assert "in 18.04" in workers[0].log
    assert "in 16.04" in workers[1].log


def test_where_init_fails_the_job_does_not_start(podman: Podman, job_image: JobImage, tmp_path: Path) -> None:
    job = RuntimeJob(tmp_path)
    pod_and_config = job.pod(job_image("ubuntu18.04"), ["echo it ran"], [{"plugin": "nothing"}])
    with pytest.raises(CommandError), played(podman, tmp_path, "unknown", *pod_and_config):
        pass


def test_a_signal_ends_the_job_in_order(podman: Podman, job_image: JobImage, tmp_path: Path) -> None:
    job = RuntimeJob(tmp_path)
    commands = ["trap 'echo hears it; exit 5' TERM", "echo ready", "while :; do sleep 0.1; done"]
    pod_and_config = job.pod(job_image("ubuntu18.04"), commands, [])
    with played(podman, tmp_path, "signal", *pod_and_config) as pod:
        deadline = time.monotonic() + 60
        while "ready" not in pod.log("worker"):
            assert time.monotonic() < deadline, pod.log("worker")
            time.sleep(0.1)
        podman("stop", "--time", "20", "signal-worker")
        worker = pod.ended("worker")
    assert worker.status == 5, worker.log
    assert "hears it" in worker.log
