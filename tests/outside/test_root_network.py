"""Proxies and certificates of this machine, for what makes a root and what runs in one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.proxy import Proxy, apt_told, made_authority
from tests.support.server import ArchiveServer

from package_cache.manifests import read_manifest
from package_cache.outside.roots.isolation import Isolation
from package_cache.outside.roots.releases import RootSource, make_root
from package_cache.values.errors import PackageCacheError
from package_cache.verbs.locking.lock import make_lock
from package_cache.verbs.options import Options


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
    with pytest.raises(PackageCacheError) as caught:  # the archive has nothing that a root needs
        make_root(source, state=tmp_path / "state", isolation=containment, include=["our-tool"])
    assert "Unable to locate package apt" in caught.value.details
    assert any("archive.invalid" in line or "secure.invalid" in line for line in proxy.log)


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
