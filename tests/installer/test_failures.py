"""Where a package's own script ends with an error, the new packages are removed and dpkg is consistent."""

import signal
from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb

SCRIPTS = {
    "preinst": {"preinst": "exit 3"},
    "postinst": {"postinst": "echo the disk is on fire >&2; exit 3"},
    "postinst and prerm": {"postinst": "exit 3", "prerm": "exit 4"},
    "none ends": {"postinst": "sleep 1000"},
    "everything": dict.fromkeys(("preinst", "postinst", "prerm", "postrm"), "exit 3"),
}


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
@pytest.mark.parametrize("which", SCRIPTS)
def test_a_failing_script(which: str, cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    library = make_deb(debs, "library", files={"/usr/lib/library": "1"})
    hostile = make_deb(debs, "hostile", depends="library", scripts=SCRIPTS[which])
    cache.add("tools", ["hostile"], [library, hostile])
    room = open_room(cache)
    packages = room.sh("dpkg-query -W")
    done = room.install("--install-timeout", "2" if which == "none ends" else "60", "tools")
    assert (done.status, done.result["reason"], done.result["installed"]) == (50, "install-failed", "0")
    assert "package-cache: the last lines of dpkg's output:\n" in done.err
    assert which != "postinst" or "the disk is on fire" in done.err
    assert "undone: the new packages were removed, and dpkg is consistent; next step: " in done.err
    assert room.audit() == ""
    assert room.sh("dpkg-query -W") == packages
    left = room.sh("apt-get check >/dev/null && ls /usr/lib/library /usr/sbin/policy-rc.d 2>&1 || :")
    assert left.count("No such") == 2


def test_packages_that_were_there_stay(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    mine = make_deb(debs, "mine", files={"/etc/mine": "mine\n"}, conffiles=["/etc/mine"])
    cache.add("tools", ["hostile"], [make_deb(debs, "hostile", depends="mine", scripts={"postinst": "exit 1"}), mine])
    room = open_room(cache, binds={"/mine.deb": mine})
    room.sh("dpkg -i /mine.deb; echo changed > /etc/mine")
    assert room.install("tools").status == 50
    assert (room.state("mine", "hostile"), room.sh("cat /etc/mine")) == ({"mine": "ii 1.0"}, "changed\n")


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_the_middle(sign: signal.Signals, cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    slow = make_deb(debs, "slow", scripts={"postinst": "touch /var/slow-began; sleep 60; touch /var/slow-ended"})
    cache.add("tools", ["slow"], [slow])
    room = open_room(cache)
    script = "echo $$ >/var/pid; exec sh /cache/install_group.sh tools"
    process = room.start(["sh", "-c", script], until="/var/slow-began")
    room.sh(f"kill -{sign.name[3:]} $(cat /var/pid)")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"package-cache: cannot go on: {sign.name} came\n" in said
    assert (room.audit(), room.state("slow")) == ("", {})
    assert room.sh("ls -A /tmp /usr/sbin/policy-rc.d /var/slow-ended 2>/dev/null", check=False) == "/tmp:\n"
