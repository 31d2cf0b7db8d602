"""Jobs for the fault tests: real groups in real roots, and groups of small hostile packages."""

import contextlib
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.faults.fault import Fault, inject, open_job
from tests.faults.job import BUSYBOX, Job
from tests.faults.recorded import RECORDED, recorded
from tests.faults.verdicts import INJECTIONS
from tests.faults.writers import Shelf, Trial, make_shelf
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.archive import likeness_of_bionic
from tests.support.lab import Isolation, throwaway
from tests.support.server import ArchiveServer
from tests.tiers import is_quick

from package_cache.cache.layout import CacheFolder
from package_cache.installer import install_group

REQUESTS = {"ssh": ["openssh-client", "openssh-server"], "nfs": ["nfs-common"], "build": ["build-essential"]}

RealJob = Callable[..., Job]
SyntheticJob = Callable[..., Job]
InjectIn = Callable[[str, Fault], None]


@pytest.fixture
def injections(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """A test that injects several faults says how many so far."""

    def count(number: int) -> None:
        request.node.stash[INJECTIONS] = number

    return count


OpenRoom = Callable[..., Room]


@pytest.fixture
def open_room(real_root: Callable[..., Path], isolation: Isolation) -> Iterator[OpenRoom]:
    """Open a room of a system that has busybox and sees these folders: `open_room("debian12", {"/cache": cache})`."""
    with contextlib.ExitStack() as stack:

        def open_one(system: str, binds: dict[str, Path], written: Path | None = None) -> Room:
            binds = {**binds, BUSYBOX: Path("/bin/busybox")}
            container = throwaway(real_root(system), isolation, binds=binds, written=written)
            return Room(stack.enter_context(container), "/cache", stack)

        yield open_one


@pytest.fixture
def real_job(open_room: OpenRoom, real_cache: CacheFolder, tmp_path: Path) -> RealJob:
    """Open a job that wants a real group: `real_job("ubuntu18.04", "ssh")`. `own_cache`: a copy that may be damaged."""

    def open_one(system: str, group: str, *, own_cache: bool = False) -> Job:
        return open_real_job(open_room, real_cache, tmp_path, system, group, own_cache=own_cache)

    return open_one


@pytest.fixture
def replay_job(
    open_room: OpenRoom,
    real_cache: CacheFolder,
    product_root: Callable[..., Path],
    state: Path,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> RealJob:
    """Open a job as `real_job` does, whose cache has recordings of the groups of its system in this root.

    `change`: what changes the installer; `written`: the folder of the container's writable layer.
    """

    def open_one(
        system: str,
        group: str,
        *,
        own_cache: bool = False,
        change: Callable[[str], str] = str,
        written: Path | None = None,
    ) -> Job:
        groups = (group,) if is_quick(pytestconfig) else RECORDED[system]
        cache = recorded(real_cache, system, groups, product_root(system), state)
        return open_real_job(
            open_room, cache, tmp_path, system, group, own_cache=own_cache, change=change, written=written
        )

    return open_one


def open_real_job(
    open_room: OpenRoom,
    cache: CacheFolder,
    folder: Path,
    system: str,
    group: str,
    *,
    own_cache: bool,
    change: Callable[[str], str] = str,
    written: Path | None = None,
) -> Job:
    """Open a job that wants a group of a cache. The cache is kept and shared; the installer is this checkout's."""
    installer = folder / "install_group.sh"
    installer.write_text(change(install_group()))
    room = open_room(system, {"/cache": cache.path, "/cache/install_group.sh": installer}, written)
    job = Job(room, group, REQUESTS[group], free_port(), is_real=True)
    job.prepare(f"/cache groups/{group}-{system}/")
    if own_cache:
        copy = f"""
mkdir -p /own/pool /own/groups; cp /cache/install_group.sh /cache/package-cache.json /own
cp -r /cache/groups/{group}-{system} /own/groups
sed -n 's|^Filename: ||p' /own/groups/*/Packages | while read -r f; do cp /cache/$f /own/pool; done"""
        job.room.sh(copy)
        job.cache = "/own"
    return job


@pytest.fixture
def synthetic_job(open_room: OpenRoom, tmp_path: Path) -> SyntheticJob:
    """Open a job that wants `requests` of small packages.

    `mended` stand in its fallback's repository instead of those that they name; `others` lie in /debs as well.
    """

    def open_one(
        requests: Sequence[str],
        debs: Sequence[Path],
        *,
        mended: Sequence[Path] = (),
        others: Sequence[Path] = (),
        provides: Sequence[str] = (),
        system: str = "ubuntu18.04",
        architecture: str = "amd64",
    ) -> Job:
        number = len(list(tmp_path.glob("cache*")))
        cache = SyntheticCache(tmp_path / f"cache{number}", system)
        cache.add("tools", requests, debs, provides=provides, architecture=architecture)
        good = SyntheticCache(tmp_path / f"cache{number}-good", system)
        names = {deb.name.partition("_")[0] for deb in mended}
        good.add("tools", requests, [*mended, *(deb for deb in debs if deb.name.partition("_")[0] not in names)])
        files = tmp_path / f"debs-{number}"
        files.mkdir()
        for deb in (*debs, *others):
            shutil.copy(deb, files)
        room = open_room(system, {"/cache": cache.path, "/good": good.path, "/debs": files})
        job = Job(room, "tools", requests, free_port(), provides=provides)
        job.prepare(f"/good groups/tools-{system}/")
        return job

    return open_one


@pytest.fixture
def inject_in(synthetic_job: SyntheticJob, tmp_path: Path) -> InjectIn:
    """Inject a fault into a job of small packages in a system: `inject_in("debian12", fault)`."""
    return lambda system, fault: inject(open_job(fault, system, synthetic_job, tmp_path), fault)


def free_port() -> int:
    """Return a port of loopback that nobody listens on: without network namespaces the host's is shared."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A small archive with two states, and what the verbs make of each."""
    folder = tmp_path_factory.mktemp("shelf")
    archive = likeness_of_bionic(folder / "archive")
    with ArchiveServer(archive.folder) as server:
        yield make_shelf(folder, archive, server)


@pytest.fixture
def trial(shelf: Shelf, tmp_path: Path) -> Iterator[Callable[..., Trial]]:
    """Open a trial of a verb: `trial("build", replacing=True)`."""

    def open_one(verb: str, *, replacing: bool, source: Path | None = None, to: Path | None = None) -> Trial:
        folder = tmp_path / f"trial{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Trial(shelf, folder, verb, replacing, source, to)

    yield open_one
    shelf.server.recover()
