"""The Containerfile of ci/images/ in a real build without a network."""

from collections.abc import Callable
from pathlib import Path

import pytest
from containers.podman import Podman

pytestmark = pytest.mark.system

IMAGES = Path(__file__).parents[2] / "ci/images"


def test_groups_are_installed_while_an_image_is_built(
    podman: Podman, pushed: Callable[[str], str], job_image: Callable[[str], str]
) -> None:
    def build(groups: str) -> tuple[int, str]:
        given = {"BASE": job_image("ubuntu18.04"), "CACHE": pushed("volume"), "PACKAGE_GROUPS": groups}
        arguments = (word for name, value in given.items() for word in ("--build-arg", f"{name}={value}"))
        words = ["--network", "none", "--pull-never", "--tag", "localhost/built", *arguments, str(IMAGES)]
        done = podman("build", *words, check=False)
        return done.returncode, done.stdout + done.stderr

    status, log = build("ssh")
    assert status == 0, log
    assert "0 bytes from the network" in log
    shown = podman.run("localhost/built", "sh", "-c", "ssh -V 2>&1; find /package_cache /var/lib/apt/lists 2>&1 || :")
    assert shown.stdout.startswith("OpenSSH_")
    assert [word for word in (".deb", "groups", "Packages") if word in shown.stdout] == []
    status, log = build("absent")
    assert status != 0
    assert "the cache has no group absent" in log
