"""Debian's docker-registry on loopback, and what it has served: its own log of requests is the measure."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from package_cache.errors import PackageCacheError
from package_cache.process import end, run, start

_LINE = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[0-9.]+" (?P<status>[0-9]+) (?P<bytes>[0-9]+)')


@dataclass(frozen=True)
class Request:
    """A request that was answered."""

    method: str
    path: str
    status: int
    bytes: int
    """Of the answer's body."""


@dataclass(frozen=True)
class Registry:
    """A registry that runs."""

    host: str
    """What stands before the name of an image."""
    log: Path

    def requests(self, after: int = 0) -> list[Request]:
        """Return what was asked for, but for the first `after` requests."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        found = [match for line in lines if not line.startswith("time=") and (match := _LINE.search(line))]
        return [Request(m["method"], m["path"], int(m["status"]), int(m["bytes"])) for m in found[after:]]

    def pulled(self, after: int = 0) -> list[Request]:
        """Return the blobs and manifests that somebody fetched, but for what the first `after` requests were."""
        return [one for one in self.requests(after) if one.method == "GET" and one.status == 200 and one.path != "/v2/"]


@contextmanager
def loopback_registry(
    folder: Path, *, login: tuple[str, str] | None = None, port: int | None = None
) -> Iterator[Registry]:
    """Run one that keeps its images in `folder`, on 127.0.0.1, until the block ends; without a `port` on a free one.

    With `login`, a name and a password, it serves nobody else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log, port = folder / "registry.log", port or free_port()
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {
            "cache": {"blobdescriptor": "inmemory"},
            "filesystem": {"rootdirectory": str(folder / "storage")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if login:
        # bcrypt, which is all that it reads; perl's crypt(3) is there wherever Debian is
        script = 'print crypt($ARGV[0], "\\$2b\\$04\\$abcdefghijklmnopqrstuu")'
        hashed = run(["perl", "-e", script, login[1]]).stdout
        (folder / "htpasswd").write_text(f"{login[0]}:{hashed}\n", encoding="utf-8")
        config["auth"] = {"htpasswd": {"realm": "package-cache", "path": str(folder / "htpasswd")}}
    (folder / "registry.json").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    with log.open("w", encoding="utf-8") as stream:
        argv = ["docker-registry", "serve", str(folder / "registry.json")]
        process = start(argv, stdout=stream, stderr=stream, cwd=folder)
    try:
        _wait_until_it_answers(port, log)
        yield Registry(f"localhost:{port}", log)
    finally:
        end(process)


def free_port() -> int:
    """Return a port of 127.0.0.1 where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_until_it_answers(port: int, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 2):
            return
        time.sleep(0.05)
    raise PackageCacheError("cannot start a registry on loopback", details=log.read_text(errors="replace"))
