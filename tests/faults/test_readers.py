"""`outdated`, `diff`, `sbom` and `check` that are interrupted or killed: nothing stays, and the status is 130."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.check.layouts import HandMade, base
from tests.faults.spread import FULL
from tests.faults.writers import COMMAND, start_marked, wait_until_ended, wait_until_heard
from tests.support.world import World, made_world, reaching

MOMENTS = [0.02 * number for number in range(40)] if FULL else [0.02, 0.6]
"""Seconds after the program has begun to hear."""

SIGNS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL] if FULL else [signal.SIGINT]


@pytest.fixture
def world(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[World]:
    with made_world(tmp_path, capfd) as made:
        made.manifest("edit,ubuntu18.04,editor\nview,ubuntu18.04,viewer\n")
        assert made.build()[0] == 0
        yield made


def commands(world: World) -> dict[str, list[str]]:
    """Return the words of each verb."""
    layout = HandMade(world.folder / "image")
    cache, lock = str(world.cache), str(world.folder / "package-cache.lock")
    return {
        "outdated": ["outdated", *reaching(world.archive, world.server, world.folder)],
        "diff": ["diff", lock, cache],
        "sbom": ["sbom", "--cache", cache, "--output", str(world.folder / "bill.json")],
        "check": ["check", "--cache", cache, "--image", layout.name(layout.image([base()]))],
    }


def names(folder: Path) -> list[str]:
    """Return what lies in a folder but for its state."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(name for name in found if not name.startswith(("state", "bill.json", "image")))


@pytest.mark.parametrize("sign", SIGNS)
def test_nothing_of_it_stays(sign: signal.Signals, world: World) -> None:
    came = set()
    for verb, words in commands(world).items():
        for moment in MOMENTS:
            temporary = world.folder / f"tmp-{verb}-{moment}"
            temporary.mkdir()
            before = names(world.folder)
            process = start_marked([*COMMAND, *words], str(temporary), TMPDIR=str(temporary))
            wait_until_heard(process)
            time.sleep(moment)
            process.send_signal(sign)
            _, said = process.communicate(timeout=30)
            came.add(process.returncode)
            assert process.returncode in (0, 130, -sign), (verb, moment, said)
            assert "Traceback" not in said
            wait_until_ended(str(temporary), 5)
            if sign != signal.SIGKILL:
                assert names(world.folder) == before, (verb, moment)
                assert process.returncode != -sign, (verb, moment)
                assert (world.folder / "bill.json").exists() or process.returncode == 130 or verb != "sbom"
    assert came >= {130 if sign != signal.SIGKILL else -sign}
