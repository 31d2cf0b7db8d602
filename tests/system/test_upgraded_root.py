"""Roots with newer packages than the cache, which was locked on the release's first day."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from package_cache.cache.layout import CacheFolder
from package_cache.manifests import read_manifest
from package_cache.outside.archives.distributions import Release, release_of
from package_cache.outside.files import exclusive
from package_cache.outside.roots.isolation import Isolation, throwaway
from package_cache.values.system import System
from package_cache.verbs import system_apt
from package_cache.verbs.build import build
from package_cache.verbs.lock import make_lock
from package_cache.verbs.options import Options
from package_cache.verbs.sources import mirror_finder

pytestmark = pytest.mark.system

MANIFEST = "ssh,ubuntu18.04,openssh-client openssh-server\nbuild,ubuntu18.04,build-essential\n"


def on_its_first_day(system: System) -> Release:
    """Give a release as it was before there were updates."""
    release = release_of(system)
    archives = tuple(dataclasses.replace(item, suites=(release.series,)) for item in release.archives)
    return dataclasses.replace(release, archives=archives)


@pytest.fixture
def old_cache(state: Path, real_root: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> CacheFolder:
    real_root("ubuntu18.04")  # skips where the archive does not answer
    folder = state / "tests" / "first-day"
    folder.mkdir(parents=True, exist_ok=True)
    cache = CacheFolder(folder / "package_cache")
    with exclusive(folder / ".lock", wait=600):
        path = folder / "package_cache_info"
        path.write_text(MANIFEST)
        manifest = read_manifest(path)
        monkeypatch.setattr(system_apt, "release_of", on_its_first_day)
        lock = make_lock(manifest, Options(state))
        build(lock, cache, mirror_finder(Options(state), manifest))
    return cache


def test_what_the_image_has_newer_stays_and_the_group_installs_beside_it(
    real_root: Callable[..., Path], old_cache: CacheFolder, isolation: Isolation
) -> None:
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n"]
    with throwaway(real_root("ubuntu18.04"), isolation, binds={"/cache": old_cache.path}) as container:
        before = set(container.run(query).stdout.splitlines())
        completed = container.run(["sh", "/cache/install_group.sh", "ssh"], check=False, timeout=120)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        assert before <= set(container.run(query).stdout.splitlines())
        assert container.run(["dpkg", "--audit"]).stdout == ""
        container.run(["apt-get", "check"])


def test_a_skew_is_a_clean_miss_that_names_the_packages_that_do_not_fit(
    real_root: Callable[..., Path], old_cache: CacheFolder, isolation: Isolation
) -> None:
    with throwaway(real_root("ubuntu18.04"), isolation, binds={"/cache": old_cache.path}) as container:
        before = container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout
        completed = container.run(["sh", "/cache/install_group.sh", "build"], check=False, timeout=120)
        assert completed.returncode == 13, completed.stdout + completed.stderr
        assert "libc6-dev" in completed.stderr
        assert container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout == before
