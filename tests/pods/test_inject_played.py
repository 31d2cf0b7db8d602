"""Pods as the policies of deploy/inject/ change them, played without network: the group is there, then the command."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from containers.podman import PATH, Podman
from containers.pods import Document, played
from tests.deploy.admission import admitted

pytestmark = pytest.mark.system

LOOKS = ("sh", "-c", 'ssh -V 2>&1; printf "<%s>" "$@"', "sh")
ODD = ("", " a  b ", "`x` \"'\\", "--")


def injected(
    image: str, settings: dict[str, str], *args: str, groups: str = "ssh", command: Sequence[str] = LOOKS
) -> Document:
    """Return the spec of a pod that the policies admitted."""
    job = {
        "name": "job",
        "image": image,
        "command": [*command],
        "args": [*args],
        "env": [{"name": "PATH", "value": PATH}],
    }
    metadata = {"labels": {"package-cache": "enabled"}, "annotations": {"package-cache/groups": groups}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"restartPolicy": "Never", "containers": [job]},
    }
    spec: Document = admitted(pod, settings)["spec"]
    return spec


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_by_an_init_container(
    system: str, podman: Podman, pushed: Callable[[str], str], job_image: Callable[[str], str], tmp_path: Path
) -> None:
    settings = {"form": "init", "image": pushed("init")}
    spec = injected(job_image(system), settings, *ODD)
    with played(podman, tmp_path, f"injected-{system.replace('.', '-')}", spec) as pod:
        job = pod.ended("job")
    assert job.status == 0, job.log
    assert "0 bytes from the network" in job.log
    assert "OpenSSH_" in job.log
    assert "<>< a  b ><`x` \"'\\><-->" in job.log


def test_a_miss_of_the_init_container(
    podman: Podman, pushed: Callable[[str], str], job_image: Callable[[str], str], tmp_path: Path
) -> None:
    """The cache's image has the group, but not for the job's OS release."""
    settings = {"form": "init", "image": pushed("init")}
    spec = injected(job_image("debian12"), settings)
    with played(podman, tmp_path, "injected-miss", spec) as pod:
        job = pod.ended("job")
    assert job.status == 11, job.log
    assert "OpenSSH_" not in job.log
    assert "ssh not installed (status 11): the command does not start" in job.log


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_by_an_image_volume(
    system: str, podman: Podman, pushed: Callable[[str], str], job_image: Callable[[str], str]
) -> None:
    """podman's own option mounts the image: its `kube play` does not know image volumes yet."""
    reference = pushed("volume")
    spec = injected(job_image(system), {"image": reference}, *ODD)
    (volume,), (job,) = spec["volumes"], spec["containers"]
    assert volume["image"]["reference"] == reference
    (mount,) = job["volumeMounts"]
    options = ["--mount", f"type=image,source={reference},destination={mount['mountPath']}"]
    done = podman.run(job["image"], *job["command"], *job["args"], options=options, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 bytes from the network" in done.stderr
    assert done.stdout.startswith("OpenSSH_")
    assert done.stdout.endswith("<>< a  b ><`x` \"'\\><-->")
