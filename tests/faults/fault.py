"""A fault as a row of a table, the packages that a job with it wants, and its injection."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.faults.job import Job
from tests.faults.judge import Terms, conclude, judge
from tests.faults.spread import spread
from tests.faults.state import look
from tests.faults.verdicts import Verdict, verdict
from tests.support.debs import make_deb

from package_cache.exit_codes import ExitStatus

SYSTEMS = ("ubuntu16.04", "ubuntu18.04", "debian12")
REAL_JOBS = (("ubuntu16.04", "ssh"), ("ubuntu18.04", "ssh"), ("debian12", "nfs"))
"""Systems, and a group of real packages for each."""
FAILED, READ_ONLY = (ExitStatus.INSTALL_FAILED,), (ExitStatus.READ_ONLY,)


@dataclass(frozen=True)
class Fault(Terms):
    """What is done to a container before the command runs in it, and which result is expected."""

    name: str
    cause: str = ""
    """Lines of shell, run in the container before."""
    expected: Sequence[ExitStatus] = (ExitStatus.INSTALLED,)
    says: str = ""
    """What the output has among others."""
    heal: str = ""
    """Lines of shell, run in the container after the judgement, before the fallback: a full disk stays full."""
    after: str = ""
    """Lines of shell that print what is wrong with the result."""
    options: str = ""
    """More of the installer's."""
    systems: Sequence[str] = SYSTEMS
    env: Mapping[str, str] = field(default_factory=dict)
    shell: Sequence[str] = ("sh", "-c")
    packages: Sequence[dict[str, Any]] = ()
    """What make_deb takes, beside the name, which is `wanted` where there is none; without any: those of `careful`."""
    others: Sequence[dict[str, Any]] = ()
    """Packages that lie in /debs."""
    provides: Sequence[str] = ()
    architecture: str = "amd64"
    """Of the group in the cache."""
    cache: str = "/cache"
    """Where the cache is: a copy, unless it is this."""
    without: str = ""
    """Capabilities that the container's root does not have."""

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def scripts(**named: str) -> list[dict[str, Any]]:
    """Return `wanted` with maintainer scripts."""
    return [{"depends": "harmless", "scripts": named}]


BUSY = ": >/var/busy; until ls -d /run/package-cache.*; do sleep 0.1; done >/dev/null 2>&1; sleep 2"
"""Until 2 s after an installer has come."""
CAREFUL = """
[ "$(umask)" = 0022 ] || { echo "the umask is $(umask)"; exit 1; }
temporary=$(mktemp); rm "$temporary"
[ ! -x /bin/bash ] || bash -c :
[ ! -x /usr/bin/perl ] || perl -e 1
policy=0; /usr/sbin/policy-rc.d daemon start || policy=$?
[ "$policy" = 101 ] || : >/var/started
"""
FAILS = "[ ! -e /var/fail ]"
NOT_STARTED = "ls /var/started /var/owned 2>/dev/null || :\n"
FILES = {"/usr/bin/wanted": "#!/bin/sh\n", "/opt/wanted/file": "x", "/usr/share/doc/wanted/copyright": "free\n"}


POLICY = "/usr/sbin/policy-rc.d"


def policy(line: str, mode: int = 755) -> str:
    """Return lines of shell that make the image's own policy-rc.d, of one line."""
    return f"printf '#!/bin/sh\\n{line}\\n' >{POLICY}; chmod {mode} {POLICY};"


def careful(folder: Path) -> dict[str, Any]:
    """Make packages that notice in what surroundings their scripts run: what a synthetic job takes.

    In /debs lie an older version, one that fails, and one that takes 2 s.
    """
    conf: dict[str, Any] = {"conffiles": ["/etc/needed.ini"]}
    group = [
        make_deb(folder, "wanted", depends="needed (>= 1)", files=FILES, scripts={"postinst": FAILS}),
        make_deb(folder, "needed", files={"/etc/needed.ini": "new\n"}, scripts={"postinst": CAREFUL}, **conf),
    ]
    others = [
        make_deb(folder, "needed", "0.1", files={"/etc/needed.ini": "old\n"}, **conf),
        make_deb(folder, "half", scripts={"postinst": "[ ! -e /var/broken ]"}),
        make_deb(folder, "busy", scripts={"postinst": BUSY}),
    ]
    return {"requests": ["wanted"], "debs": group, "others": others, "provides": ["/usr/bin/wanted"]}


def hostile(fault: Fault, folder: Path) -> dict[str, Any]:
    """Make a fault's packages: what a synthetic job takes. Its fallback's repository has them repaired, and newer."""
    debs = [make_deb(folder / "debs", **{"name": "wanted", **given}) for given in fault.packages]
    debs.append(make_deb(folder / "debs", "harmless", files={"/usr/share/harmless": "x"}))
    others = [make_deb(folder / "others", **given) for given in fault.others]
    files = dict.fromkeys(fault.provides, "mended")
    mended = [
        make_deb(folder / "mended", given.get("name", "wanted"), "9", depends=given.get("depends", ""), files=files)
        for given in fault.packages
    ]
    requests = [str(given.get("name", "wanted")) for given in fault.packages]
    return {"requests": requests, "debs": debs, "mended": mended, "others": others, "provides": fault.provides}


def open_job(fault: Fault, system: str, synthetic_job: Callable[..., Job], folder: Path) -> Job:
    """Open a job that wants the fault's packages."""
    made = hostile(fault, folder) if fault.packages else careful(folder)
    job = synthetic_job(**made, system=system, architecture=fault.architecture)
    job.cache = fault.cache
    if fault.without:
        job.drop(fault.without)
    return job


def inject(job: Job, fault: Fault) -> None:
    """Cause the fault, run the command, judge the result, and check that the fallback works where it is needed."""
    job.room.sh(fault.cause)
    before = look(job)
    job.options = fault.options
    done = job.run(env=fault.env, shell=fault.shell)
    status = judge(job, done, before, allowed=fault.expected, says=fault.says, terms=fault)
    with verdict(Verdict.OTHER):
        found = job.room.sh(NOT_STARTED + fault.after)
        assert found == "", f"{found}{done.stdout}{done.stderr}"
    conclude(job, status, fault.heal, sane=fault.sane)


def on_systems(faults: Sequence[Fault], few: int) -> pytest.MarkDecorator:
    """Make a row of each fault with each of its systems, or of `few` of them."""
    rows = [(fault, system) for fault in faults for system in fault.systems]
    return pytest.mark.parametrize(("fault", "system"), spread(rows, few), ids=str)


def on_real_jobs(name: str, values: Sequence[object], few: int) -> pytest.MarkDecorator:
    """Make a row of each value with each real job, or of `few` of them."""
    return pytest.mark.parametrize((name, "job"), spread(list(itertools.product(values, REAL_JOBS)), few), ids=str)
