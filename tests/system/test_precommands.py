"""Precommands in a real root: a second signed repository on loopback, a failure, a bound."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer

from package_cache.manifests import read_manifest
from package_cache.values.errors import PrecommandError
from package_cache.values.lock import Lock
from package_cache.verbs.lock import make_lock
from package_cache.verbs.options import Options

pytestmark = pytest.mark.system


@pytest.fixture
def second_repository(tmp_path: Path) -> Iterator[tuple[SignedArchive, str]]:
    (tmp_path / "debs").mkdir()
    archive = SignedArchive(tmp_path / "archive")
    archive.add(make_deb(tmp_path / "debs", "our-tool", "2.0", depends="libc6"))
    archive.publish()
    with ArchiveServer(archive.folder) as server:
        yield archive, server.uri


def lock(tmp_path: Path, state: Path, precommands: str, timeout: float = 300.0) -> Lock:
    path = tmp_path / "package_cache_info"
    path.write_text(f"tool,ubuntu18.04,our-tool,{precommands}\n")
    return make_lock(read_manifest(path), Options(state, precommand_timeout=timeout))


def test_a_package_comes_from_the_repository_that_a_precommand_added(
    tmp_path: Path, state: Path, real_root: Callable[..., Path], second_repository: tuple[SignedArchive, str]
) -> None:
    real_root("ubuntu18.04")  # skips where the archive does not answer
    archive, uri = second_repository
    key = archive.armoured_keyring.read_text().replace("\n", "\\n")
    precommands = (
        f"printf -- '{key}' >/etc/apt/trusted.gpg.d/second.asc; "
        f"echo 'deb {uri} stable main' >/etc/apt/sources.list.d/second.list"
    )
    [system] = lock(tmp_path, state, precommands).systems
    [tool] = [package for package in system.packages if package.name == "our-tool"]
    assert tool.version == "2.0"
    assert {item.name: item.uri for item in system.repositories}[tool.repository] == uri.rstrip("/")
    assert "libc6" in {package.name for package in system.packages}


def test_a_precommand_that_fails_stops_it_and_shows_its_output(
    tmp_path: Path, state: Path, real_root: Callable[..., Path]
) -> None:
    real_root("ubuntu18.04")
    with pytest.raises(PrecommandError) as caught:
        lock(tmp_path, state, "echo one, two; false; echo never")
    assert "ended with status 1" in str(caught.value)
    assert "one, two" in caught.value.details
    assert "never" not in caught.value.details


def test_a_precommand_that_hangs_is_stopped_at_the_bound(
    tmp_path: Path, state: Path, real_root: Callable[..., Path]
) -> None:
    real_root("ubuntu18.04")
    with pytest.raises(PrecommandError, match="did not end within 2 s"):
        lock(tmp_path, state, "sleep 3600", timeout=2)
