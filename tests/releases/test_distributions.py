"""Releases and archives are read from the distributions' own data, however its files are named.

Keys of a distribution that this machine has none of are fetched from one that vouches for it, or there is an error.
"""

from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.keys import throwaway_key
from tests.support.server import ArchiveServer

from package_cache.apt.isolated import PAUSES
from package_cache.errors import PackageCacheError
from package_cache.exit_codes import ExitStatus
from package_cache.releases.distributions import known_systems, newest_release, release_of
from package_cache.releases.keyrings import keyring_for
from package_cache.settings import Options
from package_cache.system import System

CONTENT = "the keys of ubuntu"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The distributions' data, and the keys of Debian alone, which are ours here."""
    monkeypatch.setattr("package_cache.apt.isolated.PAUSES", tuple(0.0 for _ in PAUSES))
    folder = tmp_path / "share"
    (folder / "keyrings").mkdir(parents=True)
    for name in ("distro-info", "python-apt"):
        (folder / name).symlink_to(Path("/usr/share") / name)
    throwaway_key("archive").export(folder / "keyrings" / "debian-archive-keyring.gpg")
    return folder


def debian(folder: Path, key: str = "archive") -> SignedArchive:
    release = newest_release("debian", "amd64")
    archive = SignedArchive(folder, suites=(release.series,), components=release.archives[0].components, key=key)
    files = {"/usr/share/keyrings/ubuntu-archive-keyring.gpg": CONTENT}
    archive.add(make_deb(folder.parent / "debs", "ubuntu-archive-keyring", files=files), suite=release.series)
    archive.publish()
    return archive


def keys(uri: str, data: Path, state: Path) -> str:
    return keyring_for("ubuntu", Options(state, {"debian": (uri,)}), data=data).read_text()


def test_they_come_from_a_distribution_that_vouches_for_them(data: Path, tmp_path: Path) -> None:
    with ArchiveServer(debian(tmp_path / "debian").folder) as server:
        assert keys(server.uri, data, tmp_path / "state") == CONTENT


def test_an_archive_that_a_stranger_signed_vouches_for_nothing(data: Path, tmp_path: Path) -> None:
    archive = debian(tmp_path / "debian", "stranger")
    with ArchiveServer(archive.folder) as server, pytest.raises(PackageCacheError) as caught:
        keys(server.uri, data, tmp_path / "state")
    assert caught.value.status is ExitStatus.NOT_VERIFIED


def test_a_network_that_is_down_is_no_matter_of_trust(data: Path, tmp_path: Path) -> None:
    with pytest.raises(PackageCacheError, match="cannot get the keys of ubuntu's archive") as caught:
        keys("http://127.0.0.1:1/", data, tmp_path / "state")
    assert caught.value.status is ExitStatus.ARCHIVE_UNREACHABLE


RELEASES = """version,codename,series,created,release,eol
8.0,Eight,eight,2020-01-01,2020-02-01,2030-01-01
"""
TEMPLATE = """Suite: eight
RepositoryType: deb
BaseURI: file:/archive/
MatchURI: /archive
Component: main
"""


@pytest.mark.parametrize("name", ["Nine.info", "nine.info"], ids=["before python-apt 3", "since python-apt 3"])
def test_a_template_is_found_by_either_name(tmp_path: Path, name: str) -> None:
    for path, text in ((f"python-apt/templates/{name}", TEMPLATE), ("distro-info/nine.csv", RELEASES)):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)

    assert known_systems(tmp_path) == ("nine8.0",)
    [archive] = release_of(System.parse("nine8.0"), tmp_path).archives
    assert (archive.base_uri, archive.suites) == ("file:/archive", ("eight",))
