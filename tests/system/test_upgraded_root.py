"""Roots with newer packages than a cache locked on the release's first day, and the lock that serves both."""

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.system.conftest import Start, check_compiler, install, installed

from package_cache.build.builder import Order, build
from package_cache.cache.layout import CacheFolder
from package_cache.check.prediction import check
from package_cache.check.target import seen_in_files
from package_cache.filesystem.paths import exclusive
from package_cache.lock.model import Lock
from package_cache.manifest import read_manifest
from package_cache.manifest.model import Manifest
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


@contextmanager
def manifest_in(folder: Path, text: str) -> Iterator[Manifest]:
    """Yield a manifest in a folder that is kept, locked."""
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / ".lock", wait=600):
        (folder / "package_cache_info").write_text(text)
        yield read_manifest(folder / "package_cache_info")


@pytest.fixture(scope="module")
def pair(state: Path, real_root: Callable[..., Path]) -> Pair:
    root = real_root("ubuntu18.04")  # skips where the archive does not answer
    folder, options = state / "tests" / "first-day", Options(state)
    old, both = CacheFolder(folder / "package_cache"), CacheFolder(folder / "for-both" / "package_cache")
    with manifest_in(folder, MANIFEST) as manifest:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(system_apt, "release_of", on_its_first_day)
            lock = make_lock(manifest, options)
        build(Order(lock, old, mirror_finder(options, manifest)))
        for_both = lock_for_images(lock, [image_to_lock(str(root), manifest, lock)], manifest, options)
        if not both.path.exists():  # what both have need not be fetched and compressed again
            shutil.copytree(old.path, both.path, copy_function=os.link)
        build(Order(for_both, both, mirror_finder(options, manifest)))
    return Pair(old, both, for_both)


def test_what_the_image_has_newer_stays(start: Start, pair: Pair) -> None:
    container = start("ubuntu18.04", {"/cache": pair.old.path})
    before = installed(container)
    install(container, "ssh")
    assert before.items() <= installed(container).items()
    container.run(["apt-get", "check"])


def test_a_skew_is_a_clean_miss_that_names_the_packages_that_do_not_fit(start: Start, pair: Pair) -> None:
    container = start("ubuntu18.04", {"/cache": pair.old.path})
    before = container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout
    assert "libc6-dev" in install(container, "build", status=13).stderr
    assert container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout == before


@pytest.mark.parametrize("upgraded", [True, False])
def test_a_lock_for_both_serves_both(start: Start, real_root: Callable[..., Path], pair: Pair, upgraded: bool) -> None:
    root = real_root("ubuntu18.04", upgraded=upgraded)
    ((of_image,),) = [group.images for group in pair.lock.systems[0].groups if group.images]  # ssh needs nothing
    seen = seen_in_files("a root", RootFiles(root))
    (verdict,) = check(["build"], pair.both, seen).verdicts
    container = start("ubuntu18.04", {"/cache": pair.both.path}, upgraded=upgraded)
    done = install(container, "build")
    assert ("because the groups' own do not fit here" in done.stdout) is upgraded
    there = {name.replace(":", f"_{version}_") for name, version in installed(container).items()}
    planned = {f"{item.name}_{item.version}_{item.architecture}" for item in verdict.packages}
    assert planned <= there
    assert (planned == set(of_image.packages)) is upgraded
    container.run(["apt-get", "check"])
    check_compiler(container)


@pytest.fixture(scope="module")
def today(state: Path, pair: Pair) -> CacheFolder:
    """Return a cache of today's packages, one of which another package of the first day is tied to."""
    folder, options = state / "tests" / "today-for-first-day", Options(state)
    cache = CacheFolder(folder / "package_cache")
    with manifest_in(folder, "bzip2,ubuntu18.04,libbz2-dev\n") as manifest:
        build(Order(make_lock(manifest, options), cache, mirror_finder(options, manifest)))
    return cache


def test_a_root_of_the_first_day_gets_newer_versions_of_what_is_tied(
    start: Start, pair: Pair, today: CacheFolder
) -> None:
    container = start("ubuntu18.04", {"/old": pair.old.path, "/cache": today.path}, upgraded=False)
    install(container, "build", cache="/old")
    before = installed(container)
    install(container, "bzip2")
    after = installed(container)
    assert before.keys() <= after.keys()
    changed = {name.partition(":")[0] for name, version in before.items() if after[name] != version}
    assert {"bzip2", "libbz2-1.0"} <= changed
    container.run(["apt-get", "check"])
