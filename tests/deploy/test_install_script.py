"""The script of the manifests, in a real root without a network: what it says, and when it falls back."""

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.deploy.manifests import install_script
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.lab import Container, Isolation, throwaway

from package_cache.process import Completed

RealRoot = Callable[..., Path]

APT = '#!/bin/sh\necho "apt-get $*"\n'
"""In the place of apt-get, where there must be a fallback: there is no network."""
FELL_BACK = "apt-get update\napt-get install -y --no-install-recommends wanted other\n"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    folder = tmp_path / "script"
    folder.mkdir()
    (folder / "install.sh").write_text(install_script())
    return folder


def install(container: Container, *, env: Mapping[str, str] | None = None) -> Completed:
    return container.run(["sh", "/script/install.sh", "tools", "wanted", "other"], env=env, check=False, timeout=60)


def put_apt(container: Container) -> None:
    container.run(["sh", "-c", 'printf %s "$1" >/usr/bin/apt-get', "sh", APT])


def test_a_hit(script: Path, tmp_path: Path, real_root: RealRoot, isolation: Isolation) -> None:
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("tools", ["wanted"], [make_deb(tmp_path / "debs", "wanted")])
    binds = {"/script": script, "/package_cache": cache.path}
    with throwaway(real_root("ubuntu18.04"), isolation, binds=binds) as container:
        done = install(container)
        assert (done.returncode, done.stderr) == (0, "")
        assert "tools installed: 1 package in " in done.stdout


def test_a_miss(script: Path, tmp_path: Path, real_root: RealRoot, isolation: Isolation) -> None:
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("others", ["wanted"], [make_deb(tmp_path / "debs", "wanted")])
    binds = {"/script": script, "/package_cache": cache.path}
    with throwaway(real_root("ubuntu18.04"), isolation, binds=binds) as container:
        put_apt(container)
        done = install(container)
        assert (done.returncode, done.stdout) == (0, FELL_BACK)
        assert "the cache has no group tools; it has: others\n" in done.stderr


def test_an_empty_volume(script: Path, tmp_path: Path, real_root: RealRoot, isolation: Isolation) -> None:
    (empty := tmp_path / "empty").mkdir()
    binds = {"/script": script, "/package_cache": empty}
    with throwaway(real_root("ubuntu18.04"), isolation, binds=binds) as container:
        put_apt(container)
        done = install(container)
        assert (done.returncode, done.stdout) == (0, FELL_BACK)
        assert done.stderr == (
            "package-cache: the volume at /package_cache is empty. An image volume arrives empty where the API server "
            "or the node's container runtime does not know image volumes; a node's cache is empty until it is filled.\n"
            "package-cache: falling back to apt-get\n"
        )


def test_no_volume_and_no_network(script: Path, real_root: RealRoot, isolation: Isolation) -> None:
    with throwaway(real_root("ubuntu18.04"), isolation, binds={"/script": script}) as container:
        done = install(container)
        assert done.returncode == 100
        assert done.stderr.startswith(
            "package-cache: nothing is mounted at /package_cache: the container lacks its volumeMount.\n"
            "package-cache: falling back to apt-get\n"
        )


def test_a_cache_that_is_being_filled(script: Path, tmp_path: Path, real_root: RealRoot, isolation: Isolation) -> None:
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("tools", ["wanted"], [make_deb(tmp_path / "debs", "wanted")])
    (volume := tmp_path / "volume").mkdir()
    binds = {"/script": script, "/package_cache": volume}
    with throwaway(real_root("ubuntu18.04"), isolation, binds=binds) as container, ThreadPoolExecutor() as pool:
        waiting = pool.submit(install, container, env={"WAIT": "60"})
        shutil.copytree(cache.path, volume, dirs_exist_ok=True)
        assert not waiting.done()
        (volume / "package-cache.json").write_text("{}\n")  # what a stage writes last
        done = waiting.result()
    assert (done.returncode, done.stderr) == (0, "")
