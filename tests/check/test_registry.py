"""Images in a registry on loopback: fetched from the top layer down, by digest, also with a login."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from containers.registry import Registry, loopback_registry
from tests.check.conftest import Command
from tests.check.layouts import HandMade, base, package
from tests.support.registry import late_registry

from package_cache.oci.reader import source_image
from package_cache.oci.skopeo import Destination, copy_image
from package_cache.process import run


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with loopback_registry(tmp_path / "registry") as running:
        yield running


def put(layout: HandMade, image: dict[str, str], reference: str, authfile: Path | None = None) -> None:
    layout.name(image)
    copy_image(layout.folder, image["digest"], "latest", Destination.parse(reference, authfile=authfile))


@pytest.mark.parametrize("form", ["oci", "v2s2"])
@pytest.mark.parametrize("compression", ["gzip", ""])
def test_only_the_layers_that_are_needed_are_fetched(
    form: str, compression: str, registry: Registry, layout: HandMade
) -> None:
    big_one, small_one = {"big": b"x" * 100_000}, {"var/lib/dpkg/status": "new"}
    layout.name(layout.image([big_one, base(), small_one], compression=compression))
    reference = f"docker://{registry.host}/job:v1"
    words = ["skopeo", "--insecure-policy", "copy", "--format", form, "--dest-tls-verify=false"]
    run([*words, f"oci:{layout.folder}", reference])
    before = len(registry.requests())
    with source_image(reference) as opened:
        files = opened.files()
        assert files.read("/var/lib/dpkg/status") == b"new"
        big, low, top = (digest.partition(":")[2] for digest in opened.layers)
        pulled = {one.path.rpartition(":")[2] for one in registry.pulled(before) if "/blobs/" in one.path}
        assert pulled & {big, low, top} == {top}
        assert files.read("/big") == b"x" * 100_000


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_the_command(compression: str, registry: Registry, command: Command, layout: HandMade) -> None:
    images = [
        layout.image([base(package("old"), architecture=name), {"x": "y"}], architecture=name, compression=compression)
        for name in ("arm64", "amd64")
    ]
    put(layout, layout.index(images), f"docker://{registry.host}/team/job:v1")
    reference = f"docker://{registry.host}/team/job:v1"
    status, out, _ = command("--image", reference, "--json")
    answer = json.loads(out)["result"]
    assert status == 0
    assert (answer["architecture"], answer["digest"]) == ("amd64", images[1]["digest"])
    assert answer["groups"][0]["prediction"] == "hit"
    reference = f"{registry.host}/team/job@{images[0]['digest']}"
    assert command("--architecture", "arm64", "--image", reference)[0] == 12


def test_a_login(tmp_path: Path, layout: HandMade, command: Command) -> None:
    authfile = tmp_path / "auth.json"
    with loopback_registry(tmp_path / "registry", login=("me", "secret")) as registry:
        login = ["skopeo", "login", "--tls-verify=false", "--authfile", str(authfile), "--username", "me"]
        run([*login, "--password-stdin", registry.host], stdin="secret")
        put(layout, layout.image([base()]), f"docker://{registry.host}/job:v1", authfile)
        words = ["--image", f"{registry.host}/job:v1"]
        assert command(*words, "--authfile", str(authfile))[0] == 0
        assert command(*words)[0] == 14


def test_a_registry_that_comes_up_meanwhile(command: Command, tmp_path: Path, layout: HandMade) -> None:
    with loopback_registry(tmp_path / "registry") as registry:
        put(layout, layout.image([base()]), f"docker://{registry.host}/job:v1")
    with late_registry(tmp_path / "registry", after=0.5) as host:
        assert command("--image", f"{host}/job:v1")[0] == 0
