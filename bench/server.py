"""A small static web server: `server.py FOLDER ADDRESS PORT`. HTTP/1.1, connections stay open, sendfile(2)."""

import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(SimpleHTTPRequestHandler):
    """Answers with files below a folder."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Log errors only."""
        if str(args[1])[:1] not in "23":  # of request, status, size
            sys.stderr.write(f"{format % args}\n")

    def copyfile(self, source: Any, outputfile: object) -> None:
        """Send a file."""
        del outputfile  # the connection's, which has no buffer
        self.connection.sendfile(source)


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
    handler = functools.partial(Handler, directory=sys.argv[1])
    Server((sys.argv[2], int(sys.argv[3])), handler).serve_forever()
