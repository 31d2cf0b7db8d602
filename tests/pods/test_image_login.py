"""Images pushed to a registry: with a login, without, and to one that is ill."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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


def auth_file(folder: Path, host: str, password: str) -> Path:
    path = folder / "auth.json"
    word = base64.b64encode(f"{LOGIN[0]}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": word}}}))
    return path


def push(world: World, host: str, *words: str) -> tuple[int, str, str]:
    state = ("--state", str(world.folder / "state"))
    return world.run("image", "--cache", str(world.cache), *state, "--output", f"docker://{host}/cache:v1", *words)


def pushed_digest(guarded_registry: Registry, authfile: Path) -> str:
    image = f"docker://{guarded_registry.host}/cache:v1"
    words = ["--authfile", str(authfile), "--tls-verify=false", "--format", "{{.Digest}}", image]
    return run(["skopeo", "inspect", *words], timeout=60).stdout.strip()


def test_nobody_is_let_in_without_a_login(built: World, guarded_registry: Registry) -> None:
    status, out, err = push(built, guarded_registry.host)
    assert (status, out) == (14, "")
    assert (
        f"hint: log in: skopeo login {guarded_registry.host}, or name the file with the credentials with --authfile"
        in err
    )


def test_a_wrong_password_is_told_and_not_shown(built: World, guarded_registry: Registry) -> None:
    wrong = auth_file(built.folder, guarded_registry.host, "a-wrong-word")
    status, out, err = push(built, guarded_registry.host, "--authfile", str(wrong))
    assert (status, out) == (14, "")
    assert "hint: log in: " in err
    assert "a-wrong-word" not in err
    assert base64.b64encode(f"{LOGIN[0]}:a-wrong-word".encode()).decode() not in err


def test_a_file_of_credentials_that_cannot_be_read(built: World, guarded_registry: Registry) -> None:
    broken = built.folder / "auth.json"
    broken.write_text('{"auths": "a-secret-word')
    status, _, err = push(built, guarded_registry.host, "--authfile", str(broken))
    assert status == 14
    assert "hint: fix the file with the credentials" in err
    assert "a-secret-word" not in err
    assert "\\n" not in err


@pytest.mark.parametrize("by", ["--authfile", "REGISTRY_AUTH_FILE"])
def test_the_right_password(built: World, guarded_registry: Registry, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = auth_file(built.folder, guarded_registry.host, LOGIN[1])
    if by == "REGISTRY_AUTH_FILE":
        monkeypatch.setenv(by, str(right))
    status, out, err = push(built, guarded_registry.host, *((by, str(right)) if by == "--authfile" else ()))
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == pushed_digest(guarded_registry, right)


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
        status, _, err = push(built, host)
        assert status == 14
        assert "if its network is to be trusted, use --insecure-registry" in err
        status, _, err = push(built, host, "--insecure-registry")
        assert status == 14
        assert "500" in err


def test_an_error_for_programs(built: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("package_cache.oci.skopeo.AGAIN", ())  # what is waited for here does not come
    words = ("--state", str(built.folder / "state"), "--output", "docker://127.0.0.1:1/cache:v1")
    told = built.json("image", "--cache", str(built.cache), *words)
    assert (told["status"], told["reason"]) == (14, "registry-failed")
    assert "connection refused" in told["error"]["details"]
    assert told["error"]["hint"]
