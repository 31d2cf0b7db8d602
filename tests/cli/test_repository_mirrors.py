"""A repository's URIs are tried in their order, at lock and at build, whatever is wrong with the first.

A mirror that has not all architectures, as those of Ubuntu's archive: the next one is asked for what it lacks.
"""

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.server import ArchiveServer, Failure
from tests.support.vendor import GROUP, Vendor
from tests.support.world import World


@pytest.fixture
def other(vendor: Vendor, tmp_path: Path) -> Iterator[ArchiveServer]:
    """A mirror of the vendor's repository, as it is now."""
    shutil.copytree(vendor.archive.folder, tmp_path / "mirror")
    with ArchiveServer(tmp_path / "mirror") as server:
        yield server


Lock = Callable[[], str]


@pytest.fixture
def lock(world: World, vendor: Vendor, key: str, other: ArchiveServer) -> Lock:
    """Lock by the other mirror first, then the vendor's own server; gives the lock."""

    def locked() -> str:
        status, text, err = vendor.lock(world, key, uris=(other.uri, vendor.server.uri))
        assert (status, err) == (0, "")
        return text

    return locked


def fetched(server: ArchiveServer) -> list[str]:
    """Return the names of the package files that a server gave."""
    given = [request.path for request in server.log if request.status == 200]
    return [path.rpartition("/")[2] for path in given if path.endswith(".deb")]


def test_the_first_is_taken_where_it_is_right(world: World, vendor: Vendor, other: ArchiveServer, lock: Lock) -> None:
    lock()
    assert world.build()[::2] == (0, "")
    assert (bool(fetched(other)), vendor.server.requests) == (True, [])


@pytest.mark.parametrize("failure", [403, 503, "drop", "wrong bytes", "truncate"])
@pytest.mark.parametrize("files", ["*/InRelease", "*/Packages*"])
def test_a_first_that_fails_while_locking(
    world: World, other: ArchiveServer, lock: Lock, files: str, failure: Failure
) -> None:
    other.fail(files, failure)
    if files == "*/InRelease":
        other.fail("*/Release*", failure)
    assert '"oddity_1.0_all"' in lock()
    assert world.build()[::2] == (0, "")


def test_a_first_that_is_dead_all_the_time(world: World, vendor: Vendor, key: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert vendor.lock(world, key, uris=(dead, vendor.server.uri))[::2] == (0, "")
    assert world.build()[::2] == (0, "")
    assert fetched(vendor.server)


def test_a_first_that_stalls_is_left_once(other: ArchiveServer, lock: Lock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("package_cache.apt.solver.SILENCE", 2.0)
    other.fail("*/InRelease", "stall")
    lock()
    assert len([path for path in other.requests if path.endswith("InRelease")]) <= 2


@pytest.mark.parametrize("failure", ["drop", "wrong bytes", 403])
def test_a_first_that_fails_while_building(
    world: World, vendor: Vendor, other: ArchiveServer, lock: Lock, failure: Failure
) -> None:
    lock()
    other.fail("*.deb", failure)
    assert world.build()[::2] == (0, "")
    assert fetched(vendor.server)


def test_a_first_whose_lists_have_expired(vendor: Vendor, other: ArchiveServer, lock: Lock) -> None:
    vendor.archive.publish_expired()
    shutil.copytree(vendor.archive.folder, other.folder, dirs_exist_ok=True)
    vendor.add("oddity", "2.0")
    vendor.republish()
    assert '"oddity_2.0_all"' in lock()


def test_one_name_for_two_systems_is_not_confused(world: World, vendor: Vendor, key: str, other: ArchiveServer) -> None:
    elsewhere = vendor.table(key, 'systems = ["debian12"]', uris=(other.uri,))
    assert vendor.lock(world, key, 'systems = ["ubuntu18.04"]', group=GROUP + elsewhere)[::2] == (0, "")
    assert world.build()[::2] == (0, "")
    assert other.requests == []


@pytest.fixture
def full(world: World, tmp_path: Path) -> Iterator[ArchiveServer]:
    """A mirror with two architectures; `world` is left with the packages of one."""
    for architecture in ("amd64", "arm64"):
        world.add("tool", architecture=architecture)
    world.archive.architectures = ["amd64", "arm64"]
    world.archive.publish()
    shutil.copytree(world.archive.folder, tmp_path / "full")
    for path in world.archive.folder.rglob("*_arm64.deb"):
        path.unlink()
    world.manifest(GROUP.replace("oddity", "tool") + 'architectures = ["amd64", "arm64"]\n')
    with ArchiveServer(tmp_path / "full") as server:
        yield server


def lacking_by_its_release(world: World) -> None:
    """As an archive of its own for other architectures."""
    world.archive.architectures = ["amd64"]
    world.archive.publish()


def lacking_its_lists(world: World) -> None:
    """As half a mirror: the signed Release is that of the whole."""
    for path in world.archive.folder.glob("dists/*/*/binary-arm64"):
        shutil.rmtree(path)


@pytest.mark.parametrize("lacking", [lacking_by_its_release, lacking_its_lists])
def test_the_next_mirror_has_the_architecture(
    world: World, full: ArchiveServer, lacking: Callable[[World], None]
) -> None:
    lacking(world)
    words = ("--mirror", f"ubuntu={full.uri}")
    assert world.online("lock", *words)[::2] == world.build(*words)[::2] == (0, "")
    groups = (world.cache / "groups/odd-ubuntu18.04").glob("*.group")
    assert sorted(path.name for path in groups) == ["amd64.group", "arm64.group"]
    assert fetched(full) == ["tool_1.0_arm64.deb"]


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("lacking", [lacking_by_its_release, lacking_its_lists])
def test_no_mirror_has_the_architecture(world: World, lacking: Callable[[World], None]) -> None:
    lacking(world)
    status, _, err = world.online("lock")
    hint = "hint: name a mirror that has arm64 with --mirror: it is asked where those before it fail\n"
    assert (status, err.endswith(hint)) == (5, True)
    if lacking is lacking_its_lists:
        assert "/binary-arm64/Packages" in err
    else:
        assert err.removesuffix(hint) == (
            "error: cannot reach any mirror of ubuntu (bionic, bionic-updates, bionic-security)\n"
            f"E: The repository '{world.server.uri} bionic' has no packages of arm64, only of amd64\n"
        )
