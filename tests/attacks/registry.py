"""A registry on loopback that answers what a test says, also what no honest one would.

See the OCI Distribution Specification.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.check.layouts import HandMade

MANIFEST, INDEX = (f"application/vnd.oci.image.{kind}.v1+json" for kind in ("manifest", "index"))

Answer = bytes | Callable[[], Iterator[bytes]]
"""What is sent; of a function, as long as somebody reads."""


@dataclass
class Hostile:
    """A registry with one repository, `x`."""

    host: str = ""
    manifests: dict[str, Answer] = field(default_factory=dict)
    """By tag or digest."""
    blobs: dict[str, Answer] = field(default_factory=dict)
    """By digest."""
    redirects: dict[str, str] = field(default_factory=dict)
    """From one digest of a blob to another."""
    headers: dict[str, str] = field(default_factory=dict)
    then: dict[str, Answer] = field(default_factory=dict)
    """Manifests from the second request on."""

    def holds(self, layout: HandMade, image: Any, tag: str = "v1") -> None:
        """Serve all that a layout has, its image by a tag."""
        for path in (layout.folder / "blobs/sha256").iterdir():
            self.blobs[f"sha256:{path.name}"] = self.manifests[f"sha256:{path.name}"] = path.read_bytes()
        self.manifests[tag] = self.manifests[image["digest"]]

    def manifest(self, name: str) -> Answer | None:
        found = self.manifests.get(name)
        if name in self.then:
            self.manifests[name] = self.then.pop(name)
        return found


def _type(kind: str, answer: Answer | None) -> str:
    """Return the media type of what is sent, by which skopeo parses a manifest."""
    if kind != "manifests":
        return "application/octet-stream"
    return INDEX if isinstance(answer, bytes) and b'"manifests"' in answer else MANIFEST


@contextlib.contextmanager
def hostile_registry() -> Iterator[Hostile]:
    registry = Hostile()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, _, kind, name = self.path.rsplit("/", 3) if self.path != "/v2/" else ("", "", "", "")
            if kind == "blobs" and name in registry.redirects:
                self.send_response(307)
                self.send_header("Location", f"http://{registry.host}/v2/x/blobs/{registry.redirects[name]}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            answer: Answer | None = b"{}"
            if kind in ("manifests", "blobs"):
                answer = registry.manifest(name) if kind == "manifests" else registry.blobs.get(name)
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", _type(kind, answer))
            for key, value in registry.headers.items():
                self.send_header(key, value)
            if isinstance(answer, bytes) or answer is None:
                self.send_header("Content-Length", str(len(answer or b"")))
                self.end_headers()
                self.wfile.write(answer or b"")
                return
            self.end_headers()
            self.close_connection = True
            with contextlib.suppress(OSError):
                for block in answer():
                    self.wfile.write(block)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.host = f"localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
