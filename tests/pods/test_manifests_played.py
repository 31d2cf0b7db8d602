"""The manifests of deploy/ in real pods without network: the group comes from the cache, by each way into a pod."""

from collections.abc import Callable
from pathlib import Path

import pytest
from containers.podman import Podman
from containers.pods import documents, played, pods_of
from tests.deploy.manifests import install_script

from package_cache.cache.layout import CacheFolder

pytestmark = pytest.mark.system

SCRIPT = documents("install-script.yaml")[0]


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_init_container(
    system: str, podman: Podman, pushed: Callable[[str], str], job_image: Callable[[str], str], tmp_path: Path
) -> None:
    pushed("init")
    (spec,) = pods_of("init-container.yaml", job_image(system))
    args = spec["initContainers"][0]["args"]
    args[args.index("ubuntu18.04")] = system
    with played(podman, tmp_path, f"init-{system.replace('.', '-')}", spec, SCRIPT) as pod:
        job = pod.ended("job")
    assert job.status == 0, job.log
    assert "0 bytes from the network" in job.log
    assert "OpenSSH_" in job.log


def test_node_cache(
    podman: Podman, pushed: Callable[[str], str], job_image: Callable[[str], str], tmp_path: Path
) -> None:
    """The DaemonSet's pod fills a folder of the node; the job's pod reads it."""
    pushed("init")
    filler, job = pods_of("node-cache.yaml", job_image("ubuntu18.04"))
    node = tmp_path / "node"
    node.mkdir()
    for spec in (filler, job):
        for volume in spec["volumes"]:
            if "hostPath" in volume:
                volume["hostPath"] = {"path": str(node), "type": "Directory"}
    filler["initContainers"][0]["args"].remove("nfs")  # this cache has none
    filler["restartPolicy"] = "OnFailure"  # podman 4.3 restarts init containers that ended well, too
    with played(podman, tmp_path, "filler", filler), played(podman, tmp_path, "reader", job, SCRIPT) as pod:
        done = pod.ended("job")
    assert done.status == 0, done.log
    assert "0 bytes from the network" in done.log


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_image_volume(
    system: str, podman: Podman, pushed: Callable[[str], str], job_image: Callable[[str], str], tmp_path: Path
) -> None:
    """What `volumes: - image:` mounts; podman's own option does it here, for its `kube play` does not know it yet."""
    mount = f"type=image,source={pushed('volume')},destination=/package_cache"
    script = tmp_path / "install.sh"
    script.write_text(install_script())
    done = podman.run(
        job_image(system), "sh", "/script/install.sh", "ssh", "openssh-client", "openssh-server",
        options=["--mount", mount, "--volume", f"{tmp_path}:/script:ro"], check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 bytes from the network" in done.stdout
    assert "falling back" not in done.stderr


def test_a_user_namespace(
    podman: Podman, pod_cache: CacheFolder, job_image: Callable[[str], str], tmp_path: Path
) -> None:
    """What `hostUsers: false` asks for: the job's root is nobody outside, and only reads what belongs to others."""
    (tmp_path / "install.sh").write_text(install_script())
    tmp_path.chmod(0o755)
    volumes = ["--volume", f"{pod_cache.path}:/package_cache:ro", "--volume", f"{tmp_path}:/script:ro"]
    done = podman.run(
        job_image("ubuntu18.04"), "sh", "/script/install.sh", "ssh", "openssh-client", "openssh-server",
        options=[*volumes, "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"], check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 bytes from the network" in done.stdout
