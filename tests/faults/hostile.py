"""Faults that are packages: what is in them, and a job that wants them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.conftest import SyntheticJob
from tests.faults.fault import Fault
from tests.faults.job import Job
from tests.support.debs import make_deb


@dataclass(frozen=True)
class Hostile(Fault):
    """A fault that is a package `wanted`, or what it depends on; all else of the group is harmless."""

    packages: Sequence[dict[str, Any]] = ({},)
    """What make_deb takes, beside the name, which is `wanted` where there is none."""
    others: Sequence[dict[str, Any]] = ()
    """Packages that lie in /debs."""
    provides: Sequence[str] = ()

    __str__ = Fault.__str__


def scripts(**named: str) -> list[dict[str, Any]]:
    """Return `wanted` with maintainer scripts."""
    return [{"depends": "harmless", "scripts": named}]


def open_hostile(fault: Hostile, system: str, synthetic_job: SyntheticJob, folder: Path) -> Job:
    """Open a job that wants the fault's packages; its fallback's repository has them repaired, and newer."""
    debs = [make_deb(folder / "debs", **{"name": "wanted", **given}) for given in fault.packages]
    debs.append(make_deb(folder / "debs", "harmless", files={"/usr/share/harmless": "x"}))
    others = [make_deb(folder / "others", **given) for given in fault.others]
    files = dict.fromkeys(fault.provides, "mended")
    mended = [
        make_deb(folder / "mended", given.get("name", "wanted"), "9", depends=given.get("depends", ""), files=files)
        for given in fault.packages
    ]
    requests = [str(given.get("name", "wanted")) for given in fault.packages]
    return synthetic_job(requests, debs, mended=mended, others=others, provides=fault.provides, system=system)
