"""A repository without a signature is used only where the manifest says so in words, and never without a warning."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer
from tests.support.world import World

GROUP = '[[group]]\nname = "odd"\nsystems = ["ubuntu18.04"]\npackages = ["oddity"]\n'
REPOSITORY = '[[repository]]\nname = "vendor"\nuris = ["{uri}"]\nsuite = "stable"\ncomponents = ["main"]\n'


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[str]:
    """The URI of somebody's repository that nobody signed."""
    archive = SignedArchive(tmp_path / "vendor")
    archive.add(make_deb(tmp_path / "vendor-debs", "oddity"))
    archive.publish(signed=False)
    with ArchiveServer(archive.folder) as server:
        yield server.uri


def test_it_must_be_declared(world: World, vendor: str) -> None:
    path = world.manifest(GROUP + REPOSITORY.format(uri=vendor), "package-cache.toml")
    status, _, err = world.online("lock", "--manifest", str(path))
    assert status == 3
    assert 'write key = "keys/tools.asc" with its OpenPGP key, or allow-unsigned = true' in err
    assert not (path.parent / "package-cache.lock").exists()


def test_a_declared_one_is_used_and_warned_of(world: World, vendor: str) -> None:
    text = GROUP + REPOSITORY.format(uri=vendor) + "allow-unsigned = true\n"
    path = world.manifest(text, "package-cache.toml")
    status, _, err = world.online("lock", "--manifest", str(path))
    assert status == 0
    assert f"vendor is not signed: whoever can change {vendor} decides what it installs" in err
    assert 'repository = "vendor"' in (path.parent / "package-cache.lock").read_text()


def test_a_key_is_not_made_up_for_by_a_declaration(world: World, vendor: str) -> None:
    text = GROUP + REPOSITORY.format(uri=vendor) + f'key = "{world.archive.keyring.relative_to(world.folder)}"\n'
    path = world.manifest(text, "package-cache.toml")
    status, _, err = world.online("lock", "--manifest", str(path))
    assert status == 6
    assert "cannot trust what the mirrors of vendor (stable) sent" in err
