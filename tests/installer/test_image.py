"""Whatever the image's own configuration is, it is not read, not changed, and no hindrance."""

from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

CONFIGURATIONS = {
    "a broken file": "echo 'this is { not configuration' > /etc/apt/apt.conf.d/99broken",
    "hooks as docker has them": (
        "printf '%s\\n' 'DPkg::Post-Invoke { \"touch /var/hook-ran; rm -f /var/cache/apt/archives/*.deb\"; };' "
        "'APT::Update::Post-Invoke { \"touch /var/hook-ran\"; };' 'DPkg::Pre-Invoke { \"false\"; };' "
        "> /etc/apt/apt.conf.d/docker-clean"
    ),
    "a dead server": "echo 'deb http://127.0.0.1:9/dead stable main' > /etc/apt/sources.list",
    "sources that nobody can read": "echo 'nonsense' > /etc/apt/sources.list.d/third.list",
    "pins and a default release": (
        "printf 'Package: *\\nPin: release *\\nPin-Priority: -1\\n' > /etc/apt/preferences; "
        "echo 'APT::Default-Release \"stable\";' > /etc/apt/apt.conf"
    ),
    "documentation left out": (
        "printf 'path-exclude=/usr/share/doc/*\\n' > /etc/dpkg/dpkg.cfg.d/excludes"
    ),
}  # fmt: skip


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
@pytest.mark.parametrize("which", CONFIGURATIONS)
def test_the_images_configuration(which: str, system: str, tmp_path: Path, debs: Path, open_room: OpenRoom) -> None:
    cache = SyntheticCache(tmp_path / "cache", system)
    doc = {"/usr/share/doc/wanted/copyright": "free\n"}
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="needed", files=doc), make_deb(debs, "needed")])
    room = open_room(cache)
    room.sh(CONFIGURATIONS[which])
    look = "find /etc/apt /var/lib/apt/lists /var/cache/apt /var/log/apt -type f -exec sha256sum {} + | sort"
    before = room.sh(look)
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")
    assert room.sh(look) == before
    assert room.sh("ls /var/hook-ran 2>/dev/null", check=False) == ""
    assert room.audit() == ""


def test_variables_that_would_lead_astray(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    env = {
        "DPKG_ADMINDIR": "/nowhere", "DPKG_ROOT": "/nowhere", "APT_CONFIG": "/etc/shadow", "TMPDIR": "/no where",
        "LC_ALL": "de_DE.UTF-8", "IFS": "a", "CDPATH": "/etc", "PATH": "/nowhere:/usr/bin:/bin", "DPKG_FORCE": "none",
        "groups": "x", "cache": "/x", "result": "/x", "work": "/etc", "policy": "ours",
    }  # fmt: skip
    assert room.install("tools", env=env).status == 0
    assert room.state("wanted") == {"wanted": "ii 1.0"}


@pytest.mark.parametrize("at", ["/a cache/with 'signs' & 100%", "/opt/package_cache"])
def test_a_cache_anywhere(at: str, cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache, at=at)
    assert room.install("tools").status == 0


def test_the_installer_away_from_the_cache(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache, at="/usr/local/pai/package_cache")
    room.sh("mkdir /usr/local/pai/runtime.d; cp /usr/local/pai/package_cache/install_group.sh /usr/local/pai/runtime.d")
    done = room.container.run(["sh", "/usr/local/pai/runtime.d/install_group.sh", "tools"], timeout=60, check=False)
    assert done.returncode == 0
    room.sh("cd /usr/local/pai/package_cache && dpkg -r wanted && sh install_group.sh tools")


def test_no_tmp(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    done = room.container.run(
        ["sh", "-c", "rmdir /tmp && sh /cache/install_group.sh tools; echo $?; ls -A /run | grep package-cache"],
        timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "0"


def test_a_newer_version_stays_and_a_held_package_counts_as_there(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    cache.add(
        "tools", ["wanted", "other"], [make_deb(debs, "wanted", "2.0"), make_deb(debs, "other", depends="wanted")]
    )
    make_deb(debs, "wanted", "3.0")
    room = open_room(cache, binds={"/debs": debs})
    room.sh("dpkg -i /debs/wanted_3.0_all.deb; touch /var/lib/dpkg/available; apt-mark hold wanted")
    done = room.install("tools")
    assert (done.status, done.result["installed"], done.result["already_there"]) == (0, "1", "1")
    assert room.state("wanted", "other") == {"wanted": "hi 3.0", "other": "ii 1.0"}


def test_a_null_device_that_is_a_plain_file(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    """As in a chroot of a container that may make no devices."""
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted")])
    room = open_room(cache)
    room.sh("mkdir /run/dev; echo text >/run/dev/null; chmod 666 /run/dev/null; mount --bind /run/dev/null /dev/null")
    assert room.install("tools").status == 0
    assert room.state("wanted") == {"wanted": "ii 1.0"}
