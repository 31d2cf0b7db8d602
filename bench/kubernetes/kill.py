"""The init container killed at 50 moments of its run: what a job makes of the volume, and a second run then."""

import contextlib
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.kubernetes.gate import GO, Gate
from bench.kubernetes.ground import LIMIT, Ground, finished
from bench.kubernetes.material import GROUPS, SYSTEM
from bench.rounds import Tell
from package_cache.cache.layout import CacheFolder
from package_cache.cache.verify import verify
from package_cache.exit_codes import ExitStatus
from package_cache.installer import install_group
from package_cache.process import end, start

MOMENTS = 50
SPREAD = 1.25
"""Times an undisturbed run over which they are spread: who asks podman for a kill takes a processor from the run."""
ATTEMPTS = 6
EARLIER = 0.03
"""Seconds by which a kill that came too late is tried again earlier."""
GROUP = "ssh"
PACKAGES = ("openssh-client", "openssh-server")
MISSES = {
    ExitStatus.CACHE_MISSING.code: "miss: no cache yet",
    ExitStatus.NO_SUCH_GROUP.code: "miss: no such group yet",
}
"""What the installer may say of a volume that is not complete. All else is a broken promise."""

_JUDGE = f"""\
sh /installer/install_group.sh --cache /package_cache {GROUP} >&2
echo "$?"
dpkg-query -W -f '${{Package}} ${{db:Status-Abbrev}}\\n' {" ".join(PACKAGES)} 2>/dev/null
dpkg --audit
"""
"""Prints the installer's status, then dpkg's word; the audit is silent where dpkg is sound."""


def measure(ground: Ground, rounds: int, tell: Tell) -> dict[str, Any]:
    """Kill at each moment once, and again where it came too late."""
    del rounds  # each kill is at a moment of its own
    tell("kill: undisturbed runs")
    assert ground.job_image
    duration = statistics.median(_undisturbed(ground) for _ in range(5))
    latency = min(_undisturbed(ground, signal=True) for _ in range(3))
    kills = []
    for number in range(MOMENTS):
        for attempt in range(ATTEMPTS):
            tell(f"kill: {number + 1} of {MOMENTS}")
            moment = SPREAD * duration * (number + 0.5) / MOMENTS - attempt * EARLIER
            kills.append(_kill(ground, moment, latency))
            if kills[-1]["killed"]:
                break
    return {"duration": duration, "kills": kills, "counts": counts(kills)}


def counts(kills: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give how often what happened."""
    return {
        "killed": sum(one["killed"] for one in kills),
        "judgements": dict(sorted(Counter(one["judgement"] for one in kills if one["killed"]).items())),
        "after_the_end": sum(not one["killed"] for one in kills),
        "broken": sum(is_broken(one) for one in kills),
        "restarted": sum(one["restart"] == "whole" for one in kills),
    }


def is_broken(one: Mapping[str, Any]) -> bool:
    """Tell whether a promise was broken: also by a miss where the run had come to its end."""
    return one["judgement"].startswith("broken") or (not one["killed"] and one["judgement"] != "hit")


def _words() -> list[str]:
    return [*GROUPS, "--system", SYSTEM, "--to", "/package_cache"]


def _undisturbed(ground: Ground, *, signal: bool = False) -> float:
    """Give the seconds of a run, or those from asking podman for a kill until a waiting container has ended."""
    with contextlib.ExitStack() as stack:
        gate = Gate(ground, stack.enter_context(ground.volume()), GO)
        stack.callback(ground.remove, "gated-0")
        gate.start([stack.enter_context(ground.volume())], _words())
        if signal:
            began = time.time()
            ground.podman("kill", "--signal", "KILL", "gated-0")
        else:
            with gate.opened(1) as began:
                ground.podman("wait", "gated-0", timeout=LIMIT)
        ground.podman("wait", "gated-0", timeout=LIMIT)
        return finished(ground.states(["gated-0"])[0]) - began


def _kill(ground: Ground, moment: float, latency: float) -> dict[str, Any]:
    """Kill so many seconds after the begin of its work; judge, run it again, look at what it leaves."""
    with contextlib.ExitStack() as stack:
        volume = stack.enter_context(ground.volume())
        gate = Gate(ground, stack.enter_context(ground.volume()), GO)
        stack.callback(ground.remove, "gated-0")
        gate.start([volume], _words())
        seconds, status = _killed_at(ground, gate, moment, latency)
        judgement = _judged(ground, volume)
        options = ["--volume", f"{volume}:/package_cache"]
        again = ground.podman.run(ground.init_image, *_words(), options=options, check=False)
        return {
            "moment": moment,
            "seconds": seconds,
            "killed": status == 137,
            "judgement": judgement,
            "restart": _restarted(again.returncode, volume),
        }


def _killed_at(ground: Ground, gate: Gate, moment: float, latency: float) -> tuple[float, int]:
    """Give when it was over, from its begin on, and its status. Podman needs a while to kill: it is asked in time."""
    asking: list[subprocess.Popen[str]] = []

    def ask() -> None:
        argv = ground.podman.argv("kill", "--signal", "KILL", "gated-0")
        asking.append(start(argv, env=ground.podman.environment))

    def ask_early() -> None:
        if latency > moment:
            ask()
            time.sleep(latency - moment)

    try:
        with gate.opened(1, before=ask_early) as began:
            if not asking:
                time.sleep(max(0.0, began + moment - latency - time.time()))
                ask()
            asking[0].communicate(timeout=LIMIT)
            ground.podman("wait", "gated-0", timeout=LIMIT)
    finally:
        for process in asking:
            end(process)
    state = ground.states(["gated-0"])[0]
    return finished(state) - began, int(state["ExitCode"])


def _judged(ground: Ground, volume: Path) -> str:
    """Have a real container install from the volume, with an installer of its own, and ask dpkg afterwards."""
    with tempfile.TemporaryDirectory(prefix="package-cache-") as folder:
        Path(folder, "install_group.sh").write_text(install_group())
        options = ["--volume", f"{volume}:/package_cache:ro", "--volume", f"{folder}:/installer:ro"]
        done = ground.podman.run(ground.job_image, "sh", "-c", _JUDGE, options=options, check=False)
    return judgement(done.stdout)


def judgement(printed: str) -> str:
    """Read what the judge printed: `hit`, a miss that is allowed, or `broken` and why."""
    first, *rest = printed.splitlines() or [""]
    there = [line for line in rest if line.split() in [[name, "ii"] for name in PACKAGES]]
    others = [line for line in rest if line not in there and not line.endswith(" un ")]
    if others:
        return f"broken: dpkg says {others[0]}"
    if first == "0":
        return "hit" if len(there) == len(PACKAGES) else "broken: status 0, and not installed"
    return MISSES.get(int(first or -1), f"broken: status {first}")


def _restarted(status: int, volume: Path) -> str:
    if status != 0:
        return f"status {status}"
    problems = verify(CacheFolder(volume)).problems
    return problems[0] if problems else "whole"
