"""The signature of an image, as docs/provenance.md shows it: by Debian 13's cosign and a key on this machine."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from containers.podman import Podman
from containers.registry import Registry

from package_cache.cache.layout import CacheFolder
from package_cache.cli.main import run as package_cache
from package_cache.process import Completed

pytestmark = pytest.mark.system

SIGN = "cosign sign --yes --tlog-upload=false --key cosign.key"
VERIFY = "cosign verify --insecure-ignore-tlog=true --key cosign.pub"


@pytest.fixture(scope="module")
def cosign(
    podman: Podman, real_root: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Completed]]:
    """Run a line of a shell in a container of Debian 13 with cosign, which reaches the registry on loopback."""
    image = "localhost/debian:13-cosign"
    podman.import_root(real_root("debian13", include=("cosign",)), image)
    folder = tmp_path_factory.mktemp("keys")

    def run(line: str, *, check: bool = True) -> Completed:
        options = [
            "--network",
            "host",
            "--volume",
            f"{folder}:/keys",
            "--workdir",
            "/keys",
            "--env",
            "COSIGN_PASSWORD=",
        ]
        return podman("run", "--rm", *options, image, "sh", "-c", line, check=check)

    run("cosign generate-key-pair")
    yield run


def pushed(registry: Registry, cache: CacheFolder, state: Path, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the name of an image with its digest, made with both documents attached."""
    lock = str(cache.path.parent / "package-cache.lock")
    words = ["--cache", str(cache.path), "--state", str(state), "--output", f"docker://{registry.host}/{name}:1"]
    assert package_cache(["image", *words, "--attach", "provenance", "--lock", lock]) == 0
    return f"{registry.host}/{name}@{capsys.readouterr().out.splitlines()[1]}"


def test_an_image_is_signed_and_another_is_not(
    cosign: Callable[..., Completed],
    registry: Registry,
    real_cache: CacheFolder,
    state: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = pushed(registry, real_cache, state, "signed", capsys)
    refused = cosign(f"{VERIFY} {image}", check=False)
    assert (refused.returncode != 0, "no signatures found" in refused.stderr) == (True, True)
    cosign(f"{SIGN} {image}")
    assert image.partition("@")[2] in cosign(f"{VERIFY} {image}").stdout
    cosign("mkdir -p other && cd other && cosign generate-key-pair")
    assert cosign(f"cd other && {VERIFY} {image}", check=False).returncode != 0
