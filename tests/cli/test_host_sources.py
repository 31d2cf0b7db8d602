"""A host that runs the distribution which is asked for: its own sources. More: tests/releases/test_host_mirrors.py."""

from collections.abc import Iterator

import pytest
from tests.support.proxy import apt_told
from tests.support.world import World

from package_cache.releases import mirrors


@pytest.fixture
def host(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A machine with Ubuntu, whose sources are a disc, a list on a dead server and a list of its own."""
    monkeypatch.setattr(mirrors, "read_os_release", lambda _: {"ID": "ubuntu"})
    (world.folder / "list").write_text(f"http://127.0.0.1:9/ubuntu\tpriority:2\n{world.server.uri}/\tpriority:1\n")
    sources = world.folder / "sources.list"
    sources.write_text(
        "deb cdrom:[Ubuntu 18.04 _Bionic_]/ bionic main\n"
        "deb mirror+http://127.0.0.1:9/list bionic main\n"
        f"deb mirror+file:{world.folder}/list bionic main universe\n"
    )
    lines = ('Dir::Etc::sourceparts "/dev/null";', f'Dir::Etc::sourcelist "{sources}";')
    mirrors._host_targets.cache_clear()
    with apt_told(*lines, folder=world.folder, monkeypatch=monkeypatch):
        yield world
    mirrors._host_targets.cache_clear()


def test_unsupported_sources_cause_a_warning(host: World) -> None:
    host.manifest("edit,ubuntu18.04,editor\n")
    status, _, err = host.online("lock", mirror=None)
    assert (status, err.splitlines()) == (
        0,
        [
            f"warning: this machine's own apt source {uri} is left out: it is not the plain URI of a mirror"
            for uri in ("cdrom://Ubuntu 18.04 _Bionic_", "mirror+http://127.0.0.1:9/list")
        ],
    )
    assert "/dists/bionic/InRelease" in host.server.requests
    assert host.online("build", "--output", str(host.cache), mirror=None)[::2] == (0, "")
    (host.folder / "package-cache.lock").unlink()
    assert host.online("lock")[::2] == (0, "")  # no warning if the user names a mirror
