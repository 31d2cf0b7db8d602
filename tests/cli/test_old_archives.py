"""Archives that change: another name, lists out of their time, versions that are gone and kept elsewhere."""

import shutil
from pathlib import Path

import pytest
from tests.support.server import ArchiveServer
from tests.support.vendor import GROUP, Vendor
from tests.support.world import World, refused

EDIT = "edit,ubuntu18.04,editor\n"
WARNING = "warning: lists of {} for ubuntu18.04 amd64 are used however old they are: they may lack security updates\n"


def lock_text(world: World) -> str:
    return (world.folder / "package-cache.lock").read_text()


@pytest.mark.parametrize("field", ["Label", "Origin", "Version"])
def test_a_repository_may_call_itself_something_else(world: World, vendor: Vendor, key: str, field: str) -> None:
    assert vendor.lock(world, key)[0] == 0
    vendor.archive.names = {field: "Another"}
    vendor.republish()
    assert vendor.lock(world, key)[::2] == (0, "")


@pytest.mark.parametrize("field", ["Suite", "Codename"])
def test_another_suite_at_the_same_place_causes_a_warning(world: World, vendor: Vendor, key: str, field: str) -> None:
    assert vendor.lock(world, key)[0] == 0
    vendor.add("oddity", "2.0")
    vendor.archive.names = {field: "trixie"}
    vendor.republish()
    warning = f"warning: vendor stable: its {field} was stable and is now trixie\n"
    status, out, err = world.online("outdated")
    assert (status, err) == (16, warning)
    assert "1.0 → 2.0" in out
    assert vendor.lock(world, key)[::2] == (0, "")


def test_expired_lists_only_count_where_that_is_asked_for(world: World) -> None:
    world.manifest(EDIT)
    world.archive.publish_expired()
    refused(world.online("lock"), 6, "name another one, or accept it: --allow-expired")
    status, _, err = world.online("lock", "--allow-expired")
    assert (status, err) == (0, WARNING.format("ubuntu"))
    assert 'name = "ubuntu"\nallow-expired = true\n' in lock_text(world)
    assert world.build()[0] == 0
    assert world.online("outdated", "--allow-expired")[::2] == (0, WARNING.format("ubuntu"))


def test_a_manifest_allows_it_for_one_repository(world: World, vendor: Vendor, key: str) -> None:
    vendor.archive.publish_expired()
    status, lock, err = vendor.lock(world, key, "allow-expired = true")
    assert (status, err) == (0, WARNING.format("vendor"))
    assert lock.count("allow-expired = true") == 1
    world.archive.publish_expired()
    assert vendor.lock(world, key, "allow-expired = true")[0] == 6


def test_expired_lists_by_a_wrong_key_are_refused(world: World) -> None:
    world.manifest(EDIT)
    world.archive.publish(key="stranger")
    assert world.online("lock", "--allow-expired")[0] == 6


@pytest.fixture
def kept(world: World, tmp_path: Path) -> str:
    """A lock whose package the archive has dropped; gives the folder of a mirror that has all it ever had."""
    world.locked(EDIT)
    shutil.copytree(world.archive.folder, tmp_path / "kept")
    world.archive.remove("editor")
    world.add("editor", "2.0", depends="libshared")
    return str(tmp_path / "kept")


def test_a_version_that_the_archive_dropped(world: World, kept: str) -> None:
    refused(world.build(), 5, "the archive no longer has editor in the locked version\n")
    assert world.online("lock", "--upgrade", "editor")[0] == 0
    assert world.build()[0] == 0


@pytest.mark.parametrize("uri", ["http", "file"])
def test_a_snapshot_has_what_the_archive_dropped(world: World, kept: str, uri: str) -> None:
    with ArchiveServer(Path(kept)) as server:
        assert world.build("--snapshot", f"ubuntu={server.uri if uri == 'http' else f'file:{kept}'}")[::2] == (0, "")
        wanted = ["/pool/main/editor/editor_1.0_all.deb"] if uri == "http" else []
        assert server.requests == wanted, "only what no mirror has"


def test_a_snapshot_of_the_manifest(world: World, vendor: Vendor, key: str, tmp_path: Path) -> None:
    shutil.copytree(vendor.archive.folder, tmp_path / "kept-vendor")
    shutil.copytree(world.archive.folder, tmp_path / "kept")
    group = f'[snapshots]\nubuntu = "file:{tmp_path}/kept"\n' + GROUP.replace('"oddity"', '"oddity", "editor"')
    assert vendor.lock(world, key, f'snapshot = "file:{tmp_path}/kept-vendor"', group=group)[0] == 0
    vendor.archive.remove("oddity")
    world.archive.remove("editor")
    assert world.build()[::2] == (0, "")


@pytest.mark.parametrize("uri", ["mirror+file:/list", "http://me:secret@host/", "nowhere", "file:/a b"])
def test_an_invalid_snapshot_is_refused(world: World, uri: str) -> None:
    world.manifest(EDIT)
    status, _, err = world.online("build", "--snapshot", f"ubuntu={uri}")
    assert status == 2
    assert "as a snapshot of ubuntu" in err
    assert "secret" not in err
