"""Another process that works with dpkg is waited for; two installers do not hinder each other; a signal undoes it."""

import re
from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb


def prepare(cache: SyntheticCache, debs: Path) -> None:
    wait = "touch /var/busy; for i in $(seq 600); do [ ! -e /var/go ] || exit 0; sleep 0.1; done"
    make_deb(debs, "busy", scripts={"postinst": wait})
    cache.add("tools", ["wanted"], [make_deb(debs, "wanted", depends="needed"), make_deb(debs, "needed")])


@pytest.mark.parametrize("system", ["ubuntu16.04", "ubuntu18.04"])
def test_dpkg_is_locked_too_long_then_free(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    prepare(cache, debs)
    room = open_room(cache, binds={"/debs": debs})
    busy = room.start(["dpkg", "-i", "/debs/busy_1.0_all.deb"], until="/var/busy")
    done = room.install("--lock-timeout", "1", "tools")
    holder = done.out.removeprefix("package-cache: ").partition(":")[0]
    assert re.fullmatch(r"process \d+ \(dpkg\) has /var/lib/dpkg/lock(-frontend)? locked", holder)
    assert (done.status, done.out) == (40, f"package-cache: {holder}: waiting for it, at most 1 s\n")
    assert done.err == (
        f"package-cache: cannot install tools (dpkg-locked): dpkg was locked for 1 s: {holder}\n"
        "package-cache: nothing was changed; next step: wait for it to end, or give --lock-timeout more seconds\n"
    )
    assert room.state("wanted", "needed") == {}
    room.sh("(sleep 1; touch /var/go) >/dev/null 2>&1 &")
    assert room.install("tools").status == 0
    busy.communicate(timeout=30)
    assert room.state("wanted", "busy") == {"wanted": "ii 1.0", "busy": "ii 1.0"}
    assert room.audit() == ""


HOLD = """
use Fcntl;
open(my $file, ">>", "/var/lib/dpkg/lock") or die;
my $lock = pack("s s x4 l! l! i x4", F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLK, $lock) or die;
open(my $mark, ">", "/var/busy");
for (1..600) { last if -e "/var/go"; select(undef, undef, undef, 0.1) }
"""


PURGE = """
local ($/, @ARGV) = ("", "/var/lib/dpkg/status");
my @others = grep { !/^Package: needed$/m } <>;
open(my $status, ">", "/var/lib/dpkg/status") or die;
print $status @others;
"""


def test_what_was_planned_for_an_image_is_not_believed_after_a_wait(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    own = [make_deb(debs, "wanted", depends="needed (= 1.0)"), make_deb(debs, "needed")]
    newer = make_deb(debs, "wanted", "2.0", depends="needed (= 2.0)")
    cache.add("tools", ["wanted"], own, images={"newer": [newer]})
    make_deb(debs, "needed", "2.0")
    room = open_room(cache, binds={"/debs": debs})
    room.sh("dpkg -i /debs/needed_2.0_all.deb")
    holder = room.start(["perl", "-e", HOLD + PURGE], until="/var/busy")
    room.sh("(sleep 1; touch /var/go) >/dev/null 2>&1 &")
    done = room.install("tools")
    assert (done.status, done.err) == (0, "")
    assert "(perl) has /var/lib/dpkg/lock locked: waiting for it, at most 120 s" in done.out
    assert room.state("wanted", "needed") == {"wanted": "ii 1.0", "needed": "ii 1.0"}
    assert holder.communicate(timeout=30) == ("", "")


def test_two_installers_at_once(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    prepare(cache, debs)
    cache.add("more", ["slow"], [make_deb(debs, "slow", depends="needed", scripts={"postinst": "sleep 1"}),
                                 make_deb(debs, "needed")])  # fmt: skip
    room = open_room(cache)
    groups = ("tools", "more", "tools", "more")
    running = [room.start(["sh", "/cache/install_group.sh", group]) for group in groups]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0], said
    assert room.state("wanted", "slow", "needed") == {"wanted": "ii 1.0", "slow": "ii 1.0", "needed": "ii 1.0"}
    assert room.sh("ls -A /tmp /usr/sbin/policy-rc.d* 2>/dev/null", check=False) == "/tmp:\n"


MARK = "# package-cache: no service is started while this process installs: 999999-1"
LEFT_POLICY = f"printf '#!/bin/sh\\n{MARK}\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d"


def test_what_a_killed_installer_left_is_taken_over(cache: SyntheticCache, debs: Path, open_room: OpenRoom) -> None:
    prepare(cache, debs)
    room = open_room(cache)
    room.sh(LEFT_POLICY)
    room.sh("printf '#!/bin/sh\\nexit 0\\n' >/usr/sbin/policy-rc.d.kept-by-package-cache")
    assert room.install("tools").status == 0
    assert room.sh("cat /usr/sbin/policy-rc.d*") == "#!/bin/sh\nexit 0\n"


def test_what_a_killed_installer_left_on_what_has_become_read_only(
    cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    prepare(cache, debs)
    room = open_room(cache)
    room.sh(LEFT_POLICY)
    notes = "/var/lib/package-cache/999999-1"
    room.sh(f"mkdir -p {notes}; printf '/cache/pool\\n\\n\\n\\n\\nend\\n' >{notes}/notes")
    room.sh("mount --bind /usr /usr; mount -o remount,bind,ro /usr")
    done = room.install("tools")
    assert (done.status, done.result["reason"]) == (42, "read-only"), done
    assert "nothing was changed but what an earlier run had left; next step: " in done.err
    room.sh("umount -l /usr")
    assert room.install("tools").status == 0
    assert room.sh("ls -A /usr/sbin/policy-rc.d* /var/lib/package-cache 2>/dev/null", check=False) == ""
