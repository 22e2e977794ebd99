"""What a model is told about an empty slate."""

from memento_memory.case import Slate
from memento_planner.brief import brief


def test_a_plan_that_is_held_out_says_nothing_about_what_is_in_the_bank() -> None:
    told = brief(Slate(policy="held out"), None, "p-1")
    assert told.startswith("No case is shown for this plan, on purpose: it is held out")
    assert "close enough" not in told
    assert brief(Slate(), None, "p-1").startswith("No past case is close enough")
