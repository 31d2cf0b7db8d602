"""Installers that were broken on purpose: the judgement names what each of them does wrong."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.conftest import SyntheticJob
from tests.faults.fault import inject
from tests.faults.hostile import Hostile, open_hostile, scripts
from tests.faults.verdicts import BrokenError, Verdict

from package_cache.values.statuses import ExitStatus

FAILED = (ExitStatus.INSTALL_FAILED,)


@dataclass(frozen=True)
class Broken:
    """A line of the installer and what stands in its place, and the fault by which that shows."""

    name: str
    line: str
    instead: str
    fault: Hostile
    found: Verdict

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


POSTINST_FAILS = Hostile("postinst fails", expected=FAILED, packages=scripts(postinst="exit 3"))
TRIGGER_FAILS_ONCE = Hostile(
    "a trigger of another package fails once",
    "dpkg -i /debs/watcher_*.deb",
    packages=[{"files": {"/usr/share/watched/file": "x"}}],
    others=[
        {
            "name": "watcher",
            "scripts": {"triggers": "interest /usr/share/watched\n", "postinst": "[ $1 != triggered ]"},
        }
    ],
)
OTHER_BYTES = Hostile(
    "the same package with other bytes",
    "for f in /own/pool/*; do cp /debs/wanted_1.0_all.deb $f; done",
    (ExitStatus.CACHE_DAMAGED,),
    packages=[{}],
    others=[{"name": "wanted", "files": {"/usr/share/evil": "x"}}],
)
ROWS = [
    Broken(
        "no look at the end",
        'check_all || fail "${wrong}"',
        ":",
        Hostile("provides nothing", expected=FAILED, provides=["/usr/bin/nothing"], packages=[{}]),
        Verdict.UNTRUE,
    ),
    Broken("no hash of a package", "            verify\n", "            :\n", OTHER_BYTES, Verdict.WRONG_REASON),
    Broken("deaf to dpkg's status", "met_lock || return 2", "return 0", TRIGGER_FAILS_ONCE, Verdict.STRAY),
    Broken(
        "the database lost while undoing",
        "    take_back\n    if is_sane",
        '    rm "${DPKG_STATE}/status"\n    if is_sane',
        POSTINST_FAILS,
        Verdict.NOT_UNDONE,
    ),
    Broken("undone in words only", "    take_back\n    if is_sane", "    if :", POSTINST_FAILS, Verdict.NOT_UNDONE),
    Broken(
        "a policy left",
        "    release_policy\n    [",
        "    [",
        POSTINST_FAILS,
        Verdict.NOT_UNDONE,
    ),
    Broken(
        "notes left",
        "        touched=no\n        installed",
        "        touched=no; run=; installed",
        Hostile("none"),
        Verdict.STRAY,
    ),
    Broken(
        "what is in the way removed",
        "-y --no-remove --print-uris install",
        "-y --print-uris install",
        Hostile(
            "a conflicting package",
            "dpkg -i /debs/enemy_*.deb",
            (ExitStatus.NO_PLAN,),
            packages=[{"Conflicts": "enemy", "Replaces": "enemy", "Provides": "enemy"}],
            others=[{"name": "enemy"}],
        ),
        Verdict.STRAY,
    ),
    Broken(
        "something changed before the plan",
        "    make_work\n    link_indexes",
        "    make_work; touch /etc/debian_version; link_indexes",
        Hostile("no plan", expected=(ExitStatus.NO_PLAN,), packages=[{"depends": "nothing-has-this-name"}]),
        Verdict.TOUCHED,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_is_wrong_is_named(row: Broken, synthetic_job: SyntheticJob, tmp_path: Path) -> None:
    job = open_hostile(row.fault, "ubuntu18.04", synthetic_job, tmp_path)
    installer = job.room.sh("cat /cache/install_group.sh")
    assert installer.count(row.line) == 1, "the line to break is not there once"
    job.room.sh("cp -r /cache /own")
    job.cache = "/own"
    job.room.container.path("/own/install_group.sh").write_text(installer.replace(row.line, row.instead))
    with pytest.raises(BrokenError) as caught:
        inject(job, row.fault)
    assert caught.value.verdict is row.found, str(caught.value)
