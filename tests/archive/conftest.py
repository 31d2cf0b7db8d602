"""Files to download, and a server that has them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.downloads import Source
from tests.support.server import ArchiveServer


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    source = Source(tmp_path)
    monkeypatch.setenv("APT_CONFIG", str(source.config))
    return source


@pytest.fixture
def server(source: Source) -> Iterator[ArchiveServer]:
    with ArchiveServer(source.served) as serving:
        yield serving
