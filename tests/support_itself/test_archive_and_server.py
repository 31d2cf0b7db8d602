"""The test archive and its server are what they say: real apt and gpgv say so."""

import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.support.archive import SignedArchive
from tests.support.debs import make_deb
from tests.support.server import ArchiveServer

from package_cache.process import CommandError, run


def apt(folder: Path, source: str) -> dict[str, str]:
    """Write an isolated apt's files and give the environment that makes apt use them."""
    for name in ("state/lists/partial", "cache/archives/partial", "etc"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(source + "\n")
    config = folder / "apt.conf"
    config.write_text(
        f'Dir "{folder}"; Dir::State "state"; Dir::State::status "{folder}/status"; Dir::Cache "cache";\n'
        f'Dir::Etc "{folder}/etc"; Dir::Etc::sourcelist "{folder}/sources.list"; Dir::Etc::main "/dev/null";\n'
        'Dir::Etc::parts "/dev/null"; APT::Sandbox::User "root"; APT::Architecture "amd64";\n'
        'APT::Architectures { "amd64"; }; Acquire::Languages "none"; Acquire::Check-Valid-Until "true";\n'
        'Acquire::Check-Date "true"; Acquire::Retries "0"; Dir::Log "/dev/null";\n'
    )
    return {"APT_CONFIG": str(config)}


@pytest.fixture
def archive(tmp_path: Path) -> SignedArchive:
    archive = SignedArchive(tmp_path / "archive")
    tool = make_deb(
        tmp_path, "tool", "1:2.0+a~b", "amd64", depends="lib (>= 1)", files={"/usr/bin/tool": "#!/bin/sh\n"}
    )
    archive.add(tool)
    archive.add(make_deb(tmp_path, "lib"))
    return archive


@pytest.mark.parametrize("hashes", [("MD5Sum", "SHA256"), ("SHA512",)])
def test_apt_resolves_and_downloads_from_it(tmp_path: Path, hashes: tuple[str, ...]) -> None:
    archive = SignedArchive(tmp_path / "archive", hashes=hashes)
    archive.add(make_deb(tmp_path, "tool", "1:2.0+a~b", "amd64", depends="lib (>= 1)"))
    archive.add(make_deb(tmp_path, "lib"))
    archive.publish()
    with ArchiveServer(archive.folder) as server:
        env = apt(tmp_path / "apt", archive.source(server.uri))
        run(["apt-get", "update", "--error-on=any"], env=env, timeout=60)
        run(["apt-get", "install", "--yes", "--download-only", "tool"], env=env, timeout=60)
        assert "/pool/main/tool/tool_2.0+a~b_amd64.deb" in server.requests
    names = sorted(path.name for path in (tmp_path / "apt/cache/archives").glob("*.deb"))
    assert names == ["lib_1.0_all.deb", "tool_1%3a2.0+a~b_amd64.deb"]


@pytest.mark.parametrize("how", ["unsigned", "expired", "future", "other key"])
def test_apt_refuses_what_is_published_badly(archive: SignedArchive, tmp_path: Path, how: str) -> None:
    match how:
        case "unsigned":
            archive.publish(signed=False)
        case "expired":
            archive.publish_expired()
        case "future":
            archive.publish_from_the_future()
        case _:
            archive.publish(key="stranger")
    with ArchiveServer(archive.folder) as server, pytest.raises(CommandError):
        env = apt(tmp_path / "apt", archive.source(server.uri))
        run(["apt-get", "update", "--error-on=any"], env=env, timeout=60)


def test_likeness_of_a_distribution(tmp_path: Path) -> None:
    archive = SignedArchive(tmp_path / "archive", suites=("bionic", "bionic-updates"), components=("main", "universe"))
    archive.add(make_deb(tmp_path, "tool", "1"), "bionic")
    archive.add(make_deb(tmp_path, "tool", "2"), "bionic-updates")
    archive.add(make_deb(tmp_path, "extra"), "bionic", "universe")
    archive.publish()
    with ArchiveServer(archive.folder) as server:
        lines = [archive.source(server.uri, suite) for suite in archive.suites]
        env = apt(tmp_path / "apt", "\n".join(lines))
        run(["apt-get", "update", "--error-on=any"], env=env, timeout=60)
        uris = run(["apt-get", "install", "--print-uris", "-qq", "tool", "extra"], env=env, timeout=60).stdout
    assert "/pool/main/tool/tool_2_all.deb" in uris
    assert "/pool/universe/extra/extra_1.0_all.deb" in uris


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (make_deb(tmp_path / place, "tool", files={"/etc/tool": "x"}) for place in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert " 2017-07-14 " in run(["dpkg-deb", "-c", str(first)], env={"TZ": "UTC"}, timeout=60).stdout


def test_server_closes_at_once_while_a_client_is_stalled_and_one_is_idle(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    with ArchiveServer(tmp_path) as server:
        server.fail("/file", "stall")
        answer = urllib.request.urlopen(f"{server.uri}/file", timeout=20)
        idle = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        idle.sendall(b"HEAD /nothing HTTP/1.1\r\n\r\n")
        assert idle.recv(10000).startswith(b"HTTP/1.1 404")
    with answer, idle:
        assert idle.recv(1) == b""


def test_server_fails_on_order_and_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    with ArchiveServer(tmp_path) as server:
        server.fail("/f*", 503, times=1)
        server.fail("/f*", "wrong bytes", times=1)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.uri}/file", timeout=20)
        caught.value.close()
        contents = []
        for _ in range(2):
            with urllib.request.urlopen(f"{server.uri}/file", timeout=20) as answer:
                contents.append(answer.read())
        assert [len(contents[0]), contents[0] == contents[1]] == [1000, False]
        assert [request.status for request in server.log] == [503, 200, 200]
