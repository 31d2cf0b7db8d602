"""What one registry on loopback can serve: Debian's docker-registry, with its storage in memory, under a bounded load.

Its clients share the processors with it, so that the figures are the least that it can do.
"""

import hashlib
import http.client
import json
import socket
import tempfile
import time
import urllib.parse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from containers.registry import loopback_registry

from bench.concurrency import MEMORY

SECONDS = 4.0
CLIENTS = 4
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def measured_registry(layer: bytes) -> dict[str, float]:
    """Give its requests and bytes a second, for an image of one layer."""
    with (
        tempfile.TemporaryDirectory(prefix="package-cache-", dir=MEMORY) as folder,
        loopback_registry(Path(folder), logged=False) as registry,
        ProcessPoolExecutor(CLIENTS) as pool,
    ):
        port = registry.port
        digest = push(port, layer)
        rates = []
        for path in ("manifests/measured", f"blobs/{digest}"):
            counts = [pool.submit(ask, port, f"/v2/package-cache/{path}", SECONDS) for _ in range(CLIENTS)]
            rates.append([sum(column) for column in zip(*(one.result() for one in counts), strict=True)])
        (requests, _), (_, received) = rates
        return {"requests_per_second": round(requests), "bytes_per_second": round(received), "clients": CLIENTS}


def push(port: int, layer: bytes) -> str:
    """Put an image of one layer there, tagged `measured`; give the layer's digest."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    parts = []
    for blob in (b"{}", layer):
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        place = _send(connection, "POST", "/v2/package-cache/blobs/uploads/")
        uri = urllib.parse.urlsplit(place)
        _send(connection, "PUT", f"{uri.path}?{uri.query}&digest={digest}", blob, "application/octet-stream")
        parts.append({"digest": digest, "size": len(blob)})
    config, packed = parts
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [{"mediaType": LAYER, **packed}],
    }
    _send(connection, "PUT", "/v2/package-cache/manifests/measured", json.dumps(manifest).encode(), MANIFEST)
    return str(packed["digest"])


def _send(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", kind: str = "") -> str:
    connection.request(method, path, body, {"Content-Type": kind} if kind else {})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status < 300, (method, path, answer.status, text)
    return answer.headers.get("Location", "")


def ask(port: int, path: str, seconds: float) -> tuple[float, float]:
    """Ask for the same thing again and again; give requests and bytes a second."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {MANIFEST}\r\n\r\n".encode()
    buffer = memoryview(bytearray(1 << 20))
    requests = received = 0
    with socket.create_connection(("127.0.0.1", port), 30) as stream:
        began = time.monotonic()
        while (took := time.monotonic() - began) < seconds:
            stream.sendall(request)
            count = stream.recv_into(buffer)
            head, _, body = bytes(buffer[:count]).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            [length] = [int(line.split(b":")[1]) for line in head.lower().splitlines() if b"content-length:" in line]
            left = length - len(body)
            while left:
                left -= stream.recv_into(buffer, min(left, len(buffer)))
            requests, received = requests + 1, received + length
    return requests / took, received / took
