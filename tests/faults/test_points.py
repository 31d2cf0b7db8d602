"""Signals at the beginning and end of each function of the installer, and of each branch and loop.

Each of these points counts itself when it is reached. At the one whose number is PACKAGE_CACHE_POINT the installer
sends itself the signal PACKAGE_CACHE_SIGNAL. Each writes its number and line to the file PACKAGE_CACHE_POINTS, if set.
"""

import itertools
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.faults.conftest import SyntheticJob
from tests.faults.job import Job
from tests.faults.judge import Terms, assert_none, judge
from tests.faults.spread import spread
from tests.faults.state import State, look
from tests.faults.verdicts import BrokenError, Verdict, verdict
from tests.support.debs import make_deb

from package_cache.exit_codes import ExitStatus

pytestmark = pytest.mark.injection
HOOK = r"""
POINT=0
_point() {
    _point_status=$?
    POINT=$((POINT + 1))
    [ -z "${PACKAGE_CACHE_POINTS-}" ] || echo "${POINT} $1" >>"${PACKAGE_CACHE_POINTS}"
    [ "${POINT}" != "${PACKAGE_CACHE_POINT-0}" ] || kill -s "${PACKAGE_CACHE_SIGNAL}" "$$"
    return "${_point_status}"
}
"""
"""Stands before the first function. It hands on the status that it found, since the last one is a function's own."""

HEAD = re.compile(r"^\w+\(\) \{$")
QUOTED = re.compile(r"^[A-Z_]+='$")
"""The first line of a program in another language, which ends with a quote on a line of its own."""
BLOCK = re.compile(r"^(?!\s*#).*(?:(?:^|;)\s*(?:do|then)|^\s*else)$")


def with_points(installer: str) -> str:
    """Return the text of an installer with points in it."""
    lines: list[str] = []
    here_document = ""
    for number, line in enumerate(installer.splitlines(), 1):
        if here_document:
            here_document = "" if line == here_document else here_document
            lines.append(line)
            continue
        if HEAD.match(line) and HOOK not in lines:
            lines.append(HOOK)
        if line == "}":
            lines.append(f"_point {number}")
        lines.append(line)
        if HEAD.match(line) or BLOCK.match(line):
            lines.append(f"_point {number}")
        found = re.search(r"<<'?(\w+)'?$", line)
        here_document = found[1] if found else "'" if QUOTED.match(line) else ""
    return "\n".join(lines) + "\n"


SHELLS = {"dash": "ln -sf dash /bin/sh", "bash": "ln -sf bash /bin/sh", "busybox": "ln -sf /busybox /bin/sh"}
FEW = 4
"""Of the points of a row in a quick run."""


@dataclass(frozen=True)
class Scene:
    """What the installer is doing when the signal comes."""

    name: str
    status: ExitStatus
    """Of a run that no signal disturbs."""
    scripts: str = ""
    """The postinst of `wanted`."""
    setup: str = ""
    """Lines of shell, run once."""
    cause: str = ""
    """Lines of shell, run before each injection."""
    reset: str = ""
    """Lines of shell, run after an injection after which the group is installed."""

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


PURGE = "dpkg --purge wanted needed early >/dev/null 2>&1; cp -p /root/marks /var/lib/apt/extended_states"
KILLED = """
PACKAGE_CACHE_POINT=$(cat /root/middle) PACKAGE_CACHE_SIGNAL=KILL sh /own/install_group.sh --cache /own tools \
    >/dev/null 2>&1 || :"""
SCENES = (
    Scene("installs", ExitStatus.INSTALLED, reset=PURGE),
    Scene("fails and undoes", ExitStatus.INSTALL_FAILED, scripts="exit 3", reset=PURGE),
    Scene("finds all there", ExitStatus.INSTALLED, setup="sh /own/install_group.sh --cache /own tools >/dev/null"),
    Scene("recovers what a killed one left", ExitStatus.INSTALLED, cause=KILLED, reset=PURGE),
)


def group(folder: Path, postinst: str) -> dict[str, Any]:
    """Make packages one of which must be configured before another is unpacked."""
    debs = [
        make_deb(folder, "wanted", depends="needed", Pre_Depends="early", scripts={"postinst": postinst or ":"},
                 files={"/usr/bin/wanted": "#!", "/usr/share/wanted": "1"}),
        make_deb(folder, "needed", files={"/etc/needed": "1"}, conffiles=["/etc/needed"]),
        make_deb(folder, "early", scripts={"postinst": ":"}),
    ]  # fmt: skip
    return {"requests": ["wanted", "needed"], "debs": debs, "provides": ["/usr/bin/wanted", "/usr/share/wanted"]}


def points_of(job: Job, **env: str) -> list[int]:
    """Return the numbers of the points of a run that no signal disturbs."""
    job.run(env={"PACKAGE_CACHE_POINTS": "/root/points", **env})
    lines = job.room.sh("cat /root/points; rm /root/points").splitlines()
    return list(range(1, 1 + max(int(line.split()[0]) for line in lines)))


def strike(job: Job, scene: Scene, sign: str, point: int, before: State) -> bool:
    """Send the signal at a point of a run, and judge what becomes of it; return whether the group is installed."""
    allowed = [scene.status, ExitStatus.INTERRUPTED]
    terms = Terms(already_there=bool(scene.setup))
    job.room.sh(scene.cause)
    done = job.run(env={"PACKAGE_CACHE_POINT": str(point), "PACKAGE_CACHE_SIGNAL": sign})
    if sign == "KILL" or scene.cause:  # which left something, as the signal may have: the next run puts it in order
        terms = Terms(completed=["early", "needed"])
        return judge(job, job.run(), before, allowed=[scene.status], terms=terms) is ExitStatus.INSTALLED
    if done.returncode == 128 + signal.Signals[f"SIG{sign}"] and "package-cache: cannot " not in done.stderr:
        with verdict(Verdict.TOUCHED):  # it came before the traps are set, which are set before anything is done
            assert_none(look(job).lines ^ before.lines, done.stderr)
        return scene.setup != ""
    return judge(job, done, before, allowed=allowed, terms=terms) is ExitStatus.INSTALLED


INSTALLS, FAILS, ALL_THERE, RECOVERS = SCENES
Row = tuple[Scene, str, str, str, int, int]
ROWS: list[Row] = [
    *((INSTALLS, "TERM", "ubuntu18.04", "dash", 3, first) for first in range(3)),
    *((FAILS, "TERM", "ubuntu18.04", "dash", 6, first) for first in (0, 3)),
    (INSTALLS, "KILL", "ubuntu18.04", "dash", 9, 0),
    (FAILS, "KILL", "ubuntu18.04", "dash", 9, 1),
    (ALL_THERE, "TERM", "ubuntu18.04", "dash", 2, 0),
    (RECOVERS, "TERM", "ubuntu18.04", "dash", 9, 2),
    (RECOVERS, "KILL", "ubuntu18.04", "dash", 20, 3),
    *((scene, sign, system, "dash", 40, 2 * first) for first, (scene, sign, system) in enumerate(
        itertools.product((INSTALLS, FAILS), ("TERM", "KILL"), ("ubuntu16.04", "debian12")))),
    *((scene, sign, "ubuntu18.04", "dash", 40, 17) for scene in (INSTALLS, FAILS) for sign in ("INT", "HUP")),
    *((scene, sign, "ubuntu18.04", shell, 40, 19)
      for scene in (INSTALLS, FAILS) for sign in ("TERM", "INT") for shell in ("bash", "busybox")),
]  # fmt: skip
"""Scene, signal, system, shell, and of so many points one, beginning with the first, second, ..."""


@pytest.mark.parametrize("row", spread(ROWS, 5), ids=lambda row: "-".join(map(str, row)))
def test_a_signal_at_each_point(
    row: Row, synthetic_job: SyntheticJob, tmp_path: Path, injections: Callable[[int], None]
) -> None:
    scene, sign, system, shell, step, first = row
    job = synthetic_job(**group(tmp_path, scene.scripts), system=system)
    job.room.sh(f"cp -p /var/lib/apt/extended_states /root/marks; {SHELLS[shell]}")
    job.change_installer(with_points)
    points = points_of(job)
    job.room.sh(f"echo {len(points) * 2 // 3} >/root/middle; {PURGE}; {scene.setup}")
    before = look(job)
    broken: list[BrokenError] = []
    for count, point in enumerate(spread(points[first::step], FEW), 1):
        injections(count)
        try:
            installed = strike(job, scene, sign, point, before)
        except BrokenError as error:
            broken.append(BrokenError(error.verdict, f"at point {point}: {error}"))
            installed = True
        if installed and scene.reset:
            job.room.sh(scene.reset)
            before = look(job)
    if broken:
        raise BrokenError(broken[0].verdict, "\n".join(map(str, broken)))
