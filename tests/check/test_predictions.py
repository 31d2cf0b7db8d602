"""What `check` predicts for a group in a root is what the installer then does there, with the root's own apt."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.check.conftest import OpenRoom
from tests.check.small import MISSES, PAIRS
from tests.faults.spread import spread
from tests.installer.synthetic import Room, SyntheticCache

from package_cache.cache.layout import CacheFolder
from package_cache.check.prediction import check
from package_cache.check.target import seen_in_files
from package_cache.check.verdict import Prediction, Verdict
from package_cache.cli.main import run
from package_cache.oci.system_files import RootFiles

SmallCache = Callable[[str], tuple[SyntheticCache, Path]]

REAL = [
    (system, group, upgraded)
    for system, groups in {
        "ubuntu18.04": ("ssh", "nfs", "build"),
        "ubuntu16.04": ("ssh", "nfs", "build"),
        "debian12": ("nfs", "build"),
    }.items()
    for group in groups
    for upgraded in (True, False)
]


@pytest.mark.parametrize("name", MISSES)
def test_check_and_the_installer_print_the_same_text(
    name: str, small_cache: SmallCache, open_room: OpenRoom, capfd: pytest.CaptureFixture[str]
) -> None:
    pair = PAIRS[name]
    cache, debs = small_cache(pair.system)
    room = open_room(pair.system, cache.path, {"/debs": debs})
    room.sh(pair.prepare)
    before, root = room.map(), room.container.root
    capfd.readouterr()
    status = run(["check", pair.group, "--cache", str(cache.path), "--root", str(root), "--json"])
    (found,) = json.loads(capfd.readouterr().out)["result"]["groups"]
    of_check = printed(
        [one["text"] for one in found["reasons"]], pair.group, found["reason"], found["message"], found["next_step"]
    )
    done = room.install(pair.group)
    of_installer = shown(done.out + done.err, root)
    detail, cause, step = MISSES[name]
    reason = {13: "no-plan", 22: "dpkg-broken"}[done.status]
    assert of_installer == printed([detail] if detail else [], pair.group, reason, cause, step)
    assert (shown(of_check, root), status) == (of_installer, done.status)
    assert (done.status, room.map()) == (pair.expected, before)


def printed(details: list[str], group: str, reason: str, cause: str, step: str) -> str:
    """Return what the installer prints of a miss."""
    lines = [f"    {detail}" for detail in details]
    lines += [f"cannot install {group} ({reason}): {cause}", f"nothing was changed; next step: {step}"]
    return "".join(f"package-cache: {line}\n" for line in lines)


def shown(text: str, root: Path) -> str:
    """Replace what differs between roots: versions of a release's own packages, and the path of the root."""
    text = text.replace(str(root), "ROOT")
    return re.sub(r"((?:libc6 \(>= 99\)|conflicts with bash)(?: but|:) )\S+", r"\1VERSION", text)


def predicted(room: Room, cache: Path, group: str) -> Verdict:
    (verdict,) = check([group], CacheFolder(cache), seen_in_files("a room", RootFiles(room.container.root))).verdicts
    return verdict


def agree(room: Room, verdict: Verdict, group: str) -> None:
    """Install, and compare; also every package, by name and version."""
    done = room.install(group)
    assert verdict.status.code == done.status, (verdict, done)
    if done.status == 0:
        assert str(len(verdict.packages)) == done.result["installed"], (verdict, done)
        there = room.state()
        assert {item.name: f"ii {item.version}" for item in verdict.packages}.items() <= there.items()


@pytest.mark.parametrize("which", spread(list(PAIRS), 20))
def test_small_packages(which: str, small_cache: SmallCache, open_room: OpenRoom) -> None:
    pair = PAIRS[which]
    cache, debs = small_cache(pair.system)
    room = open_room(pair.system, cache.path, {"/debs": debs})
    room.sh(pair.prepare)
    verdict = predicted(room, cache.path, pair.group)
    came = verdict.status.code if verdict.prediction is Prediction.MISS else verdict.prediction.value
    assert came == pair.expected, verdict
    agree(room, verdict, pair.group)


@pytest.mark.system
@pytest.mark.parametrize(("system", "group", "upgraded"), spread(REAL, 4))
def test_real_packages(system: str, group: str, upgraded: bool, real_cache: CacheFolder, open_room: OpenRoom) -> None:
    room = open_room(system, real_cache.path, {}, upgraded=upgraded)
    agree(room, predicted(room, real_cache.path, group), group)
    again = predicted(room, real_cache.path, group)
    assert again.prediction is (Prediction.THERE if again.status.code == 0 else Prediction.MISS)
