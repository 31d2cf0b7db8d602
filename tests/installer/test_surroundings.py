"""The image's own configuration is not read, not changed, and no hindrance; nor is anything else that surrounds it."""

from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
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
    "documentation left out": "printf 'path-exclude=/usr/share/doc/*\\n' > /etc/dpkg/dpkg.cfg.d/excludes",
}  # fmt: skip


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
@pytest.mark.parametrize("which", CONFIGURATIONS)
def test_the_images_configuration(which: str, cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    doc = {"/usr/share/doc/wanted/copyright": "free\n"}
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="needed", files=doc), make_deb(debs, "needed")])
    room = open_room(cache)
    room.sh(CONFIGURATIONS[which])
    look = "find /etc/apt /var/lib/apt/lists /var/cache/apt /var/log/apt -type f -exec sha256sum {} + | sort"
    before = room.sh(look)
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")
    assert (room.sh(look), room.audit()) == (before, "")
    assert room.sh("ls /var/hook-ran 2>/dev/null", check=False) == ""


INSTALL = "sh /cache/install_group.sh"
VARIABLES = (
    "DPKG_ADMINDIR=/nowhere DPKG_ROOT=/nowhere APT_CONFIG=/etc/shadow TMPDIR='/no where' LC_ALL=de_DE.UTF-8 IFS=a "
    "CDPATH=/etc PATH=/nowhere:/usr/bin:/bin DPKG_FORCE=none groups=x cache=/x result=/x work=/etc policy=ours"
)
PLAIN_NULL = "mkdir /run/dev; echo text >/run/dev/null; chmod 666 /run/dev/null; mount --bind /run/dev/null /dev/null"
SLIM = "for tool in awk mawk perl python3 xz bash flock gpg gpgv sed grep; do rm -f /usr/bin/$tool /bin/$tool; done"
BESIDE = "mkdir -p /opt/package_cache /opt/runtime.d; mount --bind /cache /opt/package_cache"
ODD = "/a cache with 'signs' & 100%"
LINK = "echo mine >/root/kept; ln -s /root/kept /dev/shm/result"
SURROUNDINGS = {
    "variables that would lead astray": f"env {VARIABLES} {INSTALL} tools",
    "no /tmp": f"rmdir /tmp; {INSTALL} tools",
    "a null device that is a plain file, as in a container that may make no devices": f"{PLAIN_NULL}; {INSTALL} tools",
    "without tools that slim images lack": f"{SLIM}; {INSTALL} tools 2>/said; [ ! -s /said ]",
    "a script that stops at errors": "sh -eux /cache/install_group.sh tools",
    "a reader that went away": f"{{ {INSTALL} tools 2>/said; echo $? >/status; }} | true; [ $(cat /status /said) = 0 ]",
    "no standard output": f"{INSTALL} tools >&-",
    "a path with signs": f'mkdir "{ODD}"; mount --bind /cache "{ODD}"; sh "{ODD}/install_group.sh" tools',
    "the installer beside the cache": f"{BESIDE}; cd /; cp /cache/*.sh /opt/runtime.d; sh /opt/runtime.d/*.sh tools",
    "the folder of the cache": "cd /cache; sh install_group.sh tools",
    "a result on a device": f"{INSTALL} --result /dev/null tools; [ -c /dev/null ]",
    "a result on standard output": f"{INSTALL} --result /dev/stdout tools >/o; grep -x status=0 /o; [ -L /dev/stdout ]",
    "a result at a link, and links in the place of its temporary file": (
        f"{LINK}; perl -e 'symlink(qq(/root/kept), qq(/dev/shm/result.$_)) for 1 .. 4000'; {INSTALL} --result "
        "/dev/shm/result tools; grep -x mine /root/kept; [ ! -L /dev/shm/result ]; grep -x status=0 /dev/shm/result"
    ),
}
"""What is done and how the installer is started."""


@pytest.mark.parametrize("what", SURROUNDINGS)
def test_it_installs_whatever_surrounds_it(what: str, room: Room) -> None:
    room.sh(f"set -e; {SURROUNDINGS[what]}")
    assert room.state("wanted") == {"wanted": "ii 1.0"}
