"""What a driver container does at its start, in a root of its release, with the recipe's repository and a key."""

import re
from pathlib import Path

import pytest
from tests.deploy.manifests import FOLDER, pod_specs
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb
from tests.support.keys import throwaway_key

from package_cache.signatures import Signer

KERNEL = "6.8.0-31-generic"
START = f"""
set -e
apt-get -qq update
apt-cache show linux-headers-{KERNEL} >/dev/null
apt-get install -y --no-install-recommends linux-headers-{KERNEL}
cd /tmp && apt-get download linux-image-{KERNEL} && dpkg -x linux-image*.deb . && ls boot
"""
"""As ubuntu24.04/nvidia-driver of the repository gpu-driver-container does it."""
SURROUNDINGS = """
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; cp /sources/* /etc/apt/sources.list.d/
echo 'deb http://archive.invalid/ubuntu noble main' >/etc/apt/sources.list
echo 'APT::Sandbox::User "root";' >/etc/apt/apt.conf.d/00test
"""
"""The files of the ConfigMap, the image's own source, which is out of reach, and _apt as root, as it is there."""


@pytest.fixture
def system() -> str:
    return "ubuntu24.04"


@pytest.fixture
def room(cache: SyntheticCache, debs: Path, tmp_path: Path, open_room: OpenRoom) -> Room:
    """A driver container, with the folder of its node and the operator's ConfigMap."""
    key = throwaway_key("archive")
    image = make_deb(debs, f"linux-image-{KERNEL}", files={f"/boot/vmlinuz-{KERNEL}": "kernel"})
    headers = make_deb(debs, f"linux-headers-{KERNEL}")
    names = [f"linux-headers-{KERNEL}", f"linux-image-{KERNEL}"]
    cache.add("driver", names, [headers, image], signer=Signer((key.fingerprint,), key.home))
    (sources := tmp_path / "sources").mkdir()
    (sources / "package-cache.list").write_bytes((FOLDER / "recipes/package-cache.list").read_bytes())
    key.export(sources / "package-cache.asc", armoured=True)
    [spec] = pod_specs(FOLDER / "recipes/driver-repository.yaml")
    found = open_room(cache, at=spec["volumes"][0]["hostPath"]["path"], binds={"/sources": sources})
    found.sh(SURROUNDINGS)
    return found


def test_a_driver_container_finds_its_kernel(room: Room) -> None:
    assert room.sh(START).endswith(f"vmlinuz-{KERNEL}\n")
    assert room.state(f"linux-headers-{KERNEL}") == {f"linux-headers-{KERNEL}": "ii 1.0"}


def test_a_repository_that_another_key_signed(room: Room, cache: SyntheticCache) -> None:
    folder = cache.path / "groups/driver-ubuntu24.04"
    throwaway_key("stranger").sign_inline(folder / "Release", folder / "InRelease")
    room.sh(START, check=False)
    assert room.state(f"linux-headers-{KERNEL}") == {}


def test_the_manifest_names_the_group_of_the_list(system: str) -> None:
    text = (FOLDER / "recipes/driver.toml").read_text()
    [group] = re.findall(r'^name = "(.*)"$', text, re.MULTILINE)
    assert f"groups/{group}-{system}/" in (FOLDER / "recipes/package-cache.list").read_text()
    assert f'systems = ["{system}"]' in text
    assert KERNEL in text
