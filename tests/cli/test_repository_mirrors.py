"""A repository's URIs are tried in their order, at lock and at build, whatever is wrong with the first."""

import shutil
import socket
from collections.abc import Iterator
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


def both(vendor: Vendor, other: ArchiveServer) -> tuple[str, ...]:
    return other.uri, vendor.server.uri


def built(world: World) -> tuple[int, str]:
    status, _, err = world.build("--manifest", str(world.folder / "package-cache.toml"))
    return status, err


def fetched(server: ArchiveServer) -> bool:
    return any(request.status == 200 and request.path.endswith(".deb") for request in server.log)


def test_the_first_is_taken_where_it_is_right(world: World, vendor: Vendor, key: str, other: ArchiveServer) -> None:
    assert vendor.lock(world, key, uris=both(vendor, other))[::2] == (0, "")
    assert built(world) == (0, "")
    assert (fetched(other), vendor.server.requests) == (True, [])


@pytest.mark.parametrize("failure", [403, 503, "drop", "wrong bytes", "truncate"])
@pytest.mark.parametrize("files", ["*/InRelease", "*/Packages*"])
def test_a_first_that_fails_while_locking(
    world: World, vendor: Vendor, key: str, other: ArchiveServer, files: str, failure: Failure
) -> None:
    other.fail(files, failure)
    if files == "*/InRelease":
        other.fail("*/Release*", failure)
    status, lock, err = vendor.lock(world, key, uris=both(vendor, other))
    assert (status, err) == (0, "")
    assert '"oddity_1.0_all"' in lock
    assert built(world) == (0, "")


def test_a_first_that_is_dead_all_the_time(world: World, vendor: Vendor, key: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert vendor.lock(world, key, uris=(dead, vendor.server.uri))[::2] == (0, "")
    assert built(world) == (0, "")
    assert fetched(vendor.server)


def test_a_first_that_stalls_is_left_once(
    world: World, vendor: Vendor, key: str, other: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("package_cache.apt.solver.SILENCE", 2.0)
    other.fail("*/InRelease", "stall")
    assert vendor.lock(world, key, uris=both(vendor, other))[::2] == (0, "")
    assert len([path for path in other.requests if path.endswith("InRelease")]) <= 2


@pytest.mark.parametrize("failure", ["drop", "wrong bytes", 403])
def test_a_first_that_fails_while_building(
    world: World, vendor: Vendor, key: str, other: ArchiveServer, failure: Failure
) -> None:
    assert vendor.lock(world, key, uris=both(vendor, other))[::2] == (0, "")
    other.fail("*.deb", failure)
    assert built(world) == (0, "")
    assert fetched(vendor.server)


def test_a_first_whose_lists_have_expired(world: World, vendor: Vendor, key: str, other: ArchiveServer) -> None:
    vendor.archive.publish_expired()
    shutil.copytree(vendor.archive.folder, other.folder, dirs_exist_ok=True)
    vendor.add("oddity", "2.0")
    vendor.republish()
    status, lock, err = vendor.lock(world, key, uris=both(vendor, other))
    assert (status, err) == (0, "")
    assert '"oddity_2.0_all"' in lock


def test_a_first_mirror_without_the_locked_files(world: World, vendor: Vendor, key: str, other: ArchiveServer) -> None:
    assert vendor.lock(world, key, uris=both(vendor, other))[::2] == (0, "")
    shutil.rmtree(other.folder / "pool")
    assert built(world) == (0, "")


def test_one_name_for_two_systems_is_not_confused(world: World, vendor: Vendor, key: str, other: ArchiveServer) -> None:
    elsewhere = vendor.table(key, 'systems = ["debian12"]', uris=(other.uri,))
    status, _, err = vendor.lock(world, key, 'systems = ["ubuntu18.04"]', group=GROUP + elsewhere)
    assert (status, err) == (0, "")
    assert built(world) == (0, "")
    assert other.requests == []
