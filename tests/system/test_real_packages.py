"""Real packages in real Ubuntu roots without a network: the main job, and images that make trouble."""

import hashlib
import json
import random
from pathlib import Path

import pytest
from tests.support.debs import make_deb
from tests.support.lab import Container
from tests.system.conftest import Start, check_compiler, install

from package_cache.cache.checked_files import read_list
from package_cache.cache.description import read_description
from package_cache.cache.layout import CacheFolder
from package_cache.cli.main import run as package_cache
from package_cache.deb.compression import compression_for
from package_cache.deb.recompression import recompress
from package_cache.stage import stage

pytestmark = pytest.mark.system

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


def fingerprint(container: Container) -> str:
    listing = container.run(["sh", "-c", f"find {APT_FILES} -type f -exec sha256sum {{}} + | sort"]).stdout
    return hashlib.sha256(listing.encode()).hexdigest()


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_groups_install_and_leave_the_images_apt_as_it_was(
    system: str, trouble: str, start: Start, real_cache: CacheFolder
) -> None:
    container = start(system, {"/cache": real_cache.path})
    container.run(["sh", "-c", TROUBLE[trouble]])
    before = fingerprint(container)
    install(container, "ssh", "nfs")
    assert fingerprint(container) == before
    for name in ("openssh-server", "openssh-client", "nfs-common"):
        assert container.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", name]).stdout == "ii "
    if "broken" not in trouble:
        container.run(["apt-get", "check"])
        automatic = container.run(["apt-mark", "showauto"]).stdout.split()
        assert "libwrap0" in automatic
        assert "openssh-server" not in automatic


@pytest.mark.parametrize("upgraded", [True, False])
@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_a_large_group_installs_and_its_compiler_works(
    system: str, upgraded: bool, start: Start, real_cache: CacheFolder
) -> None:
    container = start(system, {"/cache": real_cache.path}, upgraded=upgraded)
    install(container, *(["build"] if upgraded else ["ssh", "build"]))
    container.run(["apt-get", "check"])
    check_compiler(container)


def test_a_real_pre_dependency_is_configured_in_time(start: Start, real_cache: CacheFolder) -> None:
    """nfs-common needs python3, which Pre-Depends on python3-minimal; a minimal Debian 12 has neither."""
    container = start("debian12", {"/cache": real_cache.path})
    assert "trying apt-get install" not in install(container, "nfs", "build").stdout
    container.run(["apt-get", "check"])
    container.run(["python3", "-c", "print()"])


@pytest.mark.parametrize("damage", ["truncate -s -1", "rm", "cp /dev/null"])
def test_a_damaged_cache_has_its_own_status_and_changes_nothing(
    damage: str, start: Start, real_cache: CacheFolder
) -> None:
    container = start("ubuntu18.04", {"/read-only": real_cache.path})
    container.run(["cp", "-r", "/read-only", "/cache"])
    packages = container.run(["cat", "/cache/groups/ssh-ubuntu18.04/Packages"]).stdout
    victim = packages.partition("Package: openssh-server\n")[2].partition("Filename: ")[2].split("\n", 1)[0]
    container.run([*damage.split(), f"/cache/{victim}"])
    before = container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout, fingerprint(container)
    assert "cache is damaged" in install(container, "ssh", status=31).stderr
    assert (container.run(["sha256sum", "/var/lib/dpkg/status"]).stdout, fingerprint(container)) == before


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04", "debian12"])
def test_dpkg_reads_what_is_stored_for_its_release(system: str, start: Start, tmp_path: Path) -> None:
    """What comes again after seven megabytes: so far back zstd looks at its level 19."""
    content = random.Random(1).randbytes(7_000_000) * 2
    deb = make_deb(tmp_path, "large", files={"/usr/lib/large": content}, compression="xz")
    (stored := tmp_path / "stored").mkdir()
    made = recompress(deb, stored, compression_for(system, level=19))
    assert made is not None
    assert made[1] < 14_000_000 or system == "ubuntu16.04"  # gzip looks back 32 kB
    container = start(system, {"/stored": stored}, upgraded=False)
    container.run(["dpkg", "--install", f"/stored/{made[0]}.deb"])
    found = container.run(["sha256sum", "/usr/lib/large"]).stdout.split()[0]
    assert found == hashlib.sha256(content).hexdigest()


def test_the_archive_gives_each_package_of_ssh_again(
    real_cache: CacheFolder, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What provenance states can be repeated, for Ubuntu 16.04 (gzip) and 18.04 (zstd)."""
    staged = CacheFolder(tmp_path / "package_cache")
    stage(["ssh"], real_cache, staged.path)
    manifest = str(real_cache.path.parent / "package_cache_info")
    words = ["--cache", str(staged.path), "--manifest", manifest, "--state", str(state), "--json"]
    status = package_cache(["verify", "--from-archive", *words])
    found = json.loads(capsys.readouterr().out)["result"]["from_archive"]
    groups = read_description(staged).groups
    packages = {item.sha256 for group in groups for item in read_list(staged, group)}
    assert [group.system for group in groups] == ["ubuntu16.04", "ubuntu18.04"]
    assert (status, found) == (0, {"same": len(packages), "same_content": 0, "problems": []})
