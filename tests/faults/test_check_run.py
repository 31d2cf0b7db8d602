"""`check --run` to which something happens: nothing stays behind, and what is noted in the cache is intact and true."""

import contextlib
import json
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.faults.published import judge_interrupted
from tests.faults.spread import spread
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import (
    COMMAND,
    at_step,
    ended,
    run_in_process,
    seconds_of,
    start_marked,
    wait_until_ended,
    wait_until_heard,
)
from tests.installer.synthetic import SyntheticCache, restate
from tests.support.debs import make_deb
from tests.support.roots import mounts_that_may_be_ours

from package_cache.cache.layout import INSTALLER, LOCK, PROOFS, CacheFolder, group_folder
from package_cache.cache.proofs import read_proofs
from package_cache.check import trial_install
from package_cache.process import Completed
from package_cache.sandbox.container import Container
from package_cache.sandbox.isolation import disposable_root

pytestmark = pytest.mark.injection
SYSTEM = "ubuntu18.04"
MOMENTS = 30
WAYS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "Ctrl-C": signal.SIGINT}


@dataclass
class Proving:
    """A run of `check --run` on a cache of its own."""

    cache: CacheFolder
    root: Path
    state: Path
    more: tuple[str, ...] = ()
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def words(self) -> list[str]:
        return ["check", "--cache", str(self.cache.path), "--root", str(self.root), "--run", "--json",
                "--state", str(self.state), *self.more]  # fmt: skip

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start it."""
        return start_marked([*(command or COMMAND), *self.words], self.mark, TMPDIR=str(self.state))


@pytest.fixture
def proving(product_root: Callable[..., Path], tmp_path: Path) -> Iterator[Proving]:
    cache = SyntheticCache(tmp_path / "cache", SYSTEM)
    slow = make_deb(tmp_path / "debs", "slow", scripts={"postinst": "sleep 0.2"})
    cache.add("slow", ["slow"], [slow])
    cache.add("plain", ["plain"], [make_deb(tmp_path / "debs", "plain")])
    (tmp_path / "state").mkdir()
    mounts = mounts_that_may_be_ours()
    one = Proving(CacheFolder(cache.path), product_root(SYSTEM), tmp_path / "state")
    yield one
    wait_until_ended(one.mark)
    with verdict(Verdict.LEFT_BEHIND):
        assert mounts_that_may_be_ours() == mounts


def judge_intact(one: Proving) -> None:
    """Check that all that is noted can be read, and nothing else lies in the cache but what a killed writer leaves."""
    with verdict(Verdict.UNTRUE):
        if (one.cache.path / PROOFS).exists():
            noted = json.loads((one.cache.path / PROOFS).read_text())["proofs"]
            assert len(read_proofs(one.cache)) == len(noted) > 0
    with verdict(Verdict.LEFT_BEHIND):
        hidden = [path.name for path in one.cache.path.iterdir() if path.name[0] == "."]
        assert [name for name in hidden if name != ".lock" and not name.startswith(".proofs.json.new-")] == []


def judge_proved(one: Proving, done: Completed) -> None:
    """Check that a run that nothing disturbed did it all, and noted it."""
    with verdict(Verdict.NOT_SANE):
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["status"] == 0
    with verdict(Verdict.UNTRUE):
        assert {(proof.group, proof.status, proof.agreed) for proof in read_proofs(one.cache)} == {
            ("plain", 0, True), ("slow", 0, True),
        }  # fmt: skip
    with verdict(Verdict.LEFT_BEHIND):
        assert {path.name for path in one.cache.path.iterdir() if path.name[0] == "."} == {".lock"}
        assert not list(one.root.parent.glob(".throwaway-*"))


@pytest.mark.parametrize(("way", "moment"), spread([(way, number) for number in range(MOMENTS) for way in WAYS], 6))
def test_a_signal_and_the_same_command_again(way: str, moment: int, proving: Proving) -> None:
    wait = seconds_of("check", proving.start, lambda done: judge_proved(proving, done)) * (moment + 0.5) / MOMENTS
    (proving.cache.path / PROOFS).unlink(missing_ok=True)
    process = proving.start()
    wait_until_heard(process)
    time.sleep(wait)
    if process.poll() is None:
        process.send_signal(WAYS[way])
    done = ended(process)
    if way != "kill":
        judge_interrupted(done)
    judge_intact(proving)
    if moment % 5 == 0 or way == "kill":
        judge_proved(proving, run_in_process(proving.words))


@pytest.mark.parametrize(("way", "step"), spread([(way, step) for way in ("kill", "full") for step in range(8)], 4))
def test_something_happens_right_before_a_change_of_the_cache(way: str, step: int, proving: Proving) -> None:
    done = ended(proving.start(*at_step(way, step, proving.cache.path)))
    if way == "full" and not (proving.cache.path / PROOFS).exists():
        with verdict(Verdict.WRONG_REASON):
            assert done.returncode == 0
            assert "cannot record the trial installation in the cache: cannot write to" in done.stderr
    judge_intact(proving)
    judge_proved(proving, run_in_process(proving.words))


def test_three_at_once_all_end_well(proving: Proving) -> None:
    for done in [ended(process) for process in [proving.start() for _ in range(3)]]:
        judge_proved(proving, done)


DAMAGES: dict[str, Callable[[CacheFolder], None]] = {
    "read-only": lambda cache: cache.path.chmod(0o555),
    "a folder": lambda cache: (cache.path / PROOFS / "below").mkdir(parents=True),
    "a link for a lock": lambda cache: (cache.path / LOCK).symlink_to("/nowhere"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_noted_is_told_and_changes_no_answer(damage: str, proving: Proving) -> None:
    DAMAGES[damage](proving.cache)
    done = ended(proving.start("setpriv", "--bounding-set", "-dac_override", *COMMAND))
    with verdict(Verdict.WRONG_REASON):
        assert done.returncode == 0, done
        assert "warning: cannot record the trial installation in the cache: " in done.stderr
        assert [group["run"]["status"] for group in json.loads(done.stdout)["result"]["groups"]] == [0, 0]
    proving.cache.path.chmod(0o755)


def test_what_is_built_meanwhile_is_not_taken_for_proved(proving: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def and_then_built(*words: Any, **more: Any) -> Iterator[Container]:
        with disposable_root(*words, **more) as container:
            yield container
        group = proving.cache.path / group_folder("plain", SYSTEM)
        restate(group / "amd64.group", (group / "amd64.group").read_text().replace("end\n", "provides /x\nend\n"))

    monkeypatch.setattr(trial_install, "disposable_root", and_then_built)
    proving.more = ("plain",)
    done = run_in_process(proving.words)
    with verdict(Verdict.UNTRUE):
        assert done.returncode == 0, done
        assert read_proofs(proving.cache) == ()


NASTY_RESULTS = {
    "a number of thousands of digits": "printf 'installed=%05000d\\n' 9",
    "other digits": "printf 'installed=\\331\\243\\n'",
    "a link out of the root": "ln -s /own-secret /result-of-package-cache",
    "links in a circle": "ln -s result-of-package-cache /result-of-package-cache",
    "a pipe": "mkfifo /result-of-package-cache",
    "much": "head -c 9000000 /dev/zero",
}


@pytest.mark.parametrize("kind", NASTY_RESULTS)
def test_what_runs_inside_writes_a_result_of_its_own(kind: str, proving: Proving) -> None:
    script = NASTY_RESULTS[kind]
    target = "" if "/result-of-package-cache" in script else " >/result-of-package-cache"
    installer = proving.cache.path / INSTALLER
    installer.write_text(f"{script}{target}\nkill -9 $$\n")
    proving.more = ("plain",)
    done = run_in_process(proving.words)
    with verdict(Verdict.WRONG_REASON):
        assert "Traceback" not in done.stderr
        (group,) = json.loads(done.stdout)["result"]["groups"]
        assert (group["run"]["installed"], group["run"]["agreed"]) == (0, False)
        assert group["run"]["status"] > 128
    (proof,) = read_proofs(proving.cache)
    assert (proof.status, proof.agreed) == (group["run"]["status"], False)
