"""As `test_builds`, but at each step: right before every single change of the file system that a verb makes."""

import pytest
from tests.faults.published import judge_at_step, judge_done, judge_visible
from tests.faults.spread import spread
from tests.faults.test_builds import MakeTrial

pytestmark = pytest.mark.injection
STEPS = {("build", False): 144, ("build", True): 124, ("stage", False): 82, ("stage", True): 91, ("lock", True): 77}
"""By verb and whether it replaces: at least how many steps there are."""
ROWS = [
    (*case, way, step)
    for case in STEPS
    for way, every in (("kill", 1 if case[1] else 3), ("term", 9), ("full", 5))
    for step in range(0, STEPS[case], every)
]
"""What happens and at which steps: where something is replaced, a kill at every one."""


@pytest.mark.parametrize(("verb", "replacing"), STEPS)
def test_there_are_no_more_steps_than_are_tried(verb: str, replacing: bool, trial: MakeTrial) -> None:
    done = trial(verb, replacing=replacing).run_to("count", -1)
    assert int(done.stderr.split()[-1]) <= STEPS[verb, replacing]


@pytest.mark.parametrize(("verb", "replacing", "way", "step"), spread(ROWS, 25))
def test_something_happens_right_before_a_step(
    verb: str, replacing: bool, way: str, step: int, trial: MakeTrial
) -> None:
    one = trial(verb, replacing=replacing)
    judge_at_step(one, way, one.run_to(way, step))
    judge_visible(one)
    judge_done(one, one.again())
