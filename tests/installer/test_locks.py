"""Locks of other processes: what the kernel says of them, and what every release's dpkg and apt print about them."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.installer.conftest import OpenRoom
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.lab import Isolation, throwaway
from tests.support.locks import held

from package_cache.installer import HERE, install_group

pytestmark = pytest.mark.system

RELEASES = (
    *("ubuntu16.04", "ubuntu18.04", "ubuntu22.04", "ubuntu24.04", "ubuntu26.04"),
    *("debian11", "debian12", "debian13"),
)
"""With dpkg 1.18 to 1.23 and apt 1.2 to 3.2."""

DPKG_LOCKS = ("/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend")
DEBCONF_LOCK = "/var/cache/debconf/config.dat"
FUNCTIONS = "".join((HERE / "shared" / f"{part}.sh").read_text() for part in ("report", "clock", "locks"))
Shell = Callable[[str], str]

each_release = pytest.mark.parametrize("release", RELEASES)
each_lock = pytest.mark.parametrize("lock", DPKG_LOCKS)


@pytest.fixture
def shell(release: str, real_root: Callable[..., Path], isolation: Isolation) -> Iterator[Shell]:
    """Run lines of shell in a disposable root of a release, after the functions of the programs; return the output."""
    with contextlib.ExitStack() as stack:
        container = stack.enter_context(throwaway(real_root(release), isolation))
        yield lambda script: container.run(["sh", "-fuc", FUNCTIONS + script], timeout=60).stdout


def hold(files: str, kind: str = "fcntl") -> str:
    """Return lines of shell that keep a lock while the root is there."""
    return held(files, 60, kind)


@pytest.mark.parametrize(("kind", "lock"), [*(("fcntl", lock) for lock in DPKG_LOCKS), ("flock", DEBCONF_LOCK)])
@each_release
def test_the_kernel_says_who_holds_a_lock(release: str, kind: str, lock: str, shell: Shell) -> None:
    shell(f"touch {lock}")
    assert shell('find_holder || echo "none$holder"') == "none\n"
    shell(hold(lock, kind))
    assert re.fullmatch(rf"process \d+ \(perl\) has {lock} locked\n", shell('find_holder && echo "$holder"'))
    assert shell(f"rm {lock}; touch {lock}; find_holder || echo none") == "none\n"  # another file of that name


OTHER_FILE = """
for place in /mnt /srv; do mount -t tmpfs none ${place}; touch ${place}/lock; done
mount --bind /srv/lock /var/lib/dpkg/lock
"""
"""Lines of shell that make /mnt/lock, a file with the inode number of dpkg's lock, on another file system."""


@pytest.mark.parametrize("release", ["debian12"])
def test_a_lock_on_a_file_with_the_same_inode_number_is_not_dpkgs(release: str, shell: Shell) -> None:
    numbers = shell("set +f; " + OTHER_FILE + "stat -c %i /mnt/lock /var/lib/dpkg/lock").split()
    assert numbers[0] == numbers[1]
    shell(hold("/mnt/lock"))
    assert shell('find_holder || echo "none$holder"') == "none\n"


COMMANDS = ("dpkg --configure -a", "apt-get -o DPkg::Lock::Timeout=0 install dpkg")


@pytest.mark.parametrize("command", COMMANDS)
@each_lock
@each_release
def test_the_words_of_a_locked_dpkg_are_recognized(release: str, lock: str, command: str, shell: Shell) -> None:
    shell(hold(lock))
    script = f"! LC_ALL=C {command} >/root/log 2>&1 && says_locked /root/log; echo $?; cat /root/log"
    answer, _, words = shell(script).partition("\n")
    assert answer == "0", words


@each_release
def test_debconfs_words_are_not_taken_for_dpkgs(release: str, shell: Shell) -> None:
    shell(hold(DEBCONF_LOCK, "flock"))
    script = "echo GET debconf/frontend | debconf-communicate >/root/log 2>&1; says_locked /root/log; echo $?;"
    answer, _, words = shell(f"{script} cat /root/log").partition("\n")
    assert (answer, "is locked by another process" in words) == ("1", True), words


WAITS = "package-cache: another process has dpkg locked: waiting for it, at most 3 s"


@pytest.mark.parametrize("seconds", [1, 60])
@pytest.mark.parametrize("system", ["ubuntu16.04", "debian13"])
def test_where_the_kernel_does_not_say_it_waits_by_those_words(
    seconds: int, cache: SyntheticCache, debs: Path, open_room: OpenRoom
) -> None:
    cache.add("tools", ["tool"], [make_deb(debs, "tool")])
    (cache.path / "install_group.sh").write_text(install_group().replace("/proc/locks", "/nowhere"))
    room = open_room(cache)
    room.sh(held("lock", seconds))
    done = room.install("--lock-timeout", "3", "tools")
    assert WAITS in done.out.splitlines()
    if seconds < 3:
        assert (done.status, room.state("tool")) == (0, {"tool": "ii 1.0"})
    else:
        assert (done.status, done.result["reason"], room.state("tool")) == (40, "dpkg-locked", {})
        assert "package-cache: nothing was changed; next step: wait for it to end" in done.err
