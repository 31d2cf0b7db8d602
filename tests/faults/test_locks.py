"""Locks that other processes have on anything, and words that only look like one."""

import pytest
from tests.faults.conftest import InjectIn, RealJob
from tests.faults.fault import FAILED, Fault, inject, on_real_jobs, on_systems, scripts
from tests.support.locks import FREE, held

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
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
    Fault("debconf's lock for ever", held(DEBCONF, kind="flock"), NOT, "", FREE, options=QUICK, packages=ASKS),
    Fault("debconf's lock for 25 s", held(DEBCONF, 25, "flock"), PERHAPS, packages=ASKS, heal=FREE),
    Fault("debconf's templates locked for ever", held("/var/cache/debconf/templates.dat", kind="flock"), NOT, "",
          FREE, options=QUICK, packages=ASKS),
    Fault("debconf's lock by fcntl", held(DEBCONF), heal=FREE, packages=ASKS),
    Fault("dpkg's files by flock", "touch /var/lib/dpkg/triggers/File;" + held(DPKG_FILES, kind="flock"),
          options=QUICK, packages=HARMLESS),
    Fault("dpkg's lock for reading", held("/var/lib/dpkg/lock", 2, "read"), says="waiting for it",
          packages=HARMLESS),
    Fault("dpkg's lock for reading, for ever", held("/var/lib/dpkg/lock", kind="read"), (ExitStatus.DPKG_LOCKED,),
          "dpkg was locked for 2 s", FREE, options=QUICK, packages=HARMLESS),
    Fault("dpkg's triggers for 2 s", held("/var/lib/dpkg/triggers/Lock", 2), packages=HARMLESS),
    Fault("apt's lists and archives", f"touch {OF_APT};" + held(OF_APT), options=QUICK,
          packages=HARMLESS, heal=FREE),
    Fault("apt's lists and archives by flock", f"touch {OF_APT};" + held(OF_APT, kind="flock"), options=QUICK,
          packages=HARMLESS),
    Fault("the caches of ldconfig", held("/etc/ld.so.cache /var/cache/ldconfig/aux-cache"), options=QUICK,
          packages=[{"files": {"/usr/lib/libwanted.so.1": "x"}}]),
    Fault("the caches of ldconfig by flock", held("/etc/ld.so.cache /var/cache/ldconfig/aux-cache", kind="flock"),
          options=QUICK, packages=[{"files": {"/usr/lib/libwanted.so.1": "x"}}]),
    Fault("everything in var by flock",
          held("$(find /var -type f ! -path '*/debconf/*' | head -n 500)", kind="flock"), options=QUICK,
          packages=HARMLESS),
    Fault("the users for 2 s", held("/etc/.pwd.lock", 2), packages=USES),
    Fault("the users for ever", held("/etc/.pwd.lock"), FAILED, UNDONE, FREE, packages=USES,
          writes=["/etc/.pwd.lock"]),
    Fault("a script that says that dpkg is locked, and fails", "", FAILED, UNDONE,
          packages=scripts(postinst=SAYS + "exit 1")),
    Fault("a script that says that apt cannot get a lock, and fails", "", FAILED, UNDONE,
          packages=scripts(postinst="echo 'E: Could not get lock /var/lib/dpkg/lock-frontend'; exit 1")),
    Fault("a script that says that dpkg is locked before anything is unpacked", "", FAILED, UNDONE,
          packages=scripts(preinst=SAYS + "exit 1")),
    Fault("a lock before and another while undoing", LATE + held("/var/lib/dpkg/lock", 2), FAILED, UNDONE,
          options="--lock-timeout 3",
          packages=scripts(postinst="(exec perl /root/late.pl) </dev/null >/dev/null 2>&1 & exit 1")),
    Fault("a broken package whose name has the word", "dpkg --force-depends -i /debs/unmet*.deb >/dev/null 2>&1 || :",
          (ExitStatus.DPKG_BROKEN,), "packages are half installed here", "dpkg --purge unmet", options=QUICK,
          sane=False, packages=HARMLESS, others=[{"name": "unmet", "depends": "libblockdev2"}]),
]  # fmt: skip


@on_systems(FAULTS, 6)
def test_a_lock_of_others(fault: Fault, system: str, inject_in: InjectIn) -> None:
    inject_in(system, fault)


REAL = [
    Fault(
        "debconf's lock for ever", held(DEBCONF, kind="flock"), (*NOT, ExitStatus.INSTALLED), heal=FREE, options=QUICK
    ),
    Fault("debconf's lock for 25 s", held(DEBCONF, 25, "flock"), PERHAPS, heal=FREE),
    Fault(
        "dpkg's files by flock", "touch /var/lib/dpkg/triggers/File;" + held(DPKG_FILES, kind="flock"), options=QUICK
    ),
    Fault("the users for 2 s", held("/etc/.pwd.lock", 2)),
]


@on_real_jobs("fault", REAL, 2)
def test_a_lock_of_others_and_a_real_group(fault: Fault, job: tuple[str, str], real_job: RealJob) -> None:
    inject(real_job(*job), fault)
