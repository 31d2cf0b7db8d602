"""A repository that wants a user and a password: they come from a file of apt's form, and are written nowhere."""

import contextlib
import threading
from pathlib import Path

import pytest
from tests.support.vendor import GROUP, Vendor
from tests.support.world import World, refused

USER, PASSWORD = "job-7", "Geheim.4711"


@pytest.fixture
def auth(world: World, vendor: Vendor) -> Path:
    """The file of passwords, of a server that demands one."""
    vendor.server.demand(USER, PASSWORD)
    path = world.folder / "passwords"
    path.write_text(f"machine {vendor.server.uri} login {USER} password {PASSWORD}\n")
    path.chmod(0o600)
    return path


def commands_of(stop: threading.Event, seen: set[str]) -> None:
    """Collect the command lines of all processes there are."""
    while not stop.wait(0.01):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has ended since
                seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))


def test_lock_and_build_by_a_file_of_passwords(world: World, vendor: Vendor, key: str, auth: Path) -> None:
    world.manifest(GROUP + vendor.table(key))
    words = ("--auth-file", str(auth))
    stop, seen = threading.Event(), set[str]()
    watcher = threading.Thread(target=commands_of, args=(stop, seen))
    watcher.start()
    try:
        locked = world.online("lock", *words)
        built = world.build(*words)
    finally:
        stop.set()
        watcher.join()
    assert (locked[0], built[0]) == (0, 0), locked[2] + built[2]
    assert any(request.endswith(".deb") for request in vendor.server.requests)
    assert any("apt-get" in text for text in seen)
    assert all(PASSWORD not in text for text in (*locked, *built, *seen) if isinstance(text, str))
    files = [path for path in world.folder.rglob("*") if path.is_file()]
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == [auth]


def test_a_file_of_the_environment(
    world: World, vendor: Vendor, key: str, auth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKAGE_CACHE_AUTH", str(auth))
    assert vendor.lock(world, key)[::2] == (0, "")
    assert world.build()[0] == 0


def test_a_password_that_no_longer_holds_when_building(world: World, vendor: Vendor, key: str) -> None:
    assert vendor.lock(world, key)[0] == 0
    vendor.server.demand(USER, PASSWORD)
    told = ("oddity_1.0_all.deb: 401 Unauthorized", "the server wants a user and a password, or others")
    refused(world.build(), 5, *told)


def test_a_password_in_a_manifest_is_refused_and_not_repeated(world: World, vendor: Vendor, key: str) -> None:
    place = vendor.server.uri.replace("//", f"//{USER}:p@{PASSWORD}@")
    mirrors = f'[mirrors]\nubuntu = ["{place}"]\n'
    path = world.manifest(GROUP + vendor.table(key, uris=(place, place)) + mirrors)
    status, out, err = world.online("lock")
    message = "holds a user or a password, which everybody here could read"
    hint = "    leave them out, and give them to apt: apt_auth.conf(5), or a file of that form with --auth-file"
    assert (status, out) == (3, "")
    assert err.splitlines()[1:] == [
        f"{path}:8:9: repository[0].uris[0]: {message}", hint,
        f"{path}:8:{13 + len(place)}: repository[0].uris[1]: {message}", hint,
        f"{path}:13:11: mirrors.ubuntu[0]: {message}", hint,
    ]  # fmt: skip


def test_a_password_on_the_command_line_is_refused_and_not_repeated(world: World) -> None:
    world.manifest("edit,ubuntu18.04,editor\n")
    place = world.server.uri.replace("//", f"//{USER}:{PASSWORD}@")
    status, _, err = world.run(
        "lock", "--manifest", str(world.folder / "package_cache_info"), "--mirror", f"ubuntu={place}"
    )
    assert status == 2
    assert PASSWORD not in err
    assert f"cannot use {world.server.uri} as a mirror of ubuntu with user and password in its URI" in err
    status, _, err = world.run("lock", "--mirror", place)
    assert (status, PASSWORD in err) == (2, False)


def test_a_password_in_a_lock_is_refused_and_not_repeated(world: World, vendor: Vendor, key: str) -> None:
    assert vendor.lock(world, key)[0] == 0
    lock = world.folder / "package-cache.lock"
    lock.write_text(lock.read_text().replace("http://", f"http://{USER}:{PASSWORD}@"))
    status, _, err = world.build()
    assert status == 4
    assert "repository[0].uri: holds a user or a password, and must not" in err
    assert PASSWORD not in err
