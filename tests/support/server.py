"""A web server on loopback that serves a folder, remembers what it was asked for, and fails on order."""

import base64
import contextlib
import email.utils
import fnmatch
import os
import re
import socket
import ssl
import threading
import urllib.parse
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self

Failure = int | Literal["stall", "truncate", "wrong bytes", "redirect", "drop"]


@dataclass
class Request:
    """One request, as it was answered."""

    method: str
    path: str
    """Without escapes and query, beginning with `/`."""
    range: str | None
    """The Range header."""
    status: int = 0
    sent: int = 0
    """Bytes of the body."""


@dataclass
class _Order:
    pattern: str
    failure: Failure
    times: int | None


class Loopback:
    """A server on 127.0.0.1 at a free port, from the beginning of the `with` block to its end."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> None:
        """With `tls` it speaks HTTPS."""
        self.tls = tls
        self.closing = threading.Event()
        self._server = _Server(self, handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()


class ArchiveServer(Loopback):
    """Serves `folder`.

    HTTP/1.1 with connections that stay open, Last-Modified, If-Modified-Since, Range and If-Range (RFC 9110), as
    far as apt uses them.
    """

    def __init__(self, folder: Path, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(_Handler, tls)
        self.folder = folder
        self.log: list[Request] = []
        """All requests so far, with status and bytes."""
        self.authorization: str | None = None
        """What the header Authorization must say; None: anything."""
        self._orders: list[_Order] = []
        self._lock = threading.Lock()

    @property
    def uri(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[str]:
        """The paths that were asked for, in order, without escapes."""
        return [request.path for request in self.log]

    @property
    def bytes_sent(self) -> int:
        """All bytes of bodies so far."""
        return sum(request.sent for request in self.log)

    def forget_requests(self) -> None:
        """Empty the log, for a test's second half."""
        self.log.clear()

    def demand(self, user: str, password: str) -> None:
        """Serve only who says so from now on (RFC 7617)."""
        self.authorization = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    def fail(self, pattern: str, failure: Failure, times: int | None = None) -> None:
        """Answer the next `times` requests (all, by default) of paths like `pattern` (fnmatch: `*.deb`) wrongly.

        A number is an HTTP status. `stall`: half of the body, then silence until the server closes. `truncate`: half
        of the body, then the connection ends. `wrong bytes`: the right size, other content. `redirect`: to the same
        path with a query, which is served rightly. `drop`: 404, as where a mirror dropped the version.
        Orders for the same path are worked off one after the other.
        """
        with self._lock:
            self._orders.append(_Order(pattern, failure, times))

    def recover(self) -> None:
        """Drop all orders to fail."""
        with self._lock:
            self._orders.clear()

    def next_failure(self, path: str) -> Failure | None:
        """Return, and count, the failure that is ordered for a path (for the handler)."""
        with self._lock:
            for order in self._orders:
                if order.times != 0 and fnmatch.fnmatchcase(path, order.pattern):
                    order.times = None if order.times is None else order.times - 1
                    return order.failure
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() waits for them: no thread outlives its test
    request_queue_size = 128

    def __init__(self, owner: Any, handler: type[BaseHTTPRequestHandler]) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), handler)

    def server_bind(self) -> None:  # HTTPServer's own would ask the resolver for our name
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread."""
        if self.owner.tls is None:
            super().finish_request(request, client_address)
            return
        with self.owner.tls.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that are killed or close the connection: tests do that."""


class QuietHandler(BaseHTTPRequestHandler):
    """Answers a request to a `Loopback`, which is its server's owner."""

    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Print nothing: tests read the log."""


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        split = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(split.path)
        self.entry = Request(self.command, path, self.headers.get("Range"))
        self.server.owner.log.append(self.entry)
        wanted = self.server.owner.authorization
        if wanted is not None and self.headers.get("Authorization") != wanted:
            return self._answer(401, None, {"WWW-Authenticate": 'Basic realm="archive"'})
        failure = None if split.query == "redirected" else self.server.owner.next_failure(path)
        if failure == "redirect":
            return self._answer(302, b"", {"Location": f"{split.path}?redirected"})
        if failure == "drop":
            return self._answer(404)
        if isinstance(failure, int):
            return self._answer(failure)
        return self._serve(path, failure)

    def _serve(self, path: str, failure: Failure | None) -> None:
        file = self.server.owner.folder / path.lstrip("/")
        if ".." in path.split("/") or not file.is_file():
            return self._answer(404)
        content = file.read_bytes()
        modified = email.utils.formatdate(int(os.stat(file).st_mtime), usegmt=True)  # noqa: PTH116
        headers = {"Last-Modified": modified, "Accept-Ranges": "bytes"}
        if self._is_not_newer(modified):
            return self._answer(304, b"", headers)
        if failure == "wrong bytes":
            content = bytes(byte ^ 0x55 for byte in content)
        start = self._range_start(modified)
        if start is None:
            return self._answer(200, content, headers, failure)
        if start >= len(content):
            return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self._answer(206, content[start:], headers, failure)

    def _is_not_newer(self, modified: str) -> bool:
        since = email.utils.parsedate_to_datetime(self.headers.get("If-Modified-Since") or "1 Jan 1970 00:00:00 GMT")
        return email.utils.parsedate_to_datetime(modified) <= since

    def _range_start(self, modified: str) -> int | None:
        """Return where to begin, or None for the whole: RFC 9110 13.1.5 lets a date hold only where it is the same."""
        found = re.fullmatch(r"bytes=([0-9]+)-", self.headers.get("Range") or "")
        if found is None or self.headers.get("If-Range", modified) != modified:
            return None
        return int(found[1])

    def _answer(
        self,
        status: int,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        failure: Failure | None = None,
    ) -> None:
        body = f"status {status}\n".encode() if body is None else body
        self.entry.status = status
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD" or status == 304:
            return
        if failure in ("truncate", "stall"):
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)
        self.entry.sent = len(body)
        self.wfile.flush()
        if failure == "stall":
            self.server.owner.closing.wait()
