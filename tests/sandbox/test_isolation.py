"""A disposable root: what happens inside stays inside, and all of it vanishes."""

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.busybox import busybox_root, give_to_roots_inside, needs, processes_with, tree
from tests.support.roots import mounts_that_may_be_ours

from package_cache.errors import PackageCacheError, UsageError
from package_cache.process import CommandError
from package_cache.sandbox import container as sandbox
from package_cache.sandbox.isolation import Isolation, disposable_root

TALK = """
nc -l -p 4000 -e echo over loopback > /dev/null &
for try in $(seq 100); do nc 127.0.0.1 4000 < /dev/null 2> /dev/null && exit; sleep 0.1; done
exit 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return give_to_roots_inside(busybox_root(tmp_path / "a root, with:signs" / "root"))


@pytest.fixture(params=list(Isolation), ids=lambda tier: tier.name.lower())
def tier(request: pytest.FixtureRequest) -> Isolation:
    isolation = Isolation(request.param)
    needs(isolation)
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
    with disposable_root(root, tier) as container:
        container.run(["sh", "-c", "echo new > /etc/keep; echo x > /new; rm -r /run; mkdir /run; touch /run/x /tmp/y"])
        container.run(["sh", "-c", f"setsid sleep {mark} >/dev/null 2>&1 & usleep 200000"])
        assert processes_with(mark)
        assert container.run(["cat", "/etc/keep", "/new"]).stdout == "new\nx\n"
    assert tree(root.parent) == before
    assert processes_with(mark) == []
    assert mounts_that_may_be_ours() == mounts


def test_commands_inside(root: Path, tier: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    devices = (
        "echo x > /dev/null && test -c /dev/null && head -c 8 /dev/urandom | wc -c && head -c 8 /dev/zero | wc -c "
        "&& touch /tmp/a /dev/shm/b && test -r /dev/random && test -d /dev/pts"
    )
    with disposable_root(root, tier) as container:
        done = container.run(["sh", "-c", "cat; echo oops >&2; exit 37"], check=False, stdin="hello")
        with pytest.raises(CommandError) as caught:
            container.run(["sh", "-c", "echo why; exit 4"])
        lines = container.run(["env"], env={"WANTED": "a b"}).stdout.splitlines()
        assert container.run(["sh", "-c", devices]).stdout == "8\n8\n"
    assert (done.returncode, done.stdout, done.stderr) == (37, "hello", "oops\n")
    assert (caught.value.returncode, "why" in caught.value.output) == (4, True)
    own = sorted(line for line in lines if not line.startswith(("PATH=", "PWD=", "SHLVL=")))
    assert own == ["HOME=/root", "LANG=C.UTF-8", "WANTED=a b"]


def test_a_time_limit_ends_all_that_runs_inside(root: Path, tier: Isolation) -> None:
    mark = f"9{uuid.uuid4().int % 10**8:08}"
    with disposable_root(root, tier) as container:
        with pytest.raises(CommandError) as caught:
            container.run(["sh", "-c", f"setsid sleep {mark} >/dev/null 2>&1 & sleep {mark}"], timeout=1)
        assert caught.value.returncode is None
        assert processes_with(mark) == []


def test_binds_are_read_only(root: Path, tier: Isolation, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "pool").mkdir(parents=True)
    (cache / "pool/file").write_text("bytes")
    before = tree(cache)
    with disposable_root(root, tier, binds={"/mnt/cache": cache, "/etc/one": cache / "pool/file"}) as container:
        assert container.run(["cat", "/mnt/cache/pool/file", "/etc/one"]).stdout == "bytesbytes"
        done = container.run(["sh", "-c", "echo no > /mnt/cache/pool/file; touch /mnt/cache/new"], check=False)
        if tier is not Isolation.CHROOT:  # there it is a copy
            assert done.stderr.count("Read-only file system") == 2
    assert tree(cache) == before


def test_links_inside_lead_to_places_inside(root: Path, tier: Isolation, tmp_path: Path) -> None:
    name = f"package-cache-test-{uuid.uuid4().hex}"
    (tmp_path / "shown").write_text("shown")
    with disposable_root(root, tier, binds={f"/var/lock/{name}": tmp_path / "shown"}) as container:
        assert container.run(["cat", f"/run/lock/{name}"]).stdout == "shown"
        assert not Path("/run/lock", name).exists()


def test_a_link_in_the_place_of_a_bind_leads_nowhere_else(root: Path, tier: Isolation, tmp_path: Path) -> None:
    (outside := tmp_path / "outside").mkdir()
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown/file").write_text("shown")
    (root / "cache").symlink_to(outside)
    (root / "up").symlink_to("../../../../../../../.." + str(tmp_path / "away"))
    binds = {"/cache": tmp_path / "shown", "/up/deeper": tmp_path / "shown"}
    with disposable_root(root, tier, binds=binds) as container:
        assert container.run(["cat", "/cache/file", "/up/deeper/file"]).stdout == "shownshown"
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "away").exists()


def test_a_bind_of_nothing_is_refused(root: Path, tmp_path: Path) -> None:
    binds = {"/mnt": tmp_path / "no such"}
    with pytest.raises(UsageError, match="cannot show"), disposable_root(root, Isolation.CHROOT, binds=binds):
        pass


def test_only_an_own_loopback_is_there(root: Path, tier: Isolation, listener: socket.socket) -> None:
    if tier is Isolation.CHROOT:
        assert "neither the network" in tier.value
        pytest.skip("this tier does not cut the network off, and says so")
    port = str(listener.getsockname()[1])
    with disposable_root(root, tier) as container:
        links = container.run(["ip", "-o", "link"]).stdout.splitlines()
        assert [line.split(":")[1].strip() for line in links] == ["lo"]
        assert container.run(["nc", "-w", "2", "127.0.0.1", port], check=False).returncode != 0
        assert container.run(["sh", "-c", TALK], timeout=60).stdout == "over loopback\n"


def test_the_hosts_network_can_be_kept(root: Path, tier: Isolation, listener: socket.socket) -> None:
    port = str(listener.getsockname()[1])
    with disposable_root(root, tier, network=True) as container:
        assert container.run(["nc", "-w", "5", "127.0.0.1", port, "-e", "echo", "hello"], check=False).returncode == 0
        assert container.run(["cat", "/etc/hosts"]).stdout == Path("/etc/hosts").read_text()
    with listener.accept()[0] as connection:
        assert connection.recv(5) == b"hello"


def test_nothing_of_the_host_is_seen(root: Path, tier: Isolation) -> None:
    if tier is Isolation.CHROOT:
        pytest.skip("a chroot sees the host's processes")
    with disposable_root(root, tier) as container:
        assert container.run(["ls", "/sys"]).stdout == ""
        mounts = container.run(["cat", "/proc/mounts"]).stdout
        assert {line.split()[1].split("/")[1] for line in mounts.splitlines()} == {"", "proc", "dev"}
        seen = container.run(["ps", "-o", "pid,comm"]).stdout.splitlines()[1:]
        assert {line.split()[1] for line in seen} <= {"sh", "sleep", "ps"}  # some busyboxes run sleep as a part of sh
        assert container.run(["hostname"]).stdout == "localhost\n"


def test_a_daemon_that_ended_is_not_left_as_a_zombie(root: Path, tier: Isolation) -> None:
    if tier is Isolation.CHROOT:
        pytest.skip("its orphans go to the host's first process")
    with disposable_root(root, tier) as container:
        container.run(["sh", "-c", "(usleep 100000 >/dev/null 2>&1 &)"])
        states = "$(cat /proc/[0-9]*/stat 2>/dev/null)"
        gone = f"for i in $(seq 100); do case {states} in *usleep*) sleep 0.05;; *) exit 0;; esac; done; exit 1"
        container.run(["sh", "-c", gone], timeout=30)


def test_without_overlay_the_root_is_copied_into_memory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(Isolation.CONTAINER)
    monkeypatch.setattr(sandbox, "_OVERLAY", sandbox._OVERLAY.replace("mount -t overlay", "mount -t no-overlay"))
    before = tree(root)
    with disposable_root(root, Isolation.CONTAINER) as container:
        container.run(["sh", "-c", "echo new > /etc/keep; touch /bin/new"])
        assert "overlay" not in container.run(["cat", "/proc/mounts"]).stdout
    assert tree(root) == before


def test_a_root_of_root_itself_is_handed_over(tmp_path: Path) -> None:
    needs(Isolation.CONTAINER)
    root = busybox_root(tmp_path / "root")
    (root / "etc/secret").write_text("known to root")
    (root / "etc/secret").chmod(0o600)
    before = tree(root)
    with disposable_root(root, Isolation.CONTAINER) as container:
        container.run(["sh", "-c", "test $(stat -c %u /etc/secret) = 0 && echo new > /etc/keep && rm -r /run"])
        assert container.run(["cat", "/etc/secret"]).stdout == "known to root"
    assert tree(root) == before


def test_a_root_without_a_shell(tmp_path: Path) -> None:
    needs(Isolation.CONTAINER)
    (tmp_path / "root").mkdir()
    with pytest.raises(PackageCacheError) as caught, disposable_root(tmp_path / "root", Isolation.CONTAINER):
        pass
    assert "executable file not found" in caught.value.details
