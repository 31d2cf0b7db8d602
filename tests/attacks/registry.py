"""A registry on loopback that answers what a test says, also what no honest one would.

See the OCI Distribution Specification.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.check.layouts import HandMade
from tests.support.server import Loopback, QuietHandler

MANIFEST, INDEX = (f"application/vnd.oci.image.{kind}.v1+json" for kind in ("manifest", "index"))

Answer = bytes | Callable[[], Iterator[bytes]]
"""What is sent; of a function, as long as somebody reads."""


class Hostile(Loopback):
    """A registry with one repository, `x`."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.host = f"localhost:{self.port}"
        self.manifests: dict[str, Answer] = {}
        """By tag or digest."""
        self.blobs: dict[str, Answer] = {}
        """By digest."""
        self.redirects: dict[str, str] = {}
        """From one digest of a blob to another."""
        self.headers: dict[str, str] = {}
        self.then: dict[str, Answer] = {}
        """Manifests from the second request on."""

    def holds(self, layout: HandMade, image: Any, tag: str = "v1") -> None:
        """Serve all that a layout has, its image by a tag."""
        for path in (layout.folder / "blobs/sha256").iterdir():
            self.blobs[f"sha256:{path.name}"] = self.manifests[f"sha256:{path.name}"] = path.read_bytes()
        self.manifests[tag] = self.manifests[image["digest"]]

    def answer(self, kind: str, name: str) -> Answer | None:
        """Return what is sent for a name."""
        if kind == "blobs":
            return self.blobs.get(name)
        if kind != "manifests":
            return b"{}"
        found = self.manifests.get(name)
        if name in self.then:
            self.manifests[name] = self.then.pop(name)
        return found


class _Handler(QuietHandler):
    def do_GET(self) -> None:  # noqa: N802
        registry = self.server.owner
        _, _, kind, name = self.path.rsplit("/", 3) if self.path != "/v2/" else ("", "", "", "")
        if kind == "blobs" and name in registry.redirects:
            return self._send(307, b"", {"Location": f"http://{registry.host}/v2/x/blobs/{registry.redirects[name]}"})
        answer = registry.answer(kind, name)
        media_type = "application/octet-stream"
        if kind == "manifests":  # by the type skopeo parses them
            media_type = INDEX if isinstance(answer, bytes) and b'"manifests"' in answer else MANIFEST
        status = 404 if answer is None else 200
        return self._send(status, answer or b"", {"Content-Type": media_type, **registry.headers})

    do_HEAD = do_GET  # noqa: N815

    def _send(self, status: int, answer: Answer, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if isinstance(answer, bytes):
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with contextlib.suppress(OSError):
            for block in [answer] if isinstance(answer, bytes) else answer():
                self.wfile.write(block)
