"""A dpkg that others work with, have left broken, or have given another opinion on packages."""

from pathlib import Path

import pytest
from tests.faults.conftest import SyntheticJob
from tests.faults.fault import FAILED, Fault, inject, on_systems
from tests.support.debs import make_deb
from tests.support.locks import FREE, held

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
NEWER = ("ubuntu18.04", "debian12")
"""Those whose dpkg has lock-frontend: from 1.19.1 on."""

OLD_LOCK, NEW_LOCK = "lock", "lock-frontend"
NO_PLAN = (ExitStatus.NO_PLAN,)
CANNOT = "cannot be combined"
HALF = "packages are half installed here"


def install(package: str) -> str:
    """Return the line by which others install a package, and perhaps fail."""
    return f"dpkg --force-depends -i /debs/{package}*.deb >/dev/null 2>&1 || :"


def mark(package: str, selection: str) -> str:
    """Return the line that holds a package, or no longer; dpkg wants a list of the available for that."""
    return f"touch /var/lib/dpkg/available; echo {package} {selection} | dpkg --set-selections"


def locked(name: str, lock: str, *, for_ever: bool, systems: tuple[str, ...]) -> Fault:
    """A fault in which another process has a lock of dpkg's."""
    if for_ever:
        why, options = "dpkg was locked for 2 s", "--lock-timeout 2"
        return Fault(name, held(lock), (ExitStatus.DPKG_LOCKED,), why, FREE, options=options, systems=systems)
    return Fault(name, held(lock, 6), says="waiting for it, at most", systems=systems)


def left_broken(name: str, cause: str, heal: str = "") -> Fault:
    """A fault in which others left dpkg as it cannot be gone on with, until `heal`."""
    return Fault(name, cause, (ExitStatus.DPKG_BROKEN,), HALF, heal, sane=False)


FAULTS = [
    locked("locked for 6 s", OLD_LOCK, for_ever=False, systems=("ubuntu16.04", *NEWER)),
    locked("its frontend locked for 6 s", NEW_LOCK, for_ever=False, systems=NEWER),
    locked("locked for ever", OLD_LOCK, for_ever=True, systems=("ubuntu16.04", *NEWER)),
    locked("its frontend locked for ever", NEW_LOCK, for_ever=True, systems=NEWER),
    left_broken("half-configured", "touch /var/broken; " + install("half"), "rm /var/broken"),
    left_broken(
        "half-installed",
        "touch /var/broken; " + install("stuck"),
        "rm /var/broken; dpkg --purge --force-remove-reinstreq stuck",
    ),
    left_broken("unpacked", "dpkg --unpack /debs/half_*.deb"),
    left_broken("a dependency unmet", install("unmet"), "dpkg --purge unmet"),
    left_broken(
        "killed in the middle",
        "printf 'Package: half\\nStatus: install ok unpacked\\nVersion: 1\\nArchitecture: all\\nMaintainer: x\\n"
        "Description: x\\n\\n' > /var/lib/dpkg/updates/0001",
        "rm /var/lib/dpkg/updates/0001",
    ),
    Fault("pending triggers", install("watcher") + "; dpkg --no-triggers --unpack /debs/watched_*.deb;"
          "dpkg --no-triggers --configure watched", sane=False),
    Fault("its status file cut", "cp -p /var/lib/dpkg/status /root; head -c 1000 /root/status >/var/lib/dpkg/status",
          (ExitStatus.DPKG_BROKEN, ExitStatus.NO_PLAN), heal="cp -p /root/status /var/lib/dpkg/status", sane=False),
    Fault("a field of its status file twice", "cp -p /var/lib/dpkg/status /root;"
          " sed -i '0,/^Version/s/^Version/Version: 1\\nVersion/' /var/lib/dpkg/status", (ExitStatus.DPKG_BROKEN,),
          "dpkg cannot read its database: parsing file", "cp -p /root/status /var/lib/dpkg/status", sane=False),
    Fault("its status file without its last line end", "cp -p /var/lib/dpkg/status /root;"
          " printf 'Package: x\\nStatus: install ok installed' >>/var/lib/dpkg/status", (ExitStatus.DPKG_BROKEN,),
          "dpkg cannot read its database: ", "cp -p /root/status /var/lib/dpkg/status", sane=False),
    Fault("an override for a group that is gone", "echo root gone 2755 /usr/bin/x >>/var/lib/dpkg/statoverride",
          (ExitStatus.DPKG_BROKEN,), "statoverride", "sed -i '/ gone /d' /var/lib/dpkg/statoverride", sane=False),
    Fault("its old status and list of the available gone", "rm -f /var/lib/dpkg/status-old /var/lib/dpkg/available*"),
    Fault("told to do nothing", "echo no-act >/etc/dpkg/dpkg.cfg.d/none", FAILED,
          "dpkg does not have installed: wanted", "rm /etc/dpkg/dpkg.cfg.d/none"),
    Fault("an older version held", install("needed_0.5") + ";" + mark("needed", "hold"), NO_PLAN,
          CANNOT, mark("needed", "install")),
    Fault("the wanted one held", install("wanted") + ";" + install("library_1.0_amd64") + ";"
          + install("needed_1.0") + ";" + install("confy") + ";dpkg --configure -a;" + mark("wanted", "hold"),
          says="already there"),
    Fault("pinned", "printf 'Package: *\\nPin: version 9*\\nPin-Priority: 1001\\n' >/etc/apt/preferences; "
          "printf 'Package: wanted\\nPin: version *\\nPin-Priority: -1\\n' >/etc/apt/preferences.d/never"),
    Fault("a file diverted", "dpkg-divert --quiet --add --rename --divert /usr/share/mine /usr/share/needed",
          after="[ -e /usr/share/mine ] || echo not diverted", writes=["/usr/share/mine"]),
    Fault("the provided file diverted", "dpkg-divert --quiet --add --rename --divert /usr/bin/mine /usr/bin/wanted",
          FAILED, "the file /usr/bin/wanted is not there",
          "dpkg-divert --quiet --rename --remove /usr/bin/wanted"),
    Fault("an older version installed", install("needed_0.5")),
    Fault("a newer version installed", install("needed_3.0"), after="grep -vw newer /usr/share/needed || :"),
    Fault("an exact version that cannot be", install("library_2.0_amd64"), NO_PLAN, CANNOT, "dpkg --purge library"),
    Fault("another one that needs an exact version", install("library_2.0_amd64") + ";" + install("exact"),
          NO_PLAN, CANNOT, "dpkg --purge exact library"),
    Fault("a foreign architecture", "dpkg --add-architecture i386"),
    Fault("the library of a foreign architecture", "dpkg --add-architecture i386; " + install("library_1.0_i386"),
          after="dpkg -s library:i386 | grep -q 'ok installed' || echo gone"),
    Fault("a newer library of a foreign architecture", "dpkg --add-architecture i386; "
          + install("library_2.0_i386"), NO_PLAN, CANNOT, "dpkg --purge library:i386"),
    Fault("a conflicting package", install("enemy"), NO_PLAN, CANNOT, "dpkg --purge enemy"),
    Fault("a package that breaks another", install("breaker"), NO_PLAN, CANNOT, "dpkg --purge breaker"),
    Fault("removed before, its conffiles left", install("confy") + "; dpkg --remove confy"),
]  # fmt: skip


def debs_of(folder: Path) -> dict[str, list[Path]]:
    """Make the group's packages, and those of others."""
    group = [
        make_deb(folder, "wanted", depends="needed (>= 1.0), library (= 1.0), confy", files={"/usr/bin/wanted": "#!"}),
        make_deb(folder, "needed", files={"/usr/share/needed": "as it should be\n"}),
        make_deb(folder, "library", "1.0", "amd64", Multi_Arch="same"),
        make_deb(folder, "confy", files={"/etc/confy": "plain\n"}, conffiles=["/etc/confy"]),
    ]
    others = [
        make_deb(folder, "needed", "3.0", files={"/usr/share/needed": "newer\n"}),
        make_deb(folder, "needed", "0.5", files={"/usr/share/needed": "older\n"}),
        make_deb(folder, "library", "2.0", "amd64", Multi_Arch="same"),
        make_deb(folder, "library", "1.0", "i386", Multi_Arch="same"),
        make_deb(folder, "library", "2.0", "i386", Multi_Arch="same"),
        make_deb(folder, "exact", depends="library (= 2.0)"),
        make_deb(folder, "enemy", Conflicts="wanted"),
        make_deb(folder, "breaker", Breaks="needed (>= 1.0)"),
        make_deb(folder, "half", scripts={"postinst": "[ ! -e /var/broken ]"}),
        make_deb(folder, "stuck", scripts=dict.fromkeys(("preinst", "postrm"), "[ ! -e /var/broken ]")),
        make_deb(folder, "unmet", depends="nothing-has-this-name"),
        make_deb(folder, "watcher", scripts={"triggers": "interest /usr/share/watched\n", "postinst": "exit 0"}),
        make_deb(folder, "watched", files={"/usr/share/watched/file": "1"}),
    ]
    return {"debs": group, "others": others}


@on_systems(FAULTS, 14)
def test_a_dpkg_that_is_odd(fault: Fault, system: str, synthetic_job: SyntheticJob, tmp_path: Path) -> None:
    inject(synthetic_job(["wanted"], **debs_of(tmp_path), provides=["/usr/bin/wanted"], system=system), fault)
