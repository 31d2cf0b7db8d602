"""`image --attach`: documents that a registry's clients find by the image's digest."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from containers.registry import loopback_registry
from tests.support.layout import document
from tests.support.world import World, refused

from package_cache.process import run

INDEX = "application/vnd.oci.image.index.v1+json"
TYPES = {"sbom": "application/spdx+json", "provenance": "application/vnd.in-toto+json"}


@pytest.fixture
def built(world: World) -> World:
    world.built("edit,ubuntu18.04,editor\n")
    return world


def attach(world: World, to: str, *words: str) -> tuple[int, str, str]:
    lock, state = str(world.folder / "package-cache.lock"), str(world.folder / "state")
    return world.run("image", "--cache", str(world.cache), "--output", to, "--state", state, "--lock", lock, *words)


def attached(layout: Path, image: str) -> dict[str, tuple[dict[str, Any], bytes]]:
    """Return the manifest and the content of each document about an image, by its kind."""
    named = json.loads((layout / "index.json").read_bytes())["manifests"]
    tag = image.replace(":", "-")
    [index] = [one for one in named if one["annotations"]["org.opencontainers.image.ref.name"] == tag]
    assert index["mediaType"] == INDEX
    found = {}
    for item in document(layout, index["digest"])["manifests"]:
        manifest = document(layout, item["digest"])
        [layer] = manifest["layers"]
        content = (layout / "blobs/sha256" / layer["digest"].removeprefix("sha256:")).read_bytes()
        assert layer["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert item.get("artifactType", manifest["artifactType"]) == manifest["artifactType"] == layer["mediaType"]
        found[manifest["annotations"]["package-cache.document"]] = (manifest, content)
    return found


def test_both_documents_name_the_image_as_their_subject(built: World) -> None:
    layout = built.folder / "layout"
    status, out, err = attach(built, f"oci:{layout}:1", "--attach", "sbom,provenance")
    assert status == 0, err
    _, image, *lines = out.splitlines()
    found = attached(layout, image)
    assert {kind: manifest["artifactType"] for kind, (manifest, _) in found.items()} == TYPES
    assert {manifest["subject"]["digest"] for manifest, _ in found.values()} == {image}
    assert [line.partition(": ")[0] for line in lines] == ["sbom", "provenance"]
    statement = json.loads(found["provenance"][1])
    assert statement["subject"][1]["digest"] == {"sha256": image.removeprefix("sha256:")}
    assert json.loads(found["sbom"][1])["spdxVersion"].startswith("SPDX-")


def test_the_same_image_gets_the_same_documents(built: World) -> None:
    layout = built.folder / "layout"
    first = attach(built, f"oci:{layout}:1", "--attach", "provenance")
    assert attach(built, f"oci:{layout}:1", "--attach", "provenance") == first


def test_a_registry_has_them(built: World) -> None:
    with loopback_registry(built.folder / "registry") as registry:
        status, out, err = attach(built, f"docker://{registry.host}/team/cache:1", "--attach", "sbom,provenance")
        assert status == 0, err
        digests = [line.partition(": ")[2] for line in out.splitlines()[2:]]
        put = [one.path for one in registry.requests() if one.method == "PUT" and one.status == 201]
    _, image = out.splitlines()[:2]
    assert f"/v2/team/cache/manifests/{image.replace(':', '-')}" in put
    for digest in digests:
        assert f"/v2/team/cache/manifests/{digest}" in put


@pytest.mark.parametrize(
    ("to", "words", "told"),
    [
        ("oci:layout", ("--attach", "sbom,licence"), "'--attach': it takes sbom and provenance, not 'licence'"),
        ("oci-archive:file", ("--attach", "sbom"), "an archive holds one image"),
    ],
)
def test_what_cannot_be_attached(built: World, to: str, words: tuple[str, ...], told: str) -> None:
    kind, _, name = to.partition(":")
    refused(attach(built, f"{kind}:{built.folder / name}", *words), 2, told)
    assert not (built.folder / name).exists()


def test_without_a_lock_and_with_that_of_another_cache(built: World) -> None:
    to = ["--cache", str(built.cache), "--output", f"oci:{built.folder}/layout"]
    refused(built.run("image", *to, "--attach", "sbom"), 2, "--attach needs --lock")
    refused(built.run("image", *to, "--lock", "any.lock"), 2, "--lock is for --attach")
    built.add("editor", "1.1")
    assert built.online("lock")[0] == 0
    status, _, err = attach(built, f"oci:{built.folder}/layout", "--attach", "provenance")
    assert (status, "it was not built from this lock" in err) == (4, True)
    assert not (built.folder / "layout").exists()


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_what_was_attached_before_stays(built: World, kind: str) -> None:
    """Another document, or a signature by another program."""
    with loopback_registry(built.folder / "registry") as registry:
        to = f"docker://{registry.host}/team/cache:1" if kind == "docker" else f"oci:{built.folder}/layout:1"
        digests = {}
        for kind_of in ("sbom", "provenance", "sbom"):
            status, out, err = attach(built, to, "--attach", kind_of)
            assert status == 0, err
            _, image, line = out.splitlines()
            digests[kind_of] = line.partition(": ")[2]
        raw = run(["skopeo", "inspect", "--raw", *(["--tls-verify=false"] if kind == "docker" else []),
                   f"{to.removesuffix(':1')}:{image.replace(':', '-')}"]).stdout  # fmt: skip
    assert sorted(item["digest"] for item in json.loads(raw)["manifests"]) == sorted(digests.values())


@pytest.mark.parametrize(
    "text", ["[]", '{"manifests": {}}', '{"manifests": [1, {"digest": "../x"}]}', "{", "[" * 10_000]
)
def test_an_index_of_a_stranger(built: World, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("package_cache.image.attachments.raw_manifest", lambda _: text)
    status, out, err = attach(built, f"oci:{built.folder}/layout:1", "--attach", "provenance")
    assert status == 0, err
    assert list(attached(built.folder / "layout", out.splitlines()[1])) == ["provenance"]
