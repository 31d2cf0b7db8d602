"""What roots are made from, and what runs in them: mirrors, proxies and certificates of this machine."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.proxy import Proxy, apt_told, made_authority
from tests.support.server import ArchiveServer

from package_cache.apt.isolated import Source
from package_cache.errors import PackageCacheError, VerificationError
from package_cache.manifest import read_manifest
from package_cache.releases.base_root import root_source
from package_cache.releases.distributions import release_of
from package_cache.resolve.groups import make_lock
from package_cache.sandbox.bootstrap import RootSource, make_root
from package_cache.sandbox.isolation import Isolation
from package_cache.settings import Options
from package_cache.system import System


@pytest.fixture
def archive(tmp_path: Path) -> SignedArchive:
    made = SignedArchive(tmp_path / "archive")
    made.add(make_deb(tmp_path / "debs", "our-tool", "2.0"))
    made.publish()
    return made


@pytest.fixture
def proxy(archive: SignedArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The only way to the archive, at `http://archive.invalid` and `https://secure.invalid`, which apt is told of."""
    authority = made_authority(tmp_path / "authority")
    with (
        ArchiveServer(archive.folder) as server,
        ArchiveServer(archive.folder, tls=authority.server("secure.invalid")) as secure,
        Proxy({"archive.invalid": server.port, "secure.invalid": secure.port}) as made,
        apt_told(
            f'Acquire::http::Proxy::archive.invalid "{made.uri}";',
            f'Acquire::https::Proxy::secure.invalid "{made.uri}";',
            f'Acquire::https::secure.invalid::CAInfo "{authority.authority}";',
            'Acquire::https::SslKey "/etc/package-cache-secret.key";',
            folder=tmp_path,
            monkeypatch=monkeypatch,
        ),
    ):
        yield made


@pytest.mark.parametrize("uri", ["http://archive.invalid", "https://secure.invalid"])
def test_a_root_is_made_by_the_proxy(
    archive: SignedArchive, proxy: Proxy, tmp_path: Path, containment: Isolation, uri: str
) -> None:
    source = RootSource("stable", "amd64", (f"deb {uri} stable main",), archive.keyring)
    with pytest.raises(PackageCacheError) as caught:
        make_root(source, state=tmp_path / "state", isolation=containment, include=["our-tool"])
    assert EMPTY in caught.value.details
    assert any("archive.invalid" in line or "secure.invalid" in line for line in proxy.log)


BIONIC = release_of(System.parse("ubuntu18.04"))
EMPTY = "Unable to locate package apt"
"""The last word about an archive that answers rightly, but has nothing that a root needs."""


def made_from(source: Source, state: Path, isolation: Isolation) -> PackageCacheError:
    """Try to make a root from it; gives why that cannot be."""
    with pytest.raises(PackageCacheError) as caught:
        make_root(root_source(BIONIC, [source]), state=state, isolation=isolation)
    return caught.value


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize("fault", ["dead", "another key", "404"])
def test_a_root_is_made_from_the_next_mirror(
    archive: SignedArchive, tmp_path: Path, containment: Isolation, fault: str
) -> None:
    other = SignedArchive(tmp_path / "other", key="stranger")
    other.publish()
    with ArchiveServer(archive.folder) as server, ArchiveServer(other.folder) as wrong:
        if fault == "404":
            wrong.fail("*", 404)
        bad = "http://127.0.0.1:9" if fault == "dead" else wrong.uri
        source = Source("ubuntu", (bad, server.uri), ("stable",), ("main",), archive.keyring)
        error = made_from(source, tmp_path / "state", containment)
    assert EMPTY in error.details, error
    assert bad not in error.details


def test_expired_lists_that_are_allowed(archive: SignedArchive, tmp_path: Path, containment: Isolation) -> None:
    archive.publish_expired()
    with ArchiveServer(archive.folder) as server:
        source = Source("ubuntu", (server.uri,), ("stable",), ("main",), archive.keyring)
        assert made_from(source, tmp_path / "state", containment).status is VerificationError.status
        allowed = replace(source, allow_expired=True)
        assert EMPTY in made_from(allowed, tmp_path / "state", containment).details


def test_precommands_and_the_apt_of_their_root_use_it(
    archive: SignedArchive, proxy: Proxy, tmp_path: Path, state: Path, product_root: Callable[..., Path]
) -> None:
    product_root("ubuntu18.04")
    key = archive.armoured_keyring.read_text().replace("\n", "\\n")
    path = tmp_path / "package-cache.toml"
    precommands = f"""
: >/etc/apt/sources.list
printf -- '{key}' >/etc/apt/trusted.gpg.d/ours.asc
echo 'deb http://archive.invalid stable main' >/etc/apt/sources.list.d/ours.list
echo 'deb https://secure.invalid stable main' >>/etc/apt/sources.list.d/ours.list
apt-get update --quiet
apt-cache policy our-tool | grep secure.invalid
[ "$https_proxy $NO_PROXY" = "http://it's.invalid:1 secure.invalid,archive.invalid" ]
! apt-config dump | grep secret
"""
    text = '[[group]]\nname = "tool"\nsystems = ["ubuntu18.04"]\npackages = ["our-tool"]\n'
    path.write_text(f'{text}precommands = """{precommands.replace(chr(92), chr(92) * 2)}"""\n')
    proxies = {"https_proxy": "http://it's.invalid:1", "NO_PROXY": "secure.invalid,archive.invalid"}
    lock = make_lock(read_manifest(path), Options(state, proxies=proxies))
    assert [package.name for package in lock.systems[0].packages] == ["our-tool"]
    assert "GET http://archive.invalid/dists/stable/InRelease" in proxy.log
    assert "CONNECT secure.invalid:443" in proxy.log


def test_a_proxy_of_the_environment_counts_for_the_apt_of_a_root(
    archive: SignedArchive, tmp_path: Path, state: Path, product_root: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    product_root("ubuntu18.04")
    path = tmp_path / "package_cache_info"
    key = archive.armoured_keyring.read_text().replace("\n", "\\n")
    add = "echo deb http://archive.invalid stable main >/etc/apt/sources.list"
    path.write_text(f"tool,ubuntu18.04,our-tool,printf -- '{key}' >/etc/apt/trusted.gpg.d/ours.asc; {add}\n")
    with (
        ArchiveServer(archive.folder) as server,
        Proxy({"archive.invalid": server.port}) as proxy,
        apt_told(folder=tmp_path, monkeypatch=monkeypatch),
    ):
        lock = make_lock(read_manifest(path), Options(state, proxies={"http_proxy": proxy.uri}))
    assert [package.name for package in lock.systems[0].packages] == ["our-tool"]
    assert "GET http://archive.invalid/dists/stable/InRelease" in proxy.log
