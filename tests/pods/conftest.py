"""Real containers: podman with a store of its own, a registry on loopback, and the images of one cache in both."""

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from containers.podman import Podman, can_run, throwaway_podman
from containers.registry import Registry, loopback_registry
from tests.conftest import unavailable
from tests.support.world import World, made_world

from package_cache.cache.layout import CacheFolder
from package_cache.cli.main import run as package_cache
from package_cache.errors import PackageCacheError, ToolMissingError
from package_cache.process import find_tool, run
from package_cache.stage import stage

LOGIN = ("somebody", "a-secret-word")
"""A name and its password."""


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    try:
        find_tool("podman")
        reason = can_run()
    except ToolMissingError as error:
        reason = str(error)
    if reason is not None:
        unavailable("a container", PackageCacheError(reason))
    with throwaway_podman() as made:
        yield made


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    try:
        find_tool("docker-registry")
    except ToolMissingError as error:
        unavailable("a registry", error)
    with loopback_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def guarded_registry(tmp_path: Path) -> Iterator[Registry]:
    """One that serves `LOGIN` alone."""
    with loopback_registry(tmp_path / "registry", login=LOGIN) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    with made_world(tmp_path, capfd) as made:
        yield made


@pytest.fixture(scope="session")
def pod_cache(real_cache: CacheFolder, tmp_path_factory: pytest.TempPathFactory) -> CacheFolder:
    """A cache of real packages: ssh for Ubuntu 16.04 and 18.04."""
    folder = CacheFolder(tmp_path_factory.mktemp("cache") / "package_cache")
    stage(["ssh"], real_cache, folder.path)
    return folder


@pytest.fixture(scope="session")
def job_image(podman: Podman, real_root: Callable[..., Path]) -> Callable[[str], str]:
    """Return the image of a job by its system: a real root, imported."""

    @functools.cache
    def image(system: str) -> str:
        name = f"localhost/ubuntu:{system.removeprefix('ubuntu')}"
        podman.import_root(real_root(system), name)
        return name

    return image


@pytest.fixture(scope="session")
def pushed(registry: Registry, podman: Podman, pod_cache: CacheFolder, state: Path) -> Callable[[str], str]:
    """Return an image of the cache by its form: made and pushed by the command, then pulled by podman."""

    @functools.cache
    def image(form: str) -> str:
        name = f"{registry.host}/package-cache:{form}"
        words = ["--cache", str(pod_cache.path), "--output", f"docker://{name}", "--state", str(state)]
        assert package_cache(["image", *words, "--form", form]) == 0
        podman.pull(name)
        podman("tag", name, f"localhost:5000/package-cache:{form}")  # as the manifests of deploy/ name it
        return name

    return image


@pytest.fixture(scope="session")
def runtime_image(registry: Registry, podman: Podman, pod_cache: CacheFolder, state: Path) -> str:
    """The image of the runtime's init container, built by its own script, pushed and pulled."""
    name = f"{registry.host}/package-cache:runtime"
    script = Path(__file__).parents[2] / "runtime" / "build_image.py"
    words = ["--cache", str(pod_cache.path), "--output", f"docker://{name}", "--state", str(state)]
    run([sys.executable, str(script), *words], timeout=900)
    podman.pull(name)
    podman("tag", name, "localhost:5000/package-cache:runtime")
    return name
