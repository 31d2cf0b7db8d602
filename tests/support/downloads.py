"""Files of random bytes to be served, and the downloads that want them."""

import hashlib
import random
import urllib.parse
from pathlib import Path

from tests.support.server import ArchiveServer

from package_cache.archive.downloads import Download


class Source:
    """Below `folder`: `served/`, what servers have; `pool/`, where it shall come; `config`, which shuns any proxy."""

    def __init__(self, folder: Path) -> None:
        self.served = folder / "served"
        self.pool = folder / "pool"
        self.config = folder / "apt.conf"
        self.served.mkdir()
        self.pool.mkdir()
        self.config.write_text('Acquire::http::Proxy::127.0.0.1 "DIRECT";\n')
        self._contents: dict[str, bytes] = {}

    def item(self, name: str, size: int, *mirrors: ArchiveServer | str) -> Download:
        """Make a file of random bytes and give the download that wants it, from these servers (or base URIs)."""
        content = random.Random(name).randbytes(size)
        place = self.served / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        bases = [mirror if isinstance(mirror, str) else mirror.uri for mirror in mirrors]
        uris = tuple(f"{base}/{urllib.parse.quote(name)}" for base in bases)
        sha256 = hashlib.sha256(content).hexdigest()
        self._contents[sha256] = content
        return Download(uris, self.pool / f"{sha256}.deb", sha256, size)

    def content(self, item: Download) -> bytes:
        """Return the bytes that a download must bring."""
        return self._contents[item.sha256]
