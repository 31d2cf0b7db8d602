"""A recording is replayed where everything is as it was when it was made, and nowhere else."""

from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import Room, SyntheticCache
from tests.support.debs import make_deb
from tests.support.recording_files import Recording, record

POSTINST = """
mkdir -p /usr/share/wanted /var/lib/wanted /etc/wanted.d
[ -e /usr/share/wanted/generated ] || echo generated >/usr/share/wanted/generated
echo state >/var/lib/wanted/state; chmod 640 /var/lib/wanted/state
ln -sf /usr/bin/wanted /etc/wanted.d/link
grep -q wanted /etc/environment || echo 'WANTED=yes' >>/etc/environment
[ -e /etc/wanted.key ] || { umask 077; head -c 20 /dev/urandom | sha256sum >/etc/wanted.key; }
rm -f /etc/legal
"""
KEY = {"/etc/wanted.key": 'umask 077; head -c 20 /dev/urandom | sha256sum >"$1"'}


@pytest.fixture
def wanted(debs: Path) -> list[Path]:
    """A package whose script changes files, and one that it needs."""
    files = {
        "/usr/bin/wanted": "#!/bin/sh\necho wanted\n",
        "/etc/wanted.conf": "a = 1\n",
        "/usr/share/wanted/data": "1",
    }
    needed = make_deb(debs, "needed", files={"/usr/lib/needed/needed": "needed" * 1000})
    scripts = {"postinst": POSTINST, "postrm": "rm -rf /etc/wanted.key /var/lib/wanted /etc/wanted.d /usr/share/wanted"}
    return [
        needed,
        make_deb(debs, "wanted", depends="needed", files=files, scripts=scripts, conffiles=["/etc/wanted.conf"]),
    ]


@pytest.fixture
def recording(cache: SyntheticCache, wanted: list[Path], open_room: OpenRoom) -> Recording:
    """The recording of the group `tools`, in its folder."""
    folder = cache.add("tools", ["wanted"], wanted)
    base, done = open_room(cache), open_room(cache)
    assert done.install("tools").status == 0
    recording = record(base.container, done.container, "tools", dict.fromkeys(wanted, "new"), regenerate=KEY)
    recording.put(folder)
    return recording


def compared(room: Room) -> list[str]:
    """Return what is in a room, but for what differs between two installations."""
    ignored = ("var/log/", "var/cache/ldconfig/", "-old", "var/lib/dpkg/lock", "var/cache/debconf", "etc/wanted.key")
    lines = room.map()
    return [line for line in lines if not any(one in line for one in ignored)]


def test_is_equal_to_an_installation_by_dpkg(cache: SyntheticCache, recording: Recording, open_room: OpenRoom) -> None:
    by_dpkg, room = open_room(cache), open_room(cache)
    assert by_dpkg.install("--no-replay", "tools").result["method"] == "dpkg"
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")
    assert (done.result["method"], done.result["recording"], "replay" in done.result) == ("replay", "an image", False)
    assert done.result["installed"] == "2"
    assert done.out.startswith("package-cache: tools installed: 2 packages in ")
    assert done.out.endswith(" s by a recording of an image, 0 bytes from the network\n")
    assert compared(room) == compared(by_dpkg)
    keys = [each.sh("stat -c '%a %U' /etc/wanted.key; cat /etc/wanted.key") for each in (room, by_dpkg)]
    assert keys[0].startswith("600 root\n")
    assert keys[0] != keys[1]
    assert room.audit() == ""
    assert room.sh("apt-mark showauto needed wanted") == "needed\n"
    assert room.sh("ls -A /tmp /run/package-cache* /var/lib/package-cache 2>/dev/null", check=False) == "/tmp:\n"
    assert room.install("tools").result["method"] == "none"
