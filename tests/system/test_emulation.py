"""Another architecture than this machine's: resolved and built by it, installed into by user-mode emulation."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bench.systems import GROUPS, cache_of
from tests.conftest import unavailable
from tests.support.architectures import OTHER, OWN

from package_cache.cache.layout import CacheFolder
from package_cache.cli.main import run
from package_cache.errors import ArchiveError, PackageCacheError
from package_cache.filesystem.paths import exclusive
from package_cache.releases.base_root import release_root
from package_cache.releases.distributions import release_of
from package_cache.sandbox.isolation import Isolation, disposable_root, isolation_for
from package_cache.settings import Options
from package_cache.system import System

pytestmark = pytest.mark.system

SYSTEM = System.parse("debian12", OTHER)


@pytest.fixture(scope="session")
def emulation() -> Isolation:
    """A tier in which programs of the other architecture run."""
    try:
        return isolation_for(SYSTEM.architecture)
    except PackageCacheError as error:
        unavailable(f"emulation of {SYSTEM.architecture}", error)
        raise


@pytest.fixture(scope="session")
def cache(state: Path) -> CacheFolder:
    """A cache of the other architecture, resolved and built without emulation."""
    folder = state / "tests" / "systems" / str(SYSTEM)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with exclusive(folder / ".lock", wait=600):
            return cache_of(SYSTEM, {"ssh": GROUPS["ssh"]}, folder)
    except ArchiveError as error:
        unavailable(f"the archive of {SYSTEM}", error)
        raise


def test_a_group_is_installed_without_network_as_check_predicts(
    cache: CacheFolder, state: Path, emulation: Isolation, capfd: pytest.CaptureFixture[str]
) -> None:
    root = release_root(release_of(SYSTEM), Options(state), emulation)
    capfd.readouterr()
    status = run(["check", "ssh", "--cache", str(cache.path), "--root", str(root), "--run", "--json"])
    answer = json.loads(capfd.readouterr().out)
    assert status == 0, answer
    assert answer["result"]["architecture"] == SYSTEM.architecture
    [group] = answer["result"]["groups"]
    assert (group["run"]["status"], group["run"]["agreed"], group["run"]["installed"] > 3) == (0, True, True)


def test_it_is_missed_where_programs_are_this_machines_own(
    cache: CacheFolder, product_root: Callable[..., Path], containment: Isolation
) -> None:
    root = product_root(SYSTEM.name)
    with disposable_root(root, containment, binds={"/package_cache": cache.path}) as container:
        done = container.run(["sh", "/package_cache/install_group.sh", "ssh"], check=False, timeout=60)
    cause = f"the group ssh is not for {OWN}; it is for: {SYSTEM.architecture}"
    assert (done.returncode, done.stderr) == (
        12,
        f"package-cache: cannot install ssh (not-for-architecture): {cause}\n"
        f"package-cache: nothing was changed; next step: add {OWN} to the group in the manifest and build again\n",
    )
