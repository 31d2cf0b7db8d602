"""An HTTP proxy on loopback, and certificates of an authority that nobody else knows.

Only the proxy finds the hosts below `.invalid` (RFC 2606): what comes from one of them has come through it.
"""

import base64
import http.client
import select
import socket
import ssl
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.server import Loopback, QuietHandler

from package_cache.process import run


class Proxy(Loopback):
    """Hands on what is asked of hosts that it knows."""

    def __init__(self, hosts: dict[str, int], *, user: str = "") -> None:
        """`hosts`: port on loopback of each host that it finds. `user`: the `name:password` that it demands."""
        super().__init__(_Handler)
        self.hosts = hosts
        self.log: list[str] = []
        """What it was asked for: `GET http://archive.invalid/...`, `CONNECT archive.invalid:443`."""
        self.wanted = f"Basic {base64.b64encode(user.encode()).decode()}" if user else None

    @property
    def uri(self) -> str:
        """Where it is, as programs want to know it."""
        return f"http://127.0.0.1:{self.port}"


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802
        split = urllib.parse.urlsplit(self.path)
        port = self._port(split.hostname or "")
        if port is None:
            return
        kept = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request("GET", urllib.parse.urlunsplit(("", "", *split[2:4], "")), headers=kept)
            answer = connection.getresponse()
            body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "server", "date"):
                self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:  # noqa: N802
        port = self._port(self.path.partition(":")[0])
        if port is None:
            return
        with socket.create_connection(("127.0.0.1", port), timeout=20) as far:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: far, far: self.connection}
            while ready := select.select([*ends], [], [], 20)[0]:
                for end in ready:
                    data = end.recv(1 << 16)
                    if not data:
                        self.close_connection = True
                        return
                    ends[end].sendall(data)

    def _port(self, host: str) -> int | None:
        owner: Proxy = self.server.owner
        owner.log.append(f"{self.command} {self.path}")
        status = 407 if owner.wanted not in (None, self.headers.get("Proxy-Authorization")) else 502
        if status == 502 and host in owner.hosts:
            return owner.hosts[host]
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None


@dataclass(frozen=True)
class Certificates:
    """An authority in a folder, and what it has signed."""

    folder: Path

    @property
    def authority(self) -> Path:
        """Its own certificate."""
        return self.folder / "authority.crt"

    def server(self, name: str = "archive.invalid", *, asks_clients: bool = False) -> ssl.SSLContext:
        """Return what a server of that name needs; where it asks its clients, they need a certificate, too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.of(name))
        if asks_clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority)
        return context

    def of(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key of a name, made where they are not there."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        if not certificate.exists():
            signed = ["-CA", str(self.authority), "-CAkey", str(self.folder / "authority.key")]
            extension = ["-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=critical,CA:FALSE"]
            _certificate(certificate, key, name, *signed, *extension)
        return certificate, key


def made_authority(folder: Path) -> Certificates:
    """Make an authority."""
    folder.mkdir()
    made = Certificates(folder)
    _certificate(made.authority, folder / "authority.key", "An authority of tests")
    return made


def _certificate(certificate: Path, key: Path, name: str, *options: str) -> None:
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key)]
    run(["openssl", "req", "-x509", *new, "-days", "2", "-subj", f"/CN={name}", "-out", str(certificate), *options])


@contextmanager
def apt_told(*lines: str, folder: Path, monkeypatch: Any) -> Iterator[Path]:
    """Add lines of apt.conf(5) to this machine's apt configuration; return their file."""
    from package_cache.apt import network  # noqa: PLC0415

    file = folder / "told.conf"
    file.write_text("".join(f"{line}\n" for line in lines))
    monkeypatch.setenv("APT_CONFIG", str(file))
    network._settings.cache_clear()
    yield file
    network._settings.cache_clear()
