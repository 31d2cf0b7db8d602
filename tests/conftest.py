"""What is slow to make and shared by all tests: roots of real releases, and a cache of real packages for them.

Kept below the state folder, under keys of their inputs; several test processes wait for each other.
"""

import gc
import os
import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.faults.verdicts import pytest_runtest_makereport, pytest_terminal_summary  # noqa: F401  # hooks
from tests.fuzz.effort import pytest_terminal_summary_fuzz  # noqa: F401  # a hook
from tests.support.lab import Isolation, lab_isolation, lab_root
from tests.tiers import (  # noqa: F401  # hooks
    ROOT,
    is_quick,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure_tier,
    pytest_terminal_summary_tier,
    pytest_testnodedown,
)

from package_cache.build.builder import Order, build
from package_cache.cache.layout import CacheFolder
from package_cache.cli import plain_log
from package_cache.cli.options import default_state, given_options
from package_cache.errors import ArchiveError, PackageCacheError, VerificationError
from package_cache.filesystem.paths import exclusive, text_digest, write_atomically
from package_cache.filesystem.state import private_folder
from package_cache.lock.file import lock_text, read_lock
from package_cache.manifest import read_manifest
from package_cache.releases.base_root import root_source
from package_cache.releases.distributions import release_of
from package_cache.releases.sources import archive_sources, mirror_finder
from package_cache.resolve.groups import make_lock
from package_cache.sandbox.bootstrap import make_root
from package_cache.sandbox.isolation import Isolation as Containment
from package_cache.sandbox.isolation import strongest_isolation
from package_cache.settings import Options
from package_cache.system import System

# Who runs this by nohup, or in the background of a shell, hands signals down that are ignored: no test could send them.
signal.signal(signal.SIGINT, signal.default_int_handler)
for sign in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(sign, signal.SIG_DFL)

pytest.register_assert_rewrite("tests.faults.judge", "tests.faults.published", "tests.fuzz.law")

MANIFEST = """\
ssh,ubuntu16.04,openssh-client openssh-server
ssh,ubuntu18.04,openssh-client openssh-server
nfs,ubuntu16.04,nfs-common
nfs,ubuntu18.04,nfs-common
build,ubuntu16.04,build-essential
build,ubuntu18.04,build-essential
nfs,debian12,nfs-common
build,debian12,build-essential
"""
QUICK_MANIFEST = "".join(f"{line}\n" for line in MANIFEST.splitlines() if re.match(rf"(ssh|nfs),{ROOT},", line))
"""Of it, what the first tier has."""


def pytest_collection_finish() -> None:
    """Spare later collections of garbage what collecting the tests has made: attacks collect before each test."""
    gc.collect()
    gc.freeze()


def unavailable(what: str, error: Exception) -> None:
    """Skip, visibly, what the archive does not give; in CI it must not be missing."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} cannot be had, and CI is set: {error}")
    pytest.skip(f"{what} cannot be had: {error}")


@pytest.fixture(autouse=True)
def _no_progress_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests compare standard error whole, also where the machine is slow."""
    monkeypatch.setattr(plain_log, "QUIET", 3600.0)


@pytest.fixture(scope="session")
def isolation() -> Isolation:
    """The laboratory's namespaces, in which root keeps its rights."""
    try:
        return lab_isolation()
    except PackageCacheError as error:
        unavailable("namespaces in which faults can be injected", error)
        raise


@pytest.fixture(scope="session")
def containment() -> Containment:
    """The product's: the strongest that this machine allows."""
    return strongest_isolation()


@pytest.fixture(scope="session")
def state() -> Path:
    """The folder of what is kept between runs."""
    return private_folder(default_state())


@pytest.fixture(scope="session")
def real_root(product_root: Callable[..., Path], state: Path) -> Callable[..., Path]:
    """Return the root of a release for the laboratory, as `product_root` does."""
    return lambda *words, **more: lab_root(product_root(*words, **more), state)


@pytest.fixture(scope="session")
def product_root(state: Path, containment: Containment, pytestconfig: pytest.Config) -> Callable[..., Path]:
    """Return the root of a release by its name, such as `ubuntu18.04`; `upgraded=False`: as it was on its first day."""

    def root(name: str, *, upgraded: bool = True, include: Sequence[str] = ()) -> Path:
        if is_quick(pytestconfig) and (name, upgraded, include) != (ROOT, True, ()):
            pytest.fail(f"the first tier has no other root than {ROOT}: list this test in tests/tiers.py")
        release = release_of(System.parse(name))
        options = Options(state)
        try:
            with exclusive(state / ".keyrings.lock", wait=600):
                sources = archive_sources(release, options)
            source = root_source(release, sources)
            plain = tuple(line for line in source.repositories if f" {release.series} " in line)
            source = source if upgraded else replace(source, repositories=plain, others=())
            return make_root(source, state=state, isolation=containment, include=include)
        except (ArchiveError, VerificationError) as error:
            unavailable(f"a root of {name}", error)
            raise

    return root


@pytest.fixture(scope="session")
def real_cache(state: Path, pytestconfig: pytest.Config) -> CacheFolder:
    """The cache of real packages: ssh, nfs and build for Ubuntu 16.04 and 18.04, and for Debian 12."""
    text = QUICK_MANIFEST if is_quick(pytestconfig) else MANIFEST
    folder = state / "tests" / text_digest(text)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    cache = CacheFolder(folder / "package_cache")
    with exclusive(folder / ".lock", wait=1200):
        path = folder / "package_cache_info"
        write_atomically(path, text.encode())
        manifest = read_manifest(path)
        options = given_options(state)
        lock_file = folder / "package-cache.lock"
        try:
            if not lock_file.exists():
                write_atomically(lock_file, lock_text(make_lock(manifest, options)).encode())
            lock = read_lock(lock_file.read_text(), file=str(lock_file))
            build(Order(lock, cache, mirror_finder(options, manifest)))
        except (ArchiveError, VerificationError) as error:
            lock_file.unlink(missing_ok=True)  # perhaps only too old: the archive has moved on
            unavailable("a cache of real packages", error)
    return cache
