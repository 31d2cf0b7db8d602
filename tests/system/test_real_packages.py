"""Real packages in real Ubuntu roots without a network: the main job, and images that make trouble."""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.debs import make_deb
from tests.support.lab import Container, Isolation, throwaway

from package_cache.cache.layout import CacheFolder
from package_cache.deb.compression import compression_for
from package_cache.deb.recompression import recompress

pytestmark = pytest.mark.system

CACHE = "/opt/package_cache"
APT_FILES = "/etc/apt/sources.list /etc/apt/apt.conf.d /etc/apt/preferences.d /var/lib/apt/lists"
DOCKER_HOOKS = """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
"""
TROUBLE = {
    "as it is": "true",
    "a dead source": "echo 'deb http://127.0.0.1:9/dead nowhere main' >/etc/apt/sources.list",
    "docker's hooks and no documentation": (
        f"printf '%s' '{DOCKER_HOOKS}' >/etc/apt/apt.conf.d/docker-clean; "
        "echo 'path-exclude=/usr/share/doc/*' >/etc/dpkg/dpkg.cfg.d/excludes"
    ),
    "a broken apt configuration": "echo 'this is { no configuration' >/etc/apt/apt.conf.d/99broken",
}


@contextmanager
def a_container(root: Path, isolation: Isolation, cache: CacheFolder) -> Iterator[Container]:
    with throwaway(root, isolation, binds={CACHE: cache.path}) as container:
        yield container


def fingerprint(container: Container) -> str:
    listing = container.run(["sh", "-c", f"find {APT_FILES} -type f -exec sha256sum {{}} + | sort"]).stdout
    return hashlib.sha256(listing.encode()).hexdigest()


def assert_sane(container: Container) -> None:
    assert container.run(["dpkg", "--audit"]).stdout == ""
    states = container.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package}\\n"]).stdout
    assert [line for line in states.splitlines() if not line.startswith(("ii", "hi", "rc"))] == []


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_groups_install_and_leave_the_images_apt_as_it_was(
    system: str, trouble: str, real_root: Callable[..., Path], real_cache: CacheFolder, isolation: Isolation
) -> None:
    with a_container(real_root(system), isolation, real_cache) as container:
        container.run(["sh", "-c", TROUBLE[trouble]])
        before = fingerprint(container)
        completed = container.run(["sh", f"{CACHE}/install_group.sh", "ssh", "nfs"], check=False, timeout=300)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        assert_sane(container)
        assert fingerprint(container) == before
        for name in ("openssh-server", "openssh-client", "nfs-common"):
            assert container.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", name]).stdout == "ii "
        if "broken" not in trouble:
            assert container.run(["apt-get", "check"]).returncode == 0
            automatic = container.run(["apt-mark", "showauto"]).stdout.split()
            assert "libwrap0" in automatic
            assert "openssh-server" not in automatic


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_a_large_group_installs_and_its_compiler_works(
    system: str, real_root: Callable[..., Path], real_cache: CacheFolder, isolation: Isolation
) -> None:
    with a_container(real_root(system), isolation, real_cache) as container:
        container.run(["sh", f"{CACHE}/install_group.sh", "build"], timeout=300)
        assert_sane(container)
        container.run(["apt-get", "check"])
        program = "echo 'int main(void) { return 42; }' >/tmp/a.c && gcc -o /tmp/a /tmp/a.c && /tmp/a"
        assert container.run(["sh", "-c", program], check=False).returncode == 42


def test_a_real_pre_dependency_is_configured_in_time(
    real_root: Callable[..., Path], real_cache: CacheFolder, isolation: Isolation
) -> None:
    """nfs-common needs python3, which Pre-Depends on python3-minimal; a minimal Debian 12 has neither."""
    with a_container(real_root("debian12"), isolation, real_cache) as container:
        completed = container.run(["sh", f"{CACHE}/install_group.sh", "nfs", "build"], check=False, timeout=300)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        assert "trying apt-get install" not in completed.stdout
        assert_sane(container)
        container.run(["apt-get", "check"])
        container.run(["python3", "-c", "print()"])


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_a_root_that_was_never_upgraded_gets_what_it_needs(
    system: str, real_root: Callable[..., Path], real_cache: CacheFolder, isolation: Isolation
) -> None:
    with a_container(real_root(system, upgraded=False), isolation, real_cache) as container:
        container.run(["sh", f"{CACHE}/install_group.sh", "ssh", "build"], timeout=300)
        assert_sane(container)
        container.run(["apt-get", "check"])


@pytest.mark.parametrize("damage", ["truncate -s -1", "rm", "cp /dev/null"])
def test_a_damaged_cache_has_its_own_status_and_changes_nothing(
    damage: str, real_root: Callable[..., Path], real_cache: CacheFolder, isolation: Isolation
) -> None:
    with a_container(real_root("ubuntu18.04"), isolation, real_cache) as container:
        container.run(["cp", "-r", CACHE, "/cache"])
        packages = container.run(["cat", "/cache/groups/ssh-ubuntu18.04/Packages"]).stdout
        victim = packages.partition("Package: openssh-server\n")[2].partition("Filename: ")[2].split("\n", 1)[0]
        command = [*damage.split(), f"/cache/{victim}"]
        container.run(command)
        before = container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout, fingerprint(container)
        completed = container.run(["sh", "/cache/install_group.sh", "ssh"], check=False, timeout=120)
        assert completed.returncode == 31, completed.stdout + completed.stderr
        assert "cache is damaged" in completed.stderr
        assert (container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout, fingerprint(container)) == before


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04", "debian12"])
def test_dpkg_reads_what_is_stored_for_its_release(
    system: str, real_root: Callable[..., Path], isolation: Isolation, tmp_path: Path
) -> None:
    """What comes again after seven megabytes: so far back zstd looks at its level 19."""
    content = random.Random(1).randbytes(7_000_000) * 2
    deb = make_deb(tmp_path, "large", files={"/usr/lib/large": content}, compression="xz")
    (stored := tmp_path / "stored").mkdir()
    made = recompress(deb, stored, compression_for(system, level=19))
    assert made is not None
    assert made[1] < 14_000_000 or system == "ubuntu16.04"  # gzip looks back 32 kB
    with throwaway(real_root(system, upgraded=False), isolation, binds={"/stored": stored}) as container:
        container.run(["dpkg", "--install", f"/stored/{made[0]}.deb"])
        found = container.run(["sha256sum", "/usr/lib/large"]).stdout.split()[0]
    assert found == hashlib.sha256(content).hexdigest()
