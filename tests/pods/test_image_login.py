"""Images pushed to a registry: with a login, without, and to one that is ill."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from containers.registry import Registry
from tests.pods.conftest import LOGIN
from tests.support.world import World

from package_cache.process import run


@pytest.fixture
def built(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    world.built("edit,ubuntu18.04,editor\n")
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(world.folder))
    return world


def auth(host: str, password: str) -> str:
    """Return the text of a file with the credentials."""
    word = base64.b64encode(f"{LOGIN[0]}:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": word}}})


def push(world: World, host: str, *words: str, credentials: str | None = None) -> tuple[int, str, str]:
    options = ["--state", str(world.folder / "state"), "--output", f"docker://{host}/cache:v1", *words]
    if credentials is not None:
        (world.folder / "auth.json").write_text(credentials)
        options += ["--authfile", str(world.folder / "auth.json")]
    return world.run("image", "--cache", str(world.cache), *options)


@pytest.mark.parametrize(
    ("credentials", "hint"),
    [
        (None, "hint: log in: skopeo login HOST, or name the file with the credentials with --authfile"),
        ("a-wrong-word", "hint: log in: "),
        ('{"auths": "a-secret-word', "hint: fix the file with the credentials"),
    ],
)
def test_nobody_is_let_in_without_a_login(
    credentials: str | None, hint: str, built: World, guarded_registry: Registry
) -> None:
    """Neither without credentials, nor with a wrong password, nor with a file that cannot be read; none is shown."""
    host = guarded_registry.host
    text = auth(host, credentials) if credentials == "a-wrong-word" else credentials
    status, out, err = push(built, host, credentials=text)
    assert (status, out) == (14, "")
    assert hint.replace("HOST", host) in err
    assert "a-wrong-word" not in err
    assert "a-secret-word" not in err
    assert base64.b64encode(f"{LOGIN[0]}:a-wrong-word".encode()).decode() not in err
    assert "\\n" not in err


@pytest.mark.parametrize("by", ["--authfile", "REGISTRY_AUTH_FILE"])
def test_the_right_password(built: World, guarded_registry: Registry, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host, file = guarded_registry.host, built.folder / "right.json"
    file.write_text(auth(host, LOGIN[1]))
    if by == "REGISTRY_AUTH_FILE":
        monkeypatch.setenv(by, str(file))
    status, out, err = push(built, host, *((by, str(file)) if by == "--authfile" else ()))
    assert (status, err) == (0, "")
    words = ["--authfile", str(file), "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{host}/cache:v1"]
    assert out.splitlines()[-1] == run(["skopeo", "inspect", *words], timeout=60).stdout.strip()


class _Ill(BaseHTTPRequestHandler):
    """Answers as its server's `illness` says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        illness = getattr(self.server, "illness")  # noqa: B009
        if illness == "closes midway" and self.command != "GET":
            self.wfile.write(b"HTTP/1.1 500 Oh")
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if illness == "hangs":
            threading.Event().wait(5)
        status = 200 if self.path == "/v2/" and self.command == "GET" and illness != "answers 500 at once" else 500
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@contextmanager
def ill_registry(illness: str, address: str = "127.0.0.1") -> Iterator[str]:
    server = ThreadingHTTPServer((address, 0), _Ill)
    server.daemon_threads = True
    server.illness = illness  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{address}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("illness", ["answers 500 at once", "answers 500", "closes midway", "hangs"])
def test_a_registry_that_is_ill(built: World, illness: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("package_cache.oci.skopeo.LIMIT", 3.0 if illness == "hangs" else 60.0)
    with ill_registry(illness) as host:
        status, out, err = push(built, host)
    assert (status, out) == (14, "")
    assert err.startswith(f"error: cannot push the image to docker://{host}/cache:v1\n")
    assert len(err.splitlines()) >= 3  # what it said, and the next step
    assert "Traceback" not in err
    assert not (built.folder / "state" / "image").exists()


def test_plain_http_on_another_machine_must_be_asked_for(built: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            own = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no address but those of its loopback")
    with ill_registry("answers 500", own) as host:
        for words, said in (
            ([], "if its network is to be trusted, use --insecure-registry"),
            (["--insecure-registry"], "500"),
        ):
            status, _, err = push(built, host, *words)
            assert (status, said in err) == (14, True)


def test_an_error_for_programs(built: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("package_cache.oci.skopeo.RETRIES", 0)  # what is waited for here does not come
    words = ("--state", str(built.folder / "state"), "--output", "docker://127.0.0.1:1/cache:v1")
    told = built.json("image", "--cache", str(built.cache), *words)
    assert (told["status"], told["reason"]) == (14, "registry-failed")
    assert "connection refused" in told["error"]["details"]
    assert told["error"]["hint"]
