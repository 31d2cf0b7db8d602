"""A cluster with graphics cards: a vendor's repository with its own key and pins, beside the distribution's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.keys import throwaway_key
from tests.support.server import ArchiveServer
from tests.support.world import toml_group
from tests.system.conftest import Start, install

from package_cache.build.builder import Order, build
from package_cache.cache.layout import CacheFolder
from package_cache.manifest import read_manifest
from package_cache.releases.sources import mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.settings import Options

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("bionic")]

GROUP = toml_group("gpu", "gpu-driver", "gpu-tools", more='provides = ["/usr/bin/gpu-smi"]\n')
REPOSITORY = """
[[repository]]
name = "vendor"
uris = ["{uri}"]
suite = "stable"
components = ["main"]
key = '''
{key}'''
priority = 400

[[pin]]
packages = ["gpu-driver", "libgpu*"]
version = "535.*"
priority = 1001
"""


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[str]:
    """A signed repository with two lines of drivers, and a library of the distribution that is "newer"."""
    archive = SignedArchive(tmp_path / "vendor", key="vendor", origin="Vendor")
    debs = tmp_path / "debs"
    for version in ("535.1-1", "550.2-1"):
        archive.add(make_deb(debs, "libgpu1", version, depends="libc6"))
        smi = {"/usr/bin/gpu-smi": f"#!/bin/sh\necho {version}\n"}
        archive.add(make_deb(debs, "gpu-driver", version, depends=f"libgpu1 (= {version}), kmod", files=smi))
    archive.add(make_deb(debs, "gpu-tools", depends="gpu-driver, pciutils"))
    archive.add(make_deb(debs, "pciutils", "99:1"))
    archive.publish()
    with ArchiveServer(archive.folder) as server:
        yield server.uri


def test_from_the_manifest_to_a_container_without_a_network(
    tmp_path: Path, state: Path, vendor: str, start: Start
) -> None:
    key = throwaway_key("vendor").export(tmp_path / "vendor.asc", armoured=True).read_text()
    path = tmp_path / "package-cache.toml"
    path.write_text(GROUP + REPOSITORY.format(uri=vendor, key=key))
    manifest, options = read_manifest(path), Options(state)
    lock = make_lock(manifest, options)
    [system] = lock.systems
    origin = {item.name: (item.repository, item.version) for item in system.packages}
    assert origin["gpu-driver"] == origin["libgpu1"] == ("vendor", "535.1-1")
    assert {origin[name][0] for name in ("pciutils", "kmod", "libc6")} == {"ubuntu"}

    cache = CacheFolder(tmp_path / "package_cache")
    build(Order(lock, cache, mirror_finder(options, manifest)))
    container = start("ubuntu18.04", {"/cache": cache.path})
    install(container, "gpu")
    assert container.run(["gpu-smi"]).stdout == "535.1-1\n"
    container.run(["apt-get", "check"])
