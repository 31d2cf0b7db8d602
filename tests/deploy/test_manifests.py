"""The manifests are what the Kubernetes API takes, and as tight as the documents say."""

import copy
import re
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from containers.pods import pod_specs as pods_in
from tests.deploy.manifests import FILES, FOLDER, Document, containers, documents, pod_specs, shell_snippets

from package_cache.process import run

OLDEST = {"image-volume.yaml": "1.31", "policy.yaml": "1.36"}
"""The first version of the API that has all of a manifest's fields, where it is not the oldest that we look at."""
OLDEST_OF_ALL = "1.28"

CUSTOM = {"MPIJob", "TrainJob", "TrainingRuntime"}
"""Kinds that a cluster knows by a CustomResourceDefinition: of these, the specs of pods are validated."""

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def validate(document: Document, version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def versions(file: Path) -> list[str]:
    return [OLDEST.get(file.name, OLDEST_OF_ALL), kubernetes_validate.latest_version()]


def test_there_is_a_manifest_for_each_form() -> None:
    assert {"init-container.yaml", "image-volume.yaml", "node-cache.yaml"} < {file.name for file in FILES}


@each_file
def test_the_api_takes_it(file: Path) -> None:
    for document in documents(file):
        pods = [{"apiVersion": "v1", "kind": "Pod", "spec": spec} for spec in pods_in(document)]
        for version in versions(file):
            for known in pods if document["kind"] in CUSTOM else [document]:
                validate(known, version)


def test_an_older_api_does_not_know_image_volumes() -> None:
    with pytest.raises(kubernetes_validate.ValidationError, match="'image' was unexpected"):
        validate(documents(FOLDER / "image-volume.yaml")[0], "1.30")


@pytest.mark.parametrize("file", [file for file in FILES if containers(file)], ids=lambda file: file.name)
def test_a_misspelt_field_is_found(file: Path) -> None:
    for version in versions(file):
        spec = copy.deepcopy([*pod_specs(file)][-1])
        document = {"apiVersion": "v1", "kind": "Pod", "spec": spec}
        container = spec["containers"][0]
        container["securityContexts"] = container.pop("securityContext")
        with pytest.raises(kubernetes_validate.ValidationError, match="securityContexts"):
            validate(document, version)


@each_file
def test_no_host_is_named(file: Path) -> None:
    images = {container["image"] for container in containers(file)}
    references = {
        volume["image"]["reference"] for spec in pod_specs(file) for volume in spec["volumes"] if "image" in volume
    }
    ours = {f"localhost:5000/package-cache:{tag}" for tag in ("init", "volume", "runtime")}
    assert images | references <= {"ubuntu:18.04", *ours}
    names = set(re.findall(r"\b(?:[a-z0-9-]+\.)+(?:ai|cloud|com|dev|io|net|org)\b", file.read_text()))
    known = {
        "admissionregistration.k8s.io",
        "com.microsoft.pai",
        "kubeflow.org",
        "nvidia.com",
        "trainer.kubeflow.org",
        "app.kubernetes.io",
        "kubernetes.io",
        "pod-security.kubernetes.io",
        "scheduling.k8s.io",
    }
    assert names <= known


@each_file
def test_every_container_is_bounded_and_confined(file: Path) -> None:
    for container in containers(file):
        resources, confined = container["resources"], container["securityContext"]
        for bound in ("requests", "limits"):
            assert set(resources[bound]) == {"cpu", "memory", "ephemeral-storage"}, container["name"]
        assert confined["allowPrivilegeEscalation"] is False
        assert confined["capabilities"]["drop"] == ["ALL"]
        assert "privileged" not in confined
        if container["image"] != "ubuntu:18.04":  # what dpkg writes to cannot be read-only
            assert confined["readOnlyRootFilesystem"] is True
            assert "add" not in confined["capabilities"]
        if container["name"] == "job":
            read_only = {mount["name"]: mount["readOnly"] for mount in container["volumeMounts"]}
            assert read_only == {"package-cache": True, "script": True}
    for spec in pod_specs(file):
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for job in [document["spec"] for document in documents(file) if document["kind"] == "Job"]:
        assert job["backoffLimit"] > 0
        assert job["template"]["spec"]["activeDeadlineSeconds"] > 0
        assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_what_happened_is_told_where_people_look() -> None:
    """`kubectl describe pod`: the log of an init container that failed, and what the script wrote of a job."""
    for file in FILES:
        for spec in pod_specs(file):
            for container in spec.get("initContainers", ()):
                assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
            for container in spec["containers"]:
                if container["name"] == "job":
                    assert {"name": "RESULT", "value": "/run/package-cache.result"} in container["env"]


def test_a_job_looks_where_the_node_is_filled() -> None:
    specs = pod_specs(FOLDER / "node-cache.yaml")
    filled, looked = ([volume["hostPath"] for volume in spec["volumes"] if "hostPath" in volume] for spec in specs)
    assert filled == looked
    assert not filled[0]["path"].startswith("/var/lib/package-cache")  # the installer's own notes, where a node has it


@each_file
def test_shell_is_plain_sh(file: Path, tmp_path: Path) -> None:
    for number, snippet in enumerate(shell_snippets(file)):
        script = tmp_path / f"snippet{number}.sh"
        script.write_text(snippet)
        for linter in (("shellcheck", "--shell=sh", "--enable=all"), ("dash", "-n"), ("busybox", "ash", "-n")):
            done = run([*linter, str(script)], timeout=60, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), snippet
