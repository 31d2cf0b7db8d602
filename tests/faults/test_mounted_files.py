"""Single files that are mounts, as those of a ConfigMap are, or that cannot be written."""

from pathlib import Path

import pytest
from tests.faults.conftest import InjectIn, SyntheticJob
from tests.faults.fault import FAILED, FILES, READ_ONLY, Fault, inject, on_systems, policy
from tests.faults.fault import POLICY as P
from tests.support.debs import make_deb

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
PERHAPS = (ExitStatus.INSTALLED, ExitStatus.INSTALL_FAILED)
COULD_START = "cannot keep services from starting"
YES, NO, HANGS = policy("exit 0"), policy("exit 101"), policy("exec sleep 1000")
BIND = "mount --bind {0} {0};"
RO = BIND + "mount -o remount,bind,ro {0};"
NOEXEC = BIND + "mount -o remount,bind,noexec {0};"
UNMOUNT = "umount -l {0}"
SBIN = "/usr/sbin"


def refused(name: str, cause: str, heal: str = UNMOUNT.format(P)) -> Fault:
    """A fault for which services could start, so that nothing is installed."""
    return Fault(name, cause, READ_ONLY, COULD_START, heal)


POLICIES = [
    refused("a policy that says yes, mounted", YES + BIND.format(P)),
    refused("a policy that says yes, mounted read-only", YES + RO.format(P)),
    Fault("a policy that says no, mounted", NO + BIND.format(P)),
    Fault("a policy that says no, mounted read-only", NO + RO.format(P)),
    refused("a policy that says no, of which nothing may run", NO + NOEXEC.format(P)),
    refused("a policy that says no, without the right to run", NO + f"chmod 644 {P};" + RO.format(P)),
    refused("a policy that is empty, mounted", f": >{P}; chmod 755 {P};" + RO.format(P)),
    refused("a policy that hangs, mounted", HANGS + BIND.format(P), UNMOUNT.format(P) + f"; rm {P}"),
    refused("a policy that is a folder, mounted", f"mkdir {P};" + BIND.format(P)),
    refused("a policy that is a null device, mounted", f": >{P}; mount --bind /dev/null {P}"),
    refused("a policy that cannot be changed", YES + f"chattr +i {P} 2>/dev/null || mount --bind {P} {P}",
            f"chattr -i {P} 2>/dev/null || umount -l {P}"),
    refused("no policy, and a sbin that is read-only", RO.format(SBIN), UNMOUNT.format(SBIN)),
    Fault("a policy that says yes, and a sbin that is read-only", YES + RO.format(SBIN), READ_ONLY,
          heal=UNMOUNT.format(SBIN)),
    Fault("a policy that says no, and a sbin that is read-only", NO + RO.format(SBIN), heal=UNMOUNT.format(SBIN)),
    Fault("a link to a policy that says yes, mounted",
          f"printf '#!/bin/sh\\nexit 0\\n' >/etc/policy; chmod 755 /etc/policy; ln -s /etc/policy {P};"
          + BIND.format("/etc/policy")),
]  # fmt: skip
FILES_OF_ETC = [
    Fault("users, read-only", RO.format("/etc/passwd")),
    Fault("users and groups, read-only", RO.format("/etc/passwd") + RO.format("/etc/group") + RO.format("/etc/shadow")),
    *(Fault(f"{path}, {how}", f"[ -e {path} ] || : >{path};" + mount.format(path))
      for path in ("/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/etc/localtime", "/etc/machine-id")
      for how, mount in (("mounted", BIND), ("read-only", RO))),
    Fault("the list of sources, read-only", RO.format("/etc/apt/sources.list")),
    Fault("apt's marks, mounted", BIND.format("/var/lib/apt/extended_states"), no_marks="no file can replace a mount"),
    Fault("the package's own conffile, mounted", "echo mine >/etc/needed.ini;" + BIND.format("/etc/needed.ini"),
          PERHAPS, heal=UNMOUNT.format("/etc/needed.ini"),
          after="grep -vx mine /etc/needed.ini || :"),
    Fault("the package's own program, mounted", ": >/usr/bin/wanted;" + BIND.format("/usr/bin/wanted"), FAILED,
          "undone: ", UNMOUNT.format("/usr/bin/wanted")),
    Fault("dpkg's log, read-only", ": >>/var/log/dpkg.log;" + RO.format("/var/log/dpkg.log"),
          PERHAPS, heal=UNMOUNT.format("/var/log/dpkg.log")),
    Fault("the libraries' cache, mounted", BIND.format("/etc/ld.so.cache")),
    Fault("the temporary folder, read-only", RO.format("/tmp") + RO.format("/var/tmp"),
          PERHAPS, heal=UNMOUNT.format("/tmp /var/tmp")),
]  # fmt: skip
FAULTS = [*POLICIES, *FILES_OF_ETC]
USERS = [
    Fault("users, read-only, and a package that adds one", RO.format("/etc/passwd"), FAILED, "undone: ",
          UNMOUNT.format("/etc/passwd"), writes=["/etc/.pwd.lock"]),
    Fault("users, mounted, and a package that adds one", BIND.format("/etc/passwd"), FAILED, "undone: ",
          UNMOUNT.format("/etc/passwd"), writes=["/etc/.pwd.lock", "/etc/passwd+"]),
]  # fmt: skip


@on_systems(FAULTS, 7)
def test_a_file_that_is_a_mount(fault: Fault, system: str, inject_in: InjectIn) -> None:
    inject_in(system, fault)


@on_systems(USERS, 2)
def test_a_file_of_users_that_is_a_mount(
    fault: Fault, system: str, synthetic_job: SyntheticJob, tmp_path: Path
) -> None:
    scripts = {"postinst": "useradd --system wanted", "postrm": "! id wanted >/dev/null 2>&1 || userdel wanted"}
    debs = [make_deb(tmp_path, "wanted", files=FILES, scripts=scripts)]
    inject(synthetic_job(["wanted"], debs, system=system), fault)
