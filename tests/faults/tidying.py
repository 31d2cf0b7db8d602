"""`gc` as a process on a volume to which two generations were staged, and the judgement of what it left there."""

import json
import re
from pathlib import Path

from tests.faults.published import assert_intact, hidden, judge_visible
from tests.faults.verdicts import Verdict, verdict
from tests.faults.writers import Trial, run_in_process

from package_cache.process import Completed


class Tidying(Trial):
    """A run of `gc` to which something happens."""

    @property
    def target(self) -> Path:
        """The volume."""
        return self.to or self.folder / "out/volume"

    @property
    def old(self) -> Path:
        """What it is a copy of."""
        return self.shelf.state("new") / "volume"

    @property
    def new(self) -> Path:
        """The groups stay as they are."""
        return self.old

    @property
    def words(self) -> list[str]:
        """The arguments of the command."""
        return ["gc", "--cache", str(self.target), "--grace", "0", "--json"]


def tidying(trial: Trial) -> Tidying:
    """Return a run of `gc` in the place of another verb, with what killed writers left."""
    one = Tidying(trial.shelf, trial.folder, "gc", replacing=True)
    for folder in ("groups/.new-abcd1234", "pool/.partial"):
        (one.target / folder).mkdir()
        (one.target / folder / "some").write_bytes(b"12345")
    (one.target / "pool/.new-xyz").write_bytes(b"12345")
    return one


def needed(volume: Path) -> set[str]:
    """Return the names of the package files that the groups on a volume take."""
    texts = [path.read_text() for path in volume.glob("groups/[!.]*/Packages")]
    return {name for text in texts for name in re.findall(r"^Filename: pool/(\S+)$", text, re.MULTILINE)}


def judge_tidied(one: Tidying, done: Completed, at: Path | None = None) -> None:
    """Judge the result: all that is needed is there and nothing else, and nobody is said to be at work."""
    volume = at or one.target
    with verdict(Verdict.OTHER):
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)["result"]
        assert (result["busy"], result["waiting"]) == (False, 0), result
    with verdict(Verdict.UNTRUE):
        assert_intact(volume)
        assert {path.name for path in (volume / "pool").iterdir()} == needed(volume)
    with verdict(Verdict.LEFT_BEHIND):
        assert set(hidden(one, volume)) <= {".lock"}
        assert one.processes() == []


def judge_and_go_on(one: Tidying) -> None:
    """Judge what there is after `gc` ended in whatever way, and that another one completes it."""
    judge_visible(one)
    with verdict(Verdict.UNTRUE):
        assert needed(one.target) <= {path.name for path in (one.target / "pool").iterdir()}
    judge_tidied(one, run_in_process(one.words))
