"""The script of the manifests, in a real root without a network: what it says, and when it falls back."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.deploy.manifests import install_script
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.lab import Container, Isolation, throwaway

from package_cache.filesystem.paths import sha256_of
from package_cache.process import Completed

APT = '#!/bin/sh\necho "apt-get $*"\n'
"""In the place of apt-get, where there must be a fallback: there is no network."""
FELL_BACK = "apt-get update\napt-get install -y --no-install-recommends wanted other\n"


@pytest.fixture
def cache(tmp_path: Path) -> SyntheticCache:
    cache = SyntheticCache(tmp_path / "cache")
    cache.add("tools", ["wanted"], [make_deb(tmp_path / "debs", "wanted")])
    return cache


@pytest.fixture
def opened(tmp_path: Path, real_root: Callable[..., Path], isolation: Isolation) -> Iterator[Callable[..., Container]]:
    """Start a container with the script, and with a volume, if one is given."""
    (tmp_path / "script").mkdir()
    (tmp_path / "script/install.sh").write_text(install_script())
    with ExitStack() as stack:

        def open_one(volume: Path | None = None, *, apt: bool = True) -> Container:
            binds = {"/script": tmp_path / "script"} | ({"/package_cache": volume} if volume else {})
            container = stack.enter_context(throwaway(real_root("ubuntu18.04"), isolation, binds=binds))
            if not apt:
                container.run(["sh", "-c", 'printf %s "$1" >/usr/bin/apt-get', "sh", APT])
            return container

        yield open_one


def install(container: Container, *, env: Mapping[str, str] | None = None) -> Completed:
    return container.run(["sh", "/script/install.sh", "tools", "wanted", "other"], env=env, check=False, timeout=60)


def test_a_hit(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    done = install(opened(cache.path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "tools installed: 1 package in " in done.stdout


def test_what_is_expected_of_the_volume(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    installer = cache.path / "install_group.sh"
    release = sha256_of(cache.path / "groups/tools-ubuntu18.04/Release")
    expected = {"PACKAGE_CACHE_EXPECT": f"install_group.sh={sha256_of(installer)} tools={release}"}
    done = install(opened(cache.path), env=expected)
    assert (done.returncode, done.stderr) == (0, "")
    done = install(
        opened(cache.path, apt=False), env={"PACKAGE_CACHE_EXPECT": expected["PACKAGE_CACHE_EXPECT"][:-1] + "x"}
    )
    assert done.stdout == FELL_BACK


def test_another_installer_does_not_run(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    installer = cache.path / "install_group.sh"
    expected = {"PACKAGE_CACHE_EXPECT": f"install_group.sh={sha256_of(installer)}"}
    installer.write_text("touch /ran\n")
    container = opened(cache.path, apt=False)
    done = install(container, env=expected)
    assert (done.returncode, done.stdout) == (0, FELL_BACK)
    assert f"install_group.sh has the SHA-256 {sha256_of(installer)}, which is not expected\n" in done.stderr
    assert container.run(["test", "-e", "/ran"], check=False).returncode == 1


def test_a_miss(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    (cache.path / "groups/tools-ubuntu18.04").rename(cache.path / "groups/others-ubuntu18.04")
    done = install(opened(cache.path, apt=False))
    assert (done.returncode, done.stdout) == (0, FELL_BACK)
    assert "the cache has no group tools; it has: others\n" in done.stderr


LOG = "/dev/termination-log"
RESULT = {"RESULT": "/run/package-cache.result"}


def test_the_last_message_and_the_result(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    container = opened(cache.path)
    container.run(["touch", LOG])
    install(container, env=RESULT)
    assert container.run(["cat", LOG]).stdout == "package-cache: tools by the cache: 1 package installed\n"
    assert "status=0\nreason=installed\n" in container.run(["cat", RESULT["RESULT"]]).stdout


@pytest.mark.parametrize("volume", ["cache", "empty"])
def test_the_last_message_of_a_miss(
    volume: str, cache: SyntheticCache, tmp_path: Path, opened: Callable[..., Container]
) -> None:
    (tmp_path / "empty").mkdir()
    (cache.path / "groups/tools-ubuntu18.04").rename(cache.path / "groups/others-ubuntu18.04")
    container = opened(tmp_path / volume, apt=False)
    container.run(["touch", LOG])
    assert install(container, env=RESULT).stdout == FELL_BACK
    why = "the cache has no group tools; it has: others" if volume == "cache" else "there is no cache at /package_cache"
    assert container.run(["cat", LOG]).stdout == f"package-cache: tools by apt-get, not by the cache: {why}\n"


def test_an_empty_volume(tmp_path: Path, opened: Callable[..., Container]) -> None:
    (empty := tmp_path / "empty").mkdir()
    done = install(opened(empty, apt=False))
    assert (done.returncode, done.stdout) == (0, FELL_BACK)
    assert done.stderr == (
        "package-cache: the volume at /package_cache is empty. An image volume arrives empty where the API server "
        "or the node's container runtime does not know image volumes; a node's cache is empty until it is filled.\n"
        "package-cache: falling back to apt-get\n"
    )


def test_no_volume_and_no_network(opened: Callable[..., Container]) -> None:
    done = install(opened())
    assert done.returncode == 100
    assert done.stderr.startswith(
        "package-cache: nothing is mounted at /package_cache: the container lacks its volumeMount.\n"
        "package-cache: falling back to apt-get\n"
    )


def test_a_cache_that_is_being_filled(cache: SyntheticCache, tmp_path: Path, opened: Callable[..., Container]) -> None:
    (volume := tmp_path / "volume").mkdir()
    container = opened(volume)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(install, container, env={"WAIT": "60"})
        shutil.copytree(cache.path, volume, dirs_exist_ok=True)
        assert not waiting.done()
        (volume / "package-cache.json").write_text("{}\n")  # what a stage writes last
        done = waiting.result()
    assert (done.returncode, done.stderr) == (0, "")


def test_an_empty_installer_installs_nothing(cache: SyntheticCache, opened: Callable[..., Container]) -> None:
    """As a disk that was full leaves it: sh runs it with status 0."""
    (cache.path / "install_group.sh").write_text("")
    done = install(opened(cache.path, apt=False))
    assert (done.returncode, done.stdout) == (0, FELL_BACK)
