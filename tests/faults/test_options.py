"""Odd values of the installer's options."""

from dataclasses import replace

import pytest
from tests.faults.conftest import InjectIn
from tests.faults.fault import Fault
from tests.faults.spread import spread

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
USAGE = (ExitStatus.USAGE,)
MISUSE = "cannot understand the command line"
REFUSED = (ExitStatus.USAGE, ExitStatus.NO_SPACE, ExitStatus.READ_ONLY)
"""A result that cannot be written is known before anything is touched."""


ODD_NUMBERS = ["08", "-1", "''", "1e3", "99999999999999999999", "0x10", "' 5'", "'5 '", "1.5", "+5", "five", "'$(id)'",
               "'1\n2'", "00", "010"]  # fmt: skip
NUMBERS = [
    *(Fault(f"{option} {number}", "", USAGE, MISUSE, options=f"{option} {number}")
      for option in ("--lock-timeout", "--install-timeout") for number in ODD_NUMBERS),
    *(Fault(f"{option}={number}", "", USAGE, MISUSE, options=f"{option}={number}")
      for option in ("--lock-timeout", "--install-timeout") for number in ("08", "", "-1")),
    Fault("--install-timeout 0", "", USAGE, MISUSE, options="--install-timeout 0"),
    Fault("--lock-timeout 0", options="--lock-timeout 0"),
    Fault("--lock-timeout 1", options="--lock-timeout=1"),
    Fault("--lock-timeout 9999999", options="--lock-timeout 9999999"),
    Fault("--install-timeout 9999999", options="--install-timeout 9999999"),
    *(Fault(f"{option} 99999999", "", (ExitStatus.USAGE, ExitStatus.INSTALLED), options=f"{option} 99999999")
      for option in ("--lock-timeout", "--install-timeout")),
]  # fmt: skip
WORDS = [
    Fault("an option that is not known", "", USAGE, MISUSE, options="--fast"),
    Fault("an option of one letter", "", USAGE, MISUSE, options="-v"),
    Fault("an option twice", options="--lock-timeout 5 --lock-timeout 7"),
    Fault("a cache that is blank", "", USAGE, MISUSE, options="--cache ''"),
    Fault("a cache that is blank after a =", "", USAGE, MISUSE, options="--cache="),
    Fault("a result that is blank", "", USAGE, MISUSE, options="--result ''"),
    Fault("a group that is a path", "", USAGE, MISUSE, options="../tools"),
    Fault("a group with a blank", "", USAGE, MISUSE, options="'to ols'"),
    Fault("a group that is blank", "", USAGE, MISUSE, options="''"),
    Fault("a group twice", options="tools"),
    Fault("all options", options="--verbose --lock-timeout 5 --install-timeout=600 --result /dev/null"),
]  # fmt: skip

KEPT = "echo mine >/root/kept;"
STAYS = "grep -vx mine /root/kept || :;"
WRITTEN = "{{ [ ! -L {0} ] && grep -qx status=0 {0}; }} || echo not written; ls {0}.* 2>/dev/null || :"


def result(
    name: str, path: str, cause: str = "", *, after: str = "", refused: bool = False, heal: str = "", writes: str = ""
) -> Fault:
    """A fault in which the result is to be at a path."""
    options = f"--result {path}"
    if refused:
        return Fault(name, cause, REFUSED, options=options, heal=heal)
    return Fault(name, cause, after=after, options=options, heal=heal, writes=[writes or path.strip("'")])


RESULTS = [
    result("a result", "/var/result", after=WRITTEN.format("/var/result")),
    result("a result in the place of another", "/var/result", "echo old >/var/result",
           after=WRITTEN.format("/var/result")),
    result("a result at a link", "/var/result", KEPT + "ln -s /root/kept /var/result",
           after=STAYS + WRITTEN.format("/var/result")),
    result("a result at a link in shared memory", "/dev/shm/x", KEPT + "ln -s /root/kept /dev/shm/x",
           after=STAYS + WRITTEN.format("/dev/shm/x")),
    result("a result at a link in dev", "/dev/x", KEPT + "ln -s /root/kept /dev/x",
           after=STAYS + WRITTEN.format("/dev/x")),
    result("a result at a link to nowhere", "/var/result", "ln -s /nowhere/x /var/result",
           after=WRITTEN.format("/var/result")),
    result("a result at a link to itself", "/var/result", "ln -s result /var/result",
           after=WRITTEN.format("/var/result")),
    result("a result in a linked folder", "/var/linked/result", "mkdir /var/real; ln -s real /var/linked",
           after="grep -qx status=0 /var/real/result || echo not written", writes="/var/real/result"),
    result("a result with a blank in its name", "'/var/a result'",
           after="grep -qx status=0 '/var/a result' || echo no"),
    result("a result that is relative", "result",
           after="grep -qx status=0 result || echo not written", writes="/result"),
    result("a result on null", "/dev/null", after="[ -c /dev/null ] || echo no device"),
    result("a result on standard output", "/dev/stdout", after="[ -L /dev/stdout ] || echo no link"),
    result("a result on a descriptor", "/dev/fd/1"),
    result("a result in a folder", "/var/results", "mkdir /var/results", refused=True),
    result("a result in a linked folder itself", "/var/linked", "mkdir /var/real; ln -s real /var/linked",
           refused=True),
    result("a result whose folder is missing", "/nowhere/result", refused=True),
    result("a result whose folder is a file", "/etc/passwd/result", refused=True),
    result("a result that ends with a slash", "/var/result/", refused=True),
    result("a result in a folder that is read-only", "/mnt/result", "mount -t tmpfs -o ro tmpfs /mnt", refused=True,
           heal="umount /mnt"),
    result("a result on a full disk", "/mnt/result",
           "mount -t tmpfs -o size=8k tmpfs /mnt; head -c 100000 /dev/zero >/mnt/full 2>/dev/null || :", refused=True,
           heal="umount /mnt"),
    result("a result on a disk without inodes", "/mnt/result",
           "mount -t tmpfs -o nr_inodes=2 tmpfs /mnt; : >/mnt/full", refused=True, heal="umount /mnt"),
    result("a result in proc", "/proc/result", refused=True),
    replace(result("a result at a pipe", "/var/result", "mkfifo /var/result"),
            expected=(ExitStatus.INSTALLED, ExitStatus.USAGE)),
    replace(result("a result on a device that is full", "/dev/full", after="[ -c /dev/full ] || echo no device"),
            expected=(ExitStatus.INSTALLED, *REFUSED)),
]  # fmt: skip


def copy(name: str, path: str, cache: str | None = None, *, shell: str = "", **fields: object) -> Fault:
    """A fault in which the cache is at another path, and is named in another way."""
    return Fault(name, f"cp -r /cache {path}; {shell}", cache=cache or path.strip("'"), **fields)  # type: ignore[arg-type]


PERHAPS = (ExitStatus.INSTALLED, ExitStatus.CACHE_MISSING, ExitStatus.USAGE)
CACHES = [
    copy("a cache at a relative path", "/own", "own", writes=[]),
    copy("a cache at a relative path with dots", "/own", "./usr/../own"),
    copy("a cache at a link", "/own", "/link", shell="ln -s own /link"),
    copy("a cache with a blank in its path", "'/own cache'"),
    copy("a cache with quotes in its path", "'/own\"cache'"),
    copy("a cache with a star in its path", "'/own*'"),
    copy("a cache with a dollar in its path", "'/own$(id)'"),
    copy("a cache with a backslash in its path", "'/own\\a'"),
    copy("a cache with a line end in its path", "'/own\ncache'", expected=PERHAPS),
    copy("a cache with letters of Unicode in its path", "'/own-é-中'"),
    copy("a cache that is read-only", "/own", shell="mount --bind /own /own; mount -o remount,bind,ro /own"),
    copy("a cache with an underscore and a percent in its path", "'/own_a%20b'"),
]  # fmt: skip
FAULTS = [*NUMBERS, *WORDS, *RESULTS, *CACHES]


@pytest.mark.parametrize("fault", spread(FAULTS, 9), ids=str)
def test_an_odd_value(fault: Fault, inject_in: InjectIn) -> None:
    inject_in("ubuntu18.04", fault)
