"""No server can hold a download for ever, or fill the disk."""

from pathlib import Path

import pytest
from tests.support.downloads import Source
from tests.support.server import ArchiveServer

from package_cache.archive.downloads import Patience, download
from package_cache.errors import ArchiveError, PackageCacheError


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    source = Source(tmp_path)
    monkeypatch.setenv("APT_CONFIG", str(source.config))
    return source


def test_a_server_that_stalls_at_every_file_is_given_up(source: Source) -> None:
    with ArchiveServer(source.served) as server:
        items = [source.item("first.deb", 500, server)]
        items += [source.item(f"{number}.deb", 400, server) for number in range(10)]
        server.fail("/[0-9].deb", "stall")
        with pytest.raises(ArchiveError, match=r"given up after less than 1024 bytes a second in 1\.5 s"):
            download(items, patience=Patience(1, window=1.5, pauses=(), parallel=1))
        assert len(server.requests) <= 4
    assert items[0].target.exists()


def test_a_file_without_end_is_stopped(source: Source) -> None:
    with ArchiveServer(source.served) as server:
        item = source.item("a.deb", 500, server)
        (source.served / "a.deb").write_bytes(b"x" * 100_000)
        server.fail("/a.deb", "stall")
        with pytest.raises(PackageCacheError, match="other bytes than expected: sent more than the 500 bytes"):
            download([item], patience=Patience(10, pauses=()))
    assert not item.target.exists()


def test_a_folder_that_cannot_be_made_is_said(source: Source) -> None:
    with ArchiveServer(source.served) as server:
        item = source.item("a.deb", 500, server)
        (source.pool / ".partial").write_text("in the way")
        with pytest.raises(PackageCacheError, match=r"cannot write downloads to .*File exists"):
            download([item])
