"""Files come from a good server, whole, each once, with progress."""

from pathlib import Path

import pytest
from tests.support.downloads import Source
from tests.support.server import ArchiveServer

from package_cache.archive.downloads import PARTIAL, download
from package_cache.events import Event, Progress


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    source = Source(tmp_path)
    monkeypatch.setenv("APT_CONFIG", str(source.config))
    return source


def test_many_files_come_whole(source: Source) -> None:
    files = {f"pool/f{number}.deb": 1000 * number for number in range(1, 61)}
    with ArchiveServer(source.served) as server:
        items = [source.item(name, size, server) for name, size in files.items()]
        fetched = download(items)
        assert sorted(server.requests) == sorted(f"/{name}" for name in files)
    assert fetched == sum(files.values())
    assert all(item.target.read_bytes() == source.content(item) for item in items)
    assert not (source.pool / PARTIAL).exists()


def test_what_is_there_is_not_fetched_again(source: Source) -> None:
    with ArchiveServer(source.served) as server:
        items = [source.item("a.deb", 500, server), source.item("b.deb", 600, server)]
        download(items[:1])
        server.forget_requests()
        assert download(items) == 600
        assert server.requests == ["/b.deb"]


def test_a_damaged_target_is_replaced(source: Source) -> None:
    with ArchiveServer(source.served) as server:
        item = source.item("a.deb", 500, server)
        item.target.write_bytes(b"x" * 500)
        download([item])
    assert item.target.read_bytes() == source.content(item)


@pytest.mark.parametrize("name", ["lib++_1%3a2.0~rc+b1_all.deb", "tool_1:2_all.deb", "with space.deb"])
def test_names_with_signs(source: Source, name: str) -> None:
    with ArchiveServer(source.served) as server:
        item = source.item(name, 500, server)
        download([item])
        assert server.requests == [f"/{name}"]
    assert item.target.read_bytes() == source.content(item)


def test_redirects_are_followed(source: Source) -> None:
    with ArchiveServer(source.served) as server:
        server.fail("*", "redirect")
        item = source.item("a.deb", 500, server)
        assert download([item]) == 500


def test_a_local_repository(source: Source) -> None:
    item = source.item("a+b.deb", 500, "file://" + str(source.served))
    download([item])
    assert item.target.read_bytes() == source.content(item)
    assert not item.target.is_symlink()


def test_progress_begins_at_nothing_and_ends_at_all(source: Source) -> None:
    events: list[Event] = []
    with ArchiveServer(source.served) as server:
        items = [source.item(f"{number}.deb", 100_000, server) for number in range(5)]
        download(items, listener=events.append)
    amounts = [event.done for event in events if isinstance(event, Progress)]
    assert events[0] == Progress("downloading", 0, 500_000)
    assert events[-1] == Progress("downloading", 500_000, 500_000)
    assert amounts == sorted(amounts)


def test_nothing_to_do() -> None:
    assert download([]) == 0
