"""Locks that other processes have on anything, and words that only look like one."""

import itertools
from pathlib import Path

import pytest
from tests.faults.conftest import RealJob, SyntheticJob
from tests.faults.fault import Fault, inject, on_their_systems
from tests.faults.holders import FREE, HOLD, LOCK
from tests.faults.hostile import Hostile, open_hostile, scripts
from tests.faults.spread import spread

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
FAILED = (ExitStatus.INSTALL_FAILED,)
NOT = (ExitStatus.DPKG_LOCKED, ExitStatus.INSTALL_FAILED)
PERHAPS = (ExitStatus.INSTALLED, ExitStatus.INSTALL_FAILED)
UNDONE = "undone: "
TEMPLATE = "Template: wanted/question\nType: string\nDescription: What do you want?\n"
ASK = ". /usr/share/debconf/confmodule; db_input critical wanted/question || :; db_go || :"
FORGET = '. /usr/share/debconf/confmodule; [ "$1" != purge ] || db_purge'
ASKS = scripts(templates=TEMPLATE, config=ASK, postinst=ASK, postrm=FORGET)
USES = scripts(postinst="useradd --system wanted", postrm='[ "$1" != purge ] || userdel wanted 2>/dev/null || :')
DEBCONF = "/var/cache/debconf/config.dat"
QUICK = "--lock-timeout 2"


def hold(kind: str, files: str, seconds: int = 600) -> str:
    """Return the lines by which another process takes a lock."""
    return HOLD + LOCK.format(kind=kind, files=files, seconds=seconds)


DPKG_FILES = "/var/lib/dpkg/status /var/lib/dpkg/lock /var/lib/dpkg/info /var/lib/dpkg /var/lib/dpkg/triggers/File"
OF_APT = "/var/lib/apt/lists/lock /var/cache/apt/archives/lock"
LATE = r"""
cat >/root/late.pl <<'END'
use Fcntl;
my $lock = pack("s s x4 l! l! i x4", F_WRLCK, 0, 0, 0, 0);
open(my $file, "+>>", "/var/lib/dpkg/lock") or die;
for (1 .. 2000) { last if fcntl($file, F_SETLK, $lock); select(undef, undef, undef, 0.005) }
sleep 2;
END
"""
"""Lines that write a program which takes dpkg's lock as soon as that ends, and has it for 2 s."""
SAYS = "echo 'dpkg: error: dpkg frontend lock was locked by another process with pid 7'; "
HARMLESS = [{"files": {"/usr/share/wanted": "x"}}]

FAULTS = [
    Hostile("debconf's lock for ever", hold("flock", DEBCONF), NOT, "", FREE, options=QUICK, packages=ASKS),
    Hostile("debconf's lock for 25 s", hold("flock", DEBCONF, 25), PERHAPS, packages=ASKS, heal=FREE),
    Hostile("debconf's templates locked for ever", hold("flock", "/var/cache/debconf/templates.dat"), NOT, "",
            FREE, options=QUICK, packages=ASKS),
    Hostile("debconf's lock by fcntl", hold("fcntl", DEBCONF), heal=FREE, packages=ASKS),
    Hostile("dpkg's files by flock", "touch /var/lib/dpkg/triggers/File;" + hold("flock", DPKG_FILES),
            options=QUICK, packages=HARMLESS),
    Hostile("dpkg's lock for reading", hold("read", "/var/lib/dpkg/lock", 2), says="waiting for it",
            packages=HARMLESS),
    Hostile("dpkg's lock for reading, for ever", hold("read", "/var/lib/dpkg/lock"), (ExitStatus.DPKG_LOCKED,),
            "dpkg was locked for 2 s", FREE, options=QUICK, packages=HARMLESS),
    Hostile("dpkg's triggers for 2 s", hold("fcntl", "/var/lib/dpkg/triggers/Lock", 2), packages=HARMLESS),
    Hostile("apt's lists and archives", f"touch {OF_APT};" + hold("fcntl", OF_APT), options=QUICK,
            packages=HARMLESS, heal=FREE),
    Hostile("apt's lists and archives by flock", f"touch {OF_APT};" + hold("flock", OF_APT), options=QUICK,
            packages=HARMLESS),
    Hostile("the caches of ldconfig", hold("fcntl", "/etc/ld.so.cache /var/cache/ldconfig/aux-cache"), options=QUICK,
            packages=[{"files": {"/usr/lib/libwanted.so.1": "x"}}]),
    Hostile("the caches of ldconfig by flock", hold("flock", "/etc/ld.so.cache /var/cache/ldconfig/aux-cache"),
            options=QUICK, packages=[{"files": {"/usr/lib/libwanted.so.1": "x"}}]),
    Hostile("everything in var by flock",
            hold("flock", "$(find /var -type f ! -path '*/debconf/*' | head -n 500)"), options=QUICK,
            packages=HARMLESS),
    Hostile("the users for 2 s", hold("fcntl", "/etc/.pwd.lock", 2), packages=USES),
    Hostile("the users for ever", hold("fcntl", "/etc/.pwd.lock"), FAILED, UNDONE, FREE, packages=USES,
            writes=["/etc/.pwd.lock"]),
    Hostile("a script that says that dpkg is locked, and fails", "", FAILED, UNDONE,
            packages=scripts(postinst=SAYS + "exit 1")),
    Hostile("a script that says that apt cannot get a lock, and fails", "", FAILED, UNDONE,
            packages=scripts(postinst="echo 'E: Could not get lock /var/lib/dpkg/lock-frontend'; exit 1")),
    Hostile("a script that says that dpkg is locked before anything is unpacked", "", FAILED, UNDONE,
            packages=scripts(preinst=SAYS + "exit 1")),
    Hostile("a lock before and another while undoing", LATE + hold("fcntl", "/var/lib/dpkg/lock", 2), FAILED, UNDONE,
            options="--lock-timeout 3",
            packages=scripts(postinst="(exec perl /root/late.pl) </dev/null >/dev/null 2>&1 & exit 1")),
    Hostile("a broken package whose name has the word", "dpkg --force-depends -i /debs/unmet*.deb >/dev/null 2>&1 || :",
            (ExitStatus.DPKG_BROKEN,), "packages are half installed here", "dpkg --purge unmet", options=QUICK,
            sane=False, packages=HARMLESS, others=[{"name": "unmet", "depends": "libblockdev2"}]),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "system"), spread(on_their_systems(FAULTS), 6), ids=str)
def test_a_lock_of_others(fault: Hostile, system: str, synthetic_job: SyntheticJob, tmp_path: Path) -> None:
    inject(open_hostile(fault, system, synthetic_job, tmp_path), fault)


REAL = [
    Fault("debconf's lock for ever", hold("flock", DEBCONF), (*NOT, ExitStatus.INSTALLED), heal=FREE, options=QUICK),
    Fault("debconf's lock for 25 s", hold("flock", DEBCONF, 25), PERHAPS, heal=FREE),
    Fault("dpkg's files by flock", "touch /var/lib/dpkg/triggers/File;" + hold("flock", DPKG_FILES), options=QUICK),
    Fault("the users for 2 s", hold("fcntl", "/etc/.pwd.lock", 2)),
]
JOBS = [("ubuntu16.04", "ssh"), ("ubuntu18.04", "ssh"), ("debian12", "nfs")]


@pytest.mark.parametrize(("fault", "job"), spread(list(itertools.product(REAL, JOBS)), 2), ids=str)
def test_a_lock_of_others_and_a_real_group(fault: Fault, job: tuple[str, str], real_job: RealJob) -> None:
    inject(real_job(*job), fault)
