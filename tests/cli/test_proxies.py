"""Proxies and certificates of this machine, for lists and downloads: a real proxy, and a server with its own authority.

For what runs in roots: `tests/sandbox/test_root_sources.py`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.proxy import Certificates, Proxy, apt_told, made_authority
from tests.support.server import ArchiveServer
from tests.support.world import World, refused

Told = Callable[..., Path]
Secure = tuple[Proxy, ArchiveServer]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return made_authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture
def proxy(world: World) -> Iterator[Proxy]:
    with Proxy({"archive.invalid": world.server.port}) as made:
        yield made


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Return an apt configuration of this machine, and remove proxies from its environment."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "ftp_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with ExitStack() as stack:
        yield lambda *lines: stack.enter_context(apt_told(*lines, folder=world.folder, monkeypatch=monkeypatch))


def lock_and_build(world: World, uri: str = "http://archive.invalid") -> tuple[tuple[int, int], str]:
    world.manifest("edit,ubuntu18.04,editor\n")
    locked = world.online("lock", mirror=uri)
    built = world.online("build", "--output", str(world.cache), mirror=uri)
    return (locked[0], built[0]), locked[2] + built[2]


@pytest.mark.parametrize("by", ["the environment", "apt", "apt, for one host", "a program"])
def test_a_proxy(world: World, proxy: Proxy, told: Told, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    program = world.folder / "find-proxy"
    program.write_text(f"#!/bin/sh\necho {proxy.uri}\n")
    program.chmod(0o755)
    settings = {
        "apt": f'Acquire::http::Proxy "{proxy.uri}";',
        "apt, for one host": f'Acquire::http::Proxy::archive.invalid "{proxy.uri}";',
        "a program": f'Acquire::http::Proxy-Auto-Detect "{program}";',
    }
    told(settings.get(by, ""))
    if by == "the environment":
        monkeypatch.setenv("http_proxy", proxy.uri)
    assert lock_and_build(world) == ((0, 0), "")
    assert "GET http://archive.invalid/dists/bionic/InRelease" in proxy.log
    assert any(line.startswith("GET http://archive.invalid/pool/") for line in proxy.log)


@pytest.mark.parametrize("by", ["the environment", "apt"])
def test_a_direct_host(world: World, proxy: Proxy, told: Told, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "apt":
        told(f'Acquire::http::Proxy "{proxy.uri}";', 'Acquire::http::Proxy::127.0.0.1 "DIRECT";')
    else:
        told()
        monkeypatch.setenv("http_proxy", proxy.uri)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert lock_and_build(world, world.server.uri) == ((0, 0), "")
    assert proxy.log == []


def test_a_proxy_with_a_password(world: World, told: Told) -> None:
    with Proxy({"archive.invalid": world.server.port}, user="me:Geheim.4711") as proxy:
        told(f'Acquire::http::Proxy "{proxy.uri.replace("//", "//me:Geheim.4711@")}";')
        assert lock_and_build(world) == ((0, 0), "")
        told(f'Acquire::http::Proxy "{proxy.uri.replace("//", "//me:Geheim.0815@")}";')
        world.server.forget_requests()
        statuses, err = lock_and_build(world)
    assert statuses[0] == 5
    assert "407" in err
    assert "Geheim" not in err
    texts = [path.read_bytes() for path in world.folder.rglob("*") if path.is_file() and path.name != "told.conf"]
    assert not any(b"Geheim" in text for text in texts), "it is written nowhere"


HINT = 'hint: name the authority that vouches for this server: Acquire::https::CAInfo "FILE"; in apt.conf(5)'
SECURE = "https://archive.invalid"


@pytest.fixture
def secure(world: World, certificates: Certificates) -> Iterator[Secure]:
    """The archive by HTTPS, which only the proxy finds."""
    with (
        ArchiveServer(world.archive.folder, tls=certificates.server()) as server,
        Proxy({"archive.invalid": server.port}) as proxy,
    ):
        yield proxy, server


@pytest.mark.parametrize("name", ["CAInfo", "archive.invalid::CAInfo", "CaInfo"])
def test_an_authority_of_apt(world: World, certificates: Certificates, secure: Secure, told: Told, name: str) -> None:
    told(f'Acquire::https::Proxy "{secure[0].uri}";', f'Acquire::https::{name} "{certificates.authority}";')
    assert lock_and_build(world, SECURE) == ((0, 0), "")
    assert set(secure[0].log) == {"CONNECT archive.invalid:443"}
    assert any(path.endswith(".deb") for path in secure[1].requests)


def test_a_proxy_for_https(
    world: World, certificates: Certificates, secure: Secure, told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    told(f'Acquire::https::CAInfo "{certificates.authority}";')
    monkeypatch.setenv("https_proxy", secure[0].uri)
    assert lock_and_build(world, SECURE) == ((0, 0), "")


@pytest.mark.parametrize("setting", ["", "Verify-Peer", "Verify-Host", "archive.invalid::Verify-Peer"])
def test_a_server_that_nobody_vouches_for_is_refused(world: World, secure: Secure, told: Told, setting: str) -> None:
    told(f'Acquire::https::Proxy "{secure[0].uri}";', *([f'Acquire::https::{setting} "false";'] if setting else []))
    statuses, err = lock_and_build(world, SECURE)
    assert statuses[0] == 5
    assert HINT in err
    assert ("Verify-Peer and Verify-Host of this machine do not count" in err) == bool(setting)
    assert secure[1].requests == []


def test_unverified_downloads(world: World, certificates: Certificates, secure: Secure, told: Told) -> None:
    proxy = f'Acquire::https::Proxy "{secure[0].uri}";'
    told(proxy, f'Acquire::https::CAInfo "{certificates.authority}";')
    assert lock_and_build(world, SECURE)[0] == (0, 0)
    for path in (world.cache / "pool").iterdir():
        path.unlink()
    told(proxy, 'Acquire::https::Verify-Peer "false";')
    refused(world.online("build", "--output", str(world.cache), mirror=SECURE), 5, HINT)


def test_a_server_that_asks_for_a_certificate(world: World, certificates: Certificates, told: Told) -> None:
    with (
        ArchiveServer(world.archive.folder, tls=certificates.server(asks_clients=True)) as server,
        Proxy({"archive.invalid": server.port}) as proxy,
    ):
        lines = [f'Acquire::https::Proxy "{proxy.uri}";', f'Acquire::https::CAInfo "{certificates.authority}";']
        told(*lines)
        assert lock_and_build(world, SECURE)[0][0] == 5
        certificate, key = certificates.of("client.invalid")
        told(*lines, f'Acquire::https::SslCert "{certificate}";', f'Acquire::https::SslKey "{key}";')
        assert lock_and_build(world, SECURE) == ((0, 0), "")
