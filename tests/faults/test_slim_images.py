"""Images of which parts were stripped: dpkg's lists and hashes, documentation, manuals, locales."""

import pytest
from tests.faults.conftest import InjectIn, RealJob
from tests.faults.fault import FAILED, Fault, inject, on_real_jobs, on_systems

pytestmark = pytest.mark.injection
EXCLUDES = "".join(f"path-exclude={path}/*\\n" for path in ("/usr/share/doc", "/usr/share/man", "/usr/share/locale"))
SLIM = {
    "no md5sums": "rm -f /var/lib/dpkg/info/*.md5sums",
    "no md5sums of one package": "rm -f /var/lib/dpkg/info/tar.md5sums",
    "no list of a package": "rm -f /var/lib/dpkg/info/hostname.list",
    "no lists and no md5sums of some": "rm -f /var/lib/dpkg/info/[m-s]*.list /var/lib/dpkg/info/*.md5sums",
    "no documentation, manuals and locales": "rm -rf /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info",
    "paths excluded": f"printf '{EXCLUDES}' >/etc/dpkg/dpkg.cfg.d/slim",
    "no logs, no caches, no lists": "rm -rf /var/log/* /var/cache/* /var/lib/apt/lists",
    "no debconf": "rm -rf /var/cache/debconf",
    "no templates": "rm -f /var/lib/dpkg/info/*.templates /var/lib/dpkg/info/*.config",
    "no old status, no list of the available": "rm -rf /var/lib/dpkg/*-old /var/lib/dpkg/available*",
    "no alternatives, diversions and overrides": "rm -rf /var/lib/dpkg/alternatives/* /var/lib/dpkg/diversions*"
    " /var/lib/dpkg/statoverride*",
    "all of these": "rm -rf /var/lib/dpkg/info/*.md5sums /var/lib/dpkg/info/hostname.list /usr/share/doc /usr/share/man"
    " /usr/share/locale /var/log/* /var/cache/* /var/lib/dpkg/*-old",
}
AUDIT = "; dpkg --audit >/root/audit 2>&1"
SAME = "dpkg --audit >/root/now 2>&1; cmp /root/audit /root/now;"
FAIL = "; touch /var/fail"
LISTS = ["/var/lib/dpkg/info/*.list"]
"""dpkg strikes folders that are gone from the lists of those that had them."""
FAULTS = [
    *(Fault(name, cause + AUDIT, after=SAME, sane=False, writes=LISTS) for name, cause in SLIM.items()),
    *(Fault(f"{name}, and a failure", cause + AUDIT + FAIL, FAILED, "undone: ", "rm /var/fail", after=SAME, sane=False,
            writes=LISTS)
      for name, cause in SLIM.items()),
]  # fmt: skip


@on_systems(FAULTS, 6)
def test_an_image_that_is_slim(fault: Fault, system: str, inject_in: InjectIn) -> None:
    inject_in(system, fault)


@on_real_jobs("fault", FAULTS[: len(SLIM)], 2)
def test_a_real_group_in_an_image_that_is_slim(fault: Fault, job: tuple[str, str], real_job: RealJob) -> None:
    inject(real_job(*job), fault)
