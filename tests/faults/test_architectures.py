"""Roots with packages of two architectures, also of one name."""

from pathlib import Path
from typing import Any

import pytest
from tests.faults.conftest import SyntheticJob
from tests.faults.fault import FAILED, Fault, inject, on_systems
from tests.support.debs import make_deb

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
UNDONE = "undone: the new packages were removed"
BOTH = "dpkg --add-architecture i386;"
FAIL = "touch /var/fail;"
HEAL = "rm -f /var/fail"


def have(*packages: str) -> str:
    """Return the line by which packages come before."""
    return "dpkg -i " + " ".join(f"/debs/{package}.deb" for package in packages) + " >/dev/null;"


def here(*names: str) -> str:
    """Return lines that print those of some packages that are not installed."""
    return "".join(f"dpkg-query -W -f '${{db:Status-Abbrev}}' {name} | grep -q '^ii' || echo {name};" for name in names)


def mark(*names: str, how: str = "auto") -> str:
    """Return the line that marks packages."""
    return f"apt-mark {how} {' '.join(names)} >/dev/null;"


AMD64, I386, OLD_AMD64, OLD_I386 = "library_1.0_amd64", "library_1.0_i386", "library_0.5_amd64", "library_0.5_i386"
CONFIGURATION = "the configuration of one of i386"
CAUSES = {
    "nothing there": ("", ()),
    "the library of amd64": (have(AMD64), ("library:amd64",)),
    "the library of i386": (have(I386), ("library:i386",)),
    "both libraries": (have(AMD64, I386), ("library:amd64", "library:i386")),
    "the library of amd64, automatic": (have(AMD64) + mark("library:amd64"), ("library:amd64",)),
    "the library of i386, automatic": (have(I386) + mark("library:i386"), ("library:i386",)),
    "both libraries, one automatic": (have(AMD64, I386) + mark("library:i386"), ("library:amd64", "library:i386")),
    CONFIGURATION: (have(I386) + "dpkg --remove library:i386 >/dev/null;", ()),
}
FAULTS = [
    *(Fault(name, BOTH + cause, after=here(*there)) for name, (cause, there) in CAUSES.items()),
    *(Fault(f"{name}, and a failure", BOTH + FAIL + cause, FAILED, UNDONE, HEAL, after=here(*there))
      for name, (cause, there) in CAUSES.items() if name != CONFIGURATION),
    Fault(f"{CONFIGURATION}, and a failure", BOTH + FAIL + CAUSES[CONFIGURATION][0], FAILED, UNDONE,
          # else apt's order of unpacking fails there, also when nothing was done before
          f"{HEAL}; dpkg --purge library:i386 >/dev/null"),
    *(Fault(f"{name}, and what it needs upgraded", BOTH + cause, after=here("library:i386", *there))
      for name, (cause, *there) in {"an old one of amd64": (have(OLD_AMD64), "library:amd64"),
                                    "an old one of i386": (have(OLD_I386),),
                                    "old ones": (have(OLD_AMD64, OLD_I386), "library:amd64")}.items()),
    Fault("the wanted one fails in i386 only", BOTH + FAIL + have("wanted_1.0_amd64", AMD64, "plain_1.0_all"), FAILED,
          UNDONE, HEAL, after=here("library:amd64", "wanted:amd64", "plain")),
    Fault("i386 is not taken here", "", (ExitStatus.NO_PLAN,), "i386", "dpkg --add-architecture i386"),
]  # fmt: skip


def debs_of(folder: Path) -> dict[str, list[Path]]:
    """Make `wanted` of two architectures, each with a library of its own, and versions of the library."""
    fails = {"postinst": "[ ! -e /var/fail ] || [ $DPKG_MAINTSCRIPT_ARCH != i386 ]"}
    same: dict[str, Any] = {"Multi_Arch": "same"}
    conf: dict[str, Any] = {"files": {"/etc/library.ini": "1\n"}, "conffiles": ["/etc/library.ini"]}
    group = [
        *(make_deb(folder, "wanted", "1.0", arch, "library, plain", {"/usr/share/doc/wanted": "x"}, fails, **same)
          for arch in ("amd64", "i386")),
        *(make_deb(folder, "library", "1.0", arch, **conf, **same) for arch in ("amd64", "i386")),
        make_deb(folder, "plain", Multi_Arch="foreign"),
    ]  # fmt: skip
    old = [make_deb(folder, "library", "0.5", arch, **same) for arch in ("amd64", "i386")]
    return {"debs": group, "others": old}


REQUESTS = {"i386": ["wanted:i386"], "both": ["wanted", "wanted:i386"]}


@pytest.mark.parametrize("asked", REQUESTS)
@on_systems(FAULTS, 5)
def test_two_architectures(fault: Fault, system: str, asked: str, synthetic_job: SyntheticJob, tmp_path: Path) -> None:
    inject(synthetic_job(REQUESTS[asked], **debs_of(tmp_path), system=system), fault)
