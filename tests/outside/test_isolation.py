"""A throw-away root: what happens inside stays inside, and all of it vanishes."""

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.busybox import busybox_root, needs, processes_with, tree
from tests.support.mounts import mounts_that_may_be_ours

from package_cache.outside.roots import namespaces
from package_cache.outside.roots.isolation import Isolation, throwaway
from package_cache.outside.run import CommandError
from package_cache.values.errors import UsageError

TALK = """
nc -l -p 4000 -e echo over loopback > /dev/null &
for try in $(seq 100); do nc 127.0.0.1 4000 < /dev/null 2> /dev/null && exit; sleep 0.1; done
exit 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return busybox_root(tmp_path / "a root, with:signs" / "root")


@pytest.fixture(params=list(Isolation), ids=lambda tier: tier.name.lower())
def tier(request: pytest.FixtureRequest, root: Path) -> Isolation:
    isolation = request.param
    assert isinstance(isolation, Isolation)
    needs(isolation, root)
    return isolation


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on the host's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def test_the_root_is_never_changed_and_nothing_is_left(root: Path, tier: Isolation) -> None:
    before, mounts = tree(root.parent), mounts_that_may_be_ours()
    mark = f"9{uuid.uuid4().int % 10**8:08}"
    with throwaway(root, tier) as container:
        container.run(["sh", "-c", "echo new > /etc/keep; echo x > /new; rm -r /run; mkdir /run; touch /run/x /tmp/y"])
        container.run(["sh", "-c", f"setsid sleep {mark} >/dev/null 2>&1 & usleep 200000"])
        assert processes_with(mark)
        assert container.run(["cat", "/etc/keep", "/new"]).stdout == "new\nx\n"
    assert tree(root.parent) == before
    assert processes_with(mark) == []
    assert mounts_that_may_be_ours() == mounts


def test_status_output_and_input_pass_through(root: Path, tier: Isolation) -> None:
    with throwaway(root, tier) as container:
        done = container.run(["sh", "-c", "cat; echo oops >&2; exit 37"], check=False, stdin="hello")
        assert (done.returncode, done.stdout, done.stderr) == (37, "hello", "oops\n")
        with pytest.raises(CommandError) as caught:
            container.run(["sh", "-c", "echo why; exit 4"])
    assert caught.value.returncode == 4
    assert "why" in caught.value.output


def test_the_environment_is_clean(root: Path, tier: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    with throwaway(root, tier) as container:
        lines = container.run(["env"], env={"WANTED": "a b"}).stdout.splitlines()
    assert sorted(line for line in lines if not line.startswith(("PATH=", "PWD=", "SHLVL="))) == [
        "HOME=/root",
        "LANG=C.UTF-8",
        "WANTED=a b",
    ]


def test_a_time_limit_ends_what_runs_inside(root: Path, tier: Isolation) -> None:
    mark = f"9{uuid.uuid4().int % 10**8:08}"
    with throwaway(root, tier) as container:
        with pytest.raises(CommandError) as caught:
            container.run(["sh", "-c", f"sleep {mark} & sleep {mark}"], timeout=1)
        assert caught.value.returncode is None
        assert processes_with(mark) == []


def test_devices_and_scratch_folders_work(root: Path, tier: Isolation) -> None:
    script = (
        "echo x > /dev/null && test -c /dev/null && head -c 8 /dev/urandom | wc -c && head -c 8 /dev/zero | wc -c "
        "&& touch /tmp/a /dev/shm/b && test -r /dev/random && test -d /dev/pts"
    )
    with throwaway(root, tier) as container:
        assert container.run(["sh", "-c", script]).stdout == "8\n8\n"


def test_binds_are_read_only(root: Path, tier: Isolation, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "pool").mkdir(parents=True)
    (cache / "pool/file").write_text("bytes")
    before = tree(cache)
    with throwaway(root, tier, binds={"/mnt/cache": cache, "/etc/one": cache / "pool/file"}) as container:
        assert container.run(["cat", "/mnt/cache/pool/file", "/etc/one"]).stdout == "bytesbytes"
        done = container.run(["sh", "-c", "echo no > /mnt/cache/pool/file; touch /mnt/cache/new"], check=False)
        if tier is not Isolation.CHROOT:  # there it is a copy
            assert done.stderr.count("Read-only file system") == 2
    assert tree(cache) == before


def test_what_is_written_to_a_writable_bind_lands_on_the_host(root: Path, tier: Isolation, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    with throwaway(root, tier, writable_binds={"/mnt/shared": shared}) as container:
        container.run(["sh", "-c", "mkdir /mnt/shared/d; echo out > /mnt/shared/d/result"])
    assert (shared / "d/result").read_text() == "out\n"
    assert (shared / "d/result").stat().st_uid == os.geteuid()


def test_links_inside_lead_to_places_inside(root: Path, tier: Isolation, tmp_path: Path) -> None:
    name = f"package-cache-test-{uuid.uuid4().hex}"
    (tmp_path / "shown").write_text("shown")
    with throwaway(root, tier, binds={f"/var/lock/{name}": tmp_path / "shown"}) as container:
        assert container.run(["cat", f"/run/lock/{name}"]).stdout == "shown"
        assert container.path(f"/var/lock/{name}").read_text() == "shown"
        assert not Path("/run/lock", name).exists()
        container.path("/var/lock/other").write_text("by the host")
        assert container.run(["cat", "/run/lock/other"]).stdout == "by the host"
        assert not Path("/run/lock/other").exists()


def test_a_bind_of_nothing_is_refused(root: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="cannot show"),
        throwaway(root, Isolation.CHROOT, binds={"/mnt": tmp_path / "no such"}),
    ):
        pass


def test_only_an_own_loopback_is_there(root: Path, tier: Isolation, listener: socket.socket) -> None:
    if not tier.cuts_network:
        assert "neither the network" in tier.description
        pytest.skip("this tier does not cut the network off, and says so")
    port = str(listener.getsockname()[1])
    with throwaway(root, tier) as container:
        links = container.run(["ip", "-o", "link"]).stdout.splitlines()
        assert [line.split(":")[1].strip() for line in links] == ["lo"]
        assert container.run(["nc", "-w", "2", "127.0.0.1", port], check=False).returncode != 0
        assert container.run(["sh", "-c", TALK], timeout=60).stdout == "over loopback\n"


def test_the_hosts_network_can_be_kept(root: Path, tier: Isolation, listener: socket.socket) -> None:
    port = str(listener.getsockname()[1])
    with throwaway(root, tier, network=True) as container:
        assert container.run(["nc", "-w", "5", "127.0.0.1", port, "-e", "echo", "hello"], check=False).returncode == 0
        assert container.run(["cat", "/etc/hosts"]).stdout == Path("/etc/hosts").read_text()
    with listener.accept()[0] as connection:
        assert connection.recv(5) == b"hello"


def test_nothing_of_the_host_is_seen(root: Path, tier: Isolation) -> None:
    if tier is Isolation.CHROOT:
        pytest.skip("a chroot sees the host's processes")
    with throwaway(root, tier) as container:
        assert container.run(["ls", "/sys"]).stdout == ""
        mounts = container.run(["cat", "/proc/mounts"]).stdout
        assert {line.split()[1].split("/")[1] for line in mounts.splitlines()} == {"", "proc", "dev"}
        seen = container.run(["ps", "-o", "pid,comm"]).stdout.splitlines()[1:]
        assert {line.split()[1] for line in seen} == {"cat", "ps"}
        assert container.run(["hostname"]).stdout == "localhost\n"


def test_a_daemon_that_ended_is_not_left_as_a_zombie(root: Path, tier: Isolation) -> None:
    if tier is Isolation.CHROOT:
        pytest.skip("its orphans go to the host's first process")
    with throwaway(root, tier) as container:
        container.run(["sh", "-c", "(sleep 0.1 >/dev/null 2>&1 &)"])
        gone = "for i in $(seq 100); do case $(ps -o comm) in *sleep*) sleep 0.05;; *) exit 0;; esac; done; exit 1"
        # this shell's own `sleep` ends before the next look
        container.run(["sh", "-c", gone], timeout=30)


def test_without_overlay_the_root_is_copied_into_memory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(Isolation.ROOT_NAMESPACES if os.geteuid() == 0 else Isolation.USER_NAMESPACE, root)
    monkeypatch.setattr(namespaces, "_OVERLAY", namespaces._OVERLAY.replace("mount -t overlay", "mount -t no-overlay"))
    before = tree(root)
    for tier in (Isolation.ROOT_NAMESPACES, Isolation.USER_NAMESPACE)[os.geteuid() != 0 :]:
        with throwaway(root, tier) as container:
            container.run(["sh", "-c", "echo new > /etc/keep; touch /bin/new"])
            assert "overlay" not in container.run(["cat", "/proc/mounts"]).stdout
    assert tree(root) == before
