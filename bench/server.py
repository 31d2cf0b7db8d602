"""A small static web server: `server.py FOLDER ADDRESS PORT [LOG]`. HTTP/1.1, connections stay open, sendfile(2).

Knows Range, If-Range and If-Modified-Since with dates (RFC 9110), as far as apt and apt-cacher-ng use them. To the
log goes a line for each answer: its status, and the bytes of its body.
"""

import email.utils
import os
import re
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers with files below `folder`."""

    folder = Path()
    log: Path | None = None
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Log errors only."""
        if str(args[1])[:1] not in "23":  # of request, status, size
            sys.stderr.write(f"{format % args}\n")

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer with a file, or its rest."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        file = self.folder / path.lstrip("/")
        if ".." in path.split("/") or not file.is_file():
            return self._head(404, 0)
        with file.open("rb") as stream:
            status = os.fstat(stream.fileno())
            modified = email.utils.formatdate(int(status.st_mtime), usegmt=True)
            if self.headers.get("If-Modified-Since") == modified:
                return self._head(304, None, modified)
            start = self._start(modified)
            if start is None:
                self._head(200, status.st_size, modified)
            elif start >= status.st_size:
                return self._head(416, 0, modified, f"*/{status.st_size}")
            else:
                which = f"{start}-{status.st_size - 1}/{status.st_size}"
                self._head(206, status.st_size - start, modified, which)
            if self.command != "HEAD":
                self.connection.sendfile(stream, start or 0)
        return None

    def _start(self, modified: str) -> int | None:
        found = re.fullmatch(r"bytes=([0-9]+)-", self.headers.get("Range") or "")
        return int(found[1]) if found and self.headers.get("If-Range", modified) == modified else None

    def _head(self, status: int, length: int | None, modified: str = "", content_range: str = "") -> None:
        self.send_response(status)
        if self.log:
            with self.log.open("a", encoding="ascii") as stream:  # one write: lines of several threads do not mix
                stream.write(f"{status} {length or 0}\n")
        fields = {"Last-Modified": modified, "Content-Range": f"bytes {content_range}" if content_range else ""}
        for name, value in fields.items():
            if value:
                self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    """Does not ask a resolver for its own name: there is none."""

    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind only."""
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that closed the connection."""


if __name__ == "__main__":
    Handler.folder = Path(sys.argv[1])
    Handler.log = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    Server((sys.argv[2], int(sys.argv[3])), Handler).serve_forever()
