"""MPIJob and TrainJob as their operators start them: two pods that reach each other by OpenSSH from the cache."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from containers.podman import Podman
from containers.pods import Document, connect, documents, played, pods_of

from package_cache.process import run

pytestmark = pytest.mark.system

SCRIPTS = [*documents("install-script.yaml"), *documents("recipes/mpi-script.yaml")]
WORKER = "10.9.0.1"


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the operator's Secret and ConfigMap, with a key of its type and modes as the trainer mounts them."""
    folder = tmp_path_factory.mktemp("operator")
    (auth := folder / "ssh-auth").mkdir(mode=0o777)
    run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", "521", "-m", "PEM", "-N", "", "-f", str(auth / "id_rsa")])
    (auth / "authorized_keys").write_bytes((auth / "id_rsa.pub").read_bytes())
    auth.chmod(0o1777)
    (auth / "id_rsa").chmod(0o640)
    (mpi := folder / "mpi").mkdir()
    (mpi / "hostfile").write_text(f"{WORKER} slots=1\n")
    return folder


def with_volumes(spec: Document, folder: Path, at: str) -> None:
    """Add the operator's volumes to a pod."""
    for name, path in {"ssh-auth": at, "mpi": "/etc/mpi"}.items():
        spec["volumes"].append({"name": f"of-operator-{name}", "hostPath": {"path": str(folder / name)}})
        mount = {"name": f"of-operator-{name}", "mountPath": path, "readOnly": True}
        spec["containers"][0]["volumeMounts"].append(mount)


@pytest.mark.parametrize("recipe", ["mpijob", "trainjob"])
def test_the_launcher_logs_in_to_a_worker(
    recipe: str,
    podman: Podman,
    pushed: Callable[[str], str],
    job_image: Callable[[str], str],
    operators: Path,
    tmp_path: Path,
) -> None:
    pushed("init")
    file = f"recipes/{recipe}.yaml"
    first, *rest = (document["spec"] for document in documents(file))
    worker, launcher = pods_of(file, job_image("ubuntu18.04"))
    at = first["sshAuthMountPath"] if recipe == "mpijob" else first["mlPolicy"]["mpi"]["sshAuthMountPath"]
    for job in rest:  # as the trainer does
        launcher["containers"][0]["args"] = job["trainer"]["args"]
    names = [f"{recipe}-worker", f"{recipe}-launcher"]
    with ExitStack() as stack:
        pods = []
        for name, spec in zip(names, (worker, launcher), strict=True):
            with_volumes(spec, operators, at)
            spec |= {"hostname": name, "restartPolicy": "Never"}
            pods.append(stack.enter_context(played(podman, tmp_path, name, spec, *SCRIPTS)))
        connect(podman, *names)
        ended = pods[1].ended(launcher["containers"][0]["name"])
        log = pods[0].log(worker["containers"][0]["name"])
    assert ended.status == 0, ended.log + log
    assert names[0] in ended.log.splitlines()
    for said in (ended.log, log):
        assert "0 bytes from the network" in said
