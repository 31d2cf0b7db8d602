"""Servers fail in every way: the files come all the same, or one error says all, and no target is half.

No server can hold a download for ever, or fill the disk.
"""

import socket
from collections.abc import Iterator

import pytest
from tests.support.downloads import Source
from tests.support.server import ArchiveServer, Failure

from package_cache.archive.downloads import PARTIAL, Patience, download
from package_cache.errors import ArchiveError, PackageCacheError, VerificationError

HASTY = Patience(timeout=2, pauses=(0.05, 0.05, 0.05))


@pytest.fixture
def other(source: Source) -> Iterator[ArchiveServer]:
    with ArchiveServer(source.served) as serving:
        yield serving


@pytest.fixture
def dead() -> str:
    """Return a base URI without a server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_truncated_files_are_resumed(source: Source, server: ArchiveServer) -> None:
    server.fail("/a.deb", "truncate", times=1)
    item = source.item("a.deb", 400_000, server)
    assert download([item], patience=HASTY) == 400_000
    assert [(entry.range, entry.sent) for entry in server.log] == [(None, 200_000), ("bytes=200000-", 200_000)]
    assert item.target.read_bytes() == source.content(item)


@pytest.mark.parametrize("wrong", [False, True])
def test_the_next_run(source: Source, server: ArchiveServer, wrong: bool) -> None:
    server.fail("/a.deb", "truncate", times=1)
    item = source.item("a.deb", 400_000, server)
    with pytest.raises(ArchiveError):
        download([item], patience=Patience(pauses=()))
    assert not item.target.exists()
    if wrong:
        (partial,) = (source.pool / PARTIAL).iterdir()
        (source.served / "a.deb").touch()
        partial.write_bytes(b"x" * 1000)
        download([item], patience=HASTY)
    else:
        assert download([item], patience=HASTY) == 200_000
        assert server.bytes_sent == 400_000
    assert item.target.read_bytes() == source.content(item)
    assert not (source.pool / PARTIAL).exists()


def test_a_busy_server_is_asked_again(source: Source, server: ArchiveServer) -> None:
    server.fail("/a.deb", 503, times=2)
    download([source.item("a.deb", 500, server)], patience=HASTY)
    assert [entry.status for entry in server.log] == [503, 503, 200]


def test_a_dead_mirror_is_passed_over(source: Source, server: ArchiveServer, dead: str) -> None:
    items = [source.item(f"{number}.deb", 500, dead, server) for number in range(40)]
    assert download(items, patience=HASTY) == 40 * 500


@pytest.mark.parametrize("failure", ["wrong bytes", "drop", "truncate", 403, "stall"])
def test_a_bad_mirror_is_passed_over(
    source: Source, server: ArchiveServer, other: ArchiveServer, failure: Failure
) -> None:
    server.fail("/b.deb", failure)
    items = [source.item(name, 10_000, server, other) for name in ("a.deb", "b.deb", "c.deb")]
    download(items, patience=Patience(timeout=1, pauses=()))
    assert other.requests == ["/b.deb"]
    assert all(item.target.read_bytes() == source.content(item) for item in items)


def test_wrong_bytes_from_every_mirror(source: Source, server: ArchiveServer, other: ArchiveServer) -> None:
    for one in (server, other):
        one.fail("/b_1%3a2.deb", "wrong bytes")
    items = [source.item(name, 500, server, other) for name in ("a.deb", "b_1%3a2.deb", "c.deb")]
    with pytest.raises(VerificationError, match="cannot get 1 file with the bytes") as caught:
        download(items, patience=HASTY)
    text = str(caught.value)
    assert "b_1%3a2.deb (500 bytes" in text
    assert f"{server.uri}/b_1%253a2.deb: other bytes than expected: Hash Sum mismatch" in text
    assert f"{other.uri}/b_1%253a2.deb: other bytes than expected" in text
    assert [item.target.exists() for item in items] == [True, False, True]
    assert not (source.pool / PARTIAL).exists()


def test_a_file_of_another_size_is_refused(source: Source, server: ArchiveServer) -> None:
    item = source.item("a.deb", 500, server)
    (source.served / "a.deb").write_bytes(b"x" * 700)
    with pytest.raises(VerificationError):
        download([item], patience=HASTY)
    assert not item.target.exists()


def test_all_that_cannot_be_had_is_said_at_once(source: Source, server: ArchiveServer, dead: str) -> None:
    server.fail("/gone*.deb", "drop")
    items = [source.item(name, 500, dead, server) for name in ("gone1.deb", "here.deb", "gone2.deb")]
    with pytest.raises(ArchiveError, match="cannot download 2 files") as caught:
        download(items, patience=HASTY)
    text = str(caught.value)
    for part in (f"{dead}/gone1.deb: ", "Could not connect", f"{server.uri}/gone2.deb: 404 Not Found"):
        assert part in text
    assert "here.deb" not in text
    assert items[1].target.exists()


def test_no_answer_at_all(source: Source, dead: str) -> None:
    items = [source.item(f"{number}.deb", 500, dead) for number in range(55)]
    with pytest.raises(ArchiveError, match="cannot download 55 files") as caught:
        download(items, patience=HASTY)
    lines = str(caught.value).splitlines()
    assert len(lines) == 6, lines
    assert "54 files: 1.deb, 2.deb, 3.deb, ..." in lines


def test_passwords_are_not_repeated(source: Source, dead: str) -> None:
    item = source.item("a.deb", 500, dead.replace("//", "//me:geheim@"))
    with pytest.raises(PackageCacheError) as caught:
        download([item], patience=HASTY)
    assert "geheim" not in str(caught.value)
    assert f"{dead}/a.deb: Could not connect" in str(caught.value)


def test_a_server_that_stalls_for_ever_is_left(source: Source, server: ArchiveServer) -> None:
    server.fail("/a.deb", "stall")
    items = [source.item(name, 10_000, server) for name in ("a.deb", "b.deb")]
    with pytest.raises(ArchiveError, match=r"(?s)cannot download 1 file.*Connection timed out"):
        download(items, patience=Patience(timeout=1, window=10, pauses=()))
    assert [item.target.exists() for item in items] == [False, True]


def test_a_server_that_stalls_at_every_file_is_given_up(source: Source, server: ArchiveServer) -> None:
    items = [source.item("first.deb", 500, server)]
    items += [source.item(f"{number}.deb", 400, server) for number in range(10)]
    server.fail("/[0-9].deb", "stall")
    with pytest.raises(ArchiveError, match=r"given up after less than 1024 bytes a second in 1\.5 s"):
        download(items, patience=Patience(1, window=1.5, pauses=(), parallel=1))
    assert len(server.requests) <= 4
    assert items[0].target.exists()


def test_a_file_without_end_is_stopped(source: Source, server: ArchiveServer) -> None:
    item = source.item("a.deb", 500, server)
    (source.served / "a.deb").write_bytes(b"x" * 100_000)
    server.fail("/a.deb", "stall")
    with pytest.raises(PackageCacheError, match="other bytes than expected: sent more than the 500 bytes"):
        download([item], patience=Patience(10, pauses=()))
    assert not item.target.exists()


def test_a_folder_that_cannot_be_made_is_said(source: Source, server: ArchiveServer) -> None:
    item = source.item("a.deb", 500, server)
    (source.pool / ".partial").write_text("in the way")
    with pytest.raises(PackageCacheError, match=r"cannot write downloads to .*File exists"):
        download([item])
