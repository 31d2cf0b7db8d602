"""Roots with newer packages than a cache locked on the release's first day, and the lock that serves both."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.lab import Isolation, throwaway

from package_cache.build.builder import Order, build
from package_cache.cache.layout import CacheFolder
from package_cache.check.prediction import check
from package_cache.check.target import seen_in_files
from package_cache.filesystem.paths import exclusive
from package_cache.lock.model import Lock
from package_cache.manifest import read_manifest
from package_cache.oci.system_files import RootFiles
from package_cache.releases import system_apt
from package_cache.releases.distributions import Release, release_of
from package_cache.releases.sources import mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.resolve.image_overrides import image_to_lock, lock_for_images
from package_cache.settings import Options
from package_cache.system import System

pytestmark = pytest.mark.system

MANIFEST = "ssh,ubuntu18.04,openssh-client openssh-server\nbuild,ubuntu18.04,build-essential\n"


def on_its_first_day(system: System) -> Release:
    """Return a release without its updates."""
    release = release_of(system)
    archives = tuple(dataclasses.replace(item, suites=(release.series,)) for item in release.archives)
    return dataclasses.replace(release, archives=archives)


@dataclass(frozen=True)
class Pair:
    """A cache of the first day, and one that was then also locked for an upgraded root."""

    old: CacheFolder
    both: CacheFolder
    lock: Lock
    """Of the second."""


@pytest.fixture(scope="module")
def pair(state: Path, real_root: Callable[..., Path]) -> Pair:
    root = real_root("ubuntu18.04")  # skips where the archive does not answer
    folder = state / "tests" / "first-day"
    folder.mkdir(parents=True, exist_ok=True)
    old, both = CacheFolder(folder / "package_cache"), CacheFolder(folder / "for-both" / "package_cache")
    with exclusive(folder / ".lock", wait=600):
        path = folder / "package_cache_info"
        path.write_text(MANIFEST)
        manifest = read_manifest(path)
        options = Options(state)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(system_apt, "release_of", on_its_first_day)
            lock = make_lock(manifest, options)
        build(Order(lock, old, mirror_finder(options, manifest)))
        for_both = lock_for_images(lock, [image_to_lock(str(root), manifest, lock)], manifest, options)
        if not both.path.exists():  # what both have need not be fetched and compressed again
            shutil.copytree(old.path, both.path, copy_function=os.link)
        build(Order(for_both, both, mirror_finder(options, manifest)))
    return Pair(old, both, for_both)


def test_what_the_image_has_newer_stays_and_the_group_installs_beside_it(
    real_root: Callable[..., Path], pair: Pair, isolation: Isolation
) -> None:
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n"]
    with throwaway(real_root("ubuntu18.04"), isolation, binds={"/cache": pair.old.path}) as container:
        before = set(container.run(query).stdout.splitlines())
        completed = container.run(["sh", "/cache/install_group.sh", "ssh"], check=False, timeout=120)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        assert before <= set(container.run(query).stdout.splitlines())
        assert container.run(["dpkg", "--audit"]).stdout == ""
        container.run(["apt-get", "check"])


def test_a_skew_is_a_clean_miss_that_names_the_packages_that_do_not_fit(
    real_root: Callable[..., Path], pair: Pair, isolation: Isolation
) -> None:
    with throwaway(real_root("ubuntu18.04"), isolation, binds={"/cache": pair.old.path}) as container:
        before = container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout
        completed = container.run(["sh", "/cache/install_group.sh", "build"], check=False, timeout=120)
        assert completed.returncode == 13, completed.stdout + completed.stderr
        assert "libc6-dev" in completed.stderr
        assert container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout == before


@pytest.mark.parametrize("upgraded", [True, False])
def test_a_lock_for_both_serves_both(
    real_root: Callable[..., Path], pair: Pair, isolation: Isolation, upgraded: bool
) -> None:
    root = real_root("ubuntu18.04", upgraded=upgraded)
    ((of_image,),) = [group.images for group in pair.lock.systems[0].groups if group.images]  # ssh needs nothing
    seen = seen_in_files("a root", RootFiles(root))
    (verdict,) = check(["build"], pair.both, seen).verdicts
    with throwaway(root, isolation, binds={"/cache": pair.both.path}) as container:
        completed = container.run(["sh", "/cache/install_group.sh", "build"], check=False, timeout=300)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        assert ("because the groups' own do not fit here" in completed.stdout) is upgraded
        form = ["dpkg-query", "-W", "-f", "${Package}_${Version}_${Architecture}\\n"]
        there = set(container.run(form).stdout.splitlines())
        planned = {f"{item.name}_{item.version}_{item.architecture}" for item in verdict.packages}
        assert planned <= there
        assert (planned == set(of_image.packages)) is upgraded
        assert container.run(["dpkg", "--audit"]).stdout == ""
        container.run(["apt-get", "check"])
        container.run(["sh", "-c", "echo 'int main(void) { return 0; }' >/tmp/a.c && gcc -o /tmp/a /tmp/a.c && /tmp/a"])


@pytest.fixture(scope="module")
def today(state: Path, pair: Pair) -> CacheFolder:
    """Return a cache of today's packages, one of which another package of the first day is tied to."""
    folder = state / "tests" / "today-for-first-day"
    folder.mkdir(parents=True, exist_ok=True)
    cache = CacheFolder(folder / "package_cache")
    with exclusive(folder / ".lock", wait=600):
        path = folder / "package_cache_info"
        path.write_text("bzip2,ubuntu18.04,libbz2-dev\n")
        manifest = read_manifest(path)
        options = Options(state)
        build(Order(make_lock(manifest, options), cache, mirror_finder(options, manifest)))
    return cache


def test_a_root_of_the_first_day_gets_the_newer_versions_of_what_is_tied(
    real_root: Callable[..., Path], pair: Pair, today: CacheFolder, isolation: Isolation
) -> None:
    root = real_root("ubuntu18.04", upgraded=False)
    with throwaway(root, isolation, binds={"/old": pair.old.path, "/cache": today.path}) as container:
        completed = container.run(["sh", "/old/install_group.sh", "build"], check=False, timeout=300)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n"]
        before = dict(line.split() for line in container.run(query).stdout.splitlines())
        completed = container.run(["sh", "/cache/install_group.sh", "bzip2"], check=False, timeout=300)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        after = dict(line.split() for line in container.run(query).stdout.splitlines())
        assert before.keys() <= after.keys()
        changed = {name for name, version in before.items() if after[name] != version}
        assert {"bzip2", "libbz2-1.0"} <= changed
        assert container.run(["dpkg", "--audit"]).stdout == ""
        container.run(["apt-get", "check"])
