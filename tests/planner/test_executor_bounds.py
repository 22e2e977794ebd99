"""A step ends at the bounds of its time, turns, calls and tokens, with what is known by then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from memento_memory.errors import MementoError
from memento_planner.budget import Budget, BudgetSpentError, MeteredTools, Purse
from memento_planner.executor import SubtaskStatus
from memento_planner.limits import Limits
from memento_planner.models.chat import Reply, Request
from planner.file_tools import FunctionTools
from planner.scripted import ScriptedModel, calls
from planner.steps import Stage, told

DONE, GAVE_UP = SubtaskStatus.DONE, SubtaskStatus.GAVE_UP


def sleepy() -> FunctionTools:
    async def sleep() -> str:
        """Sleep."""
        await anyio.sleep_forever()
        return ""

    def look(at: str) -> str:
        """Look."""
        return f"saw {at}"

    tools = FunctionTools()
    tools.add(sleep)
    tools.add(look, read_only=True)
    return tools


def test_a_call_that_takes_too_long_is_cut_off_and_is_no_fault_of_the_plan() -> None:
    model = ScriptedModel(calls(("sleep", {})), "It did not answer.")
    ended = Stage(sleepy(), limits=Limits(call_seconds=0.05)).run(model)
    [call] = ended.calls
    assert (call.is_error, call.infrastructure) == (True, True)
    assert "did not answer within 0.05 s; whether it took effect is not known" in told(model.asked[1])[0].text
    assert ended.status is DONE


def test_a_step_whose_time_is_over_gives_up_with_what_is_known_and_the_call_under_way() -> None:
    model = ScriptedModel(calls(("look", {"at": "a"})), calls(("sleep", {})))
    ended = Stage(sleepy(), limits=Limits(seconds=0.2)).run(model)
    assert (ended.status, ended.why, ended.text) == (GAVE_UP, "its 0.2 seconds are over", "look: saw a")
    assert [(call.tool, call.infrastructure) for call in ended.calls] == [("look", False), ("sleep", True)]


def endless() -> Callable[[Request], Reply]:
    """Looks at something new each time."""
    return lambda request: calls(("look", {"at": str(len(request.messages))}))


@pytest.mark.parametrize(
    ("limits", "why", "replies"),
    [
        (Limits(turns=3, calls=100), "all 3 turns are used up", 3),
        (Limits(turns=100, calls=4), "more than 4 tool calls were asked for", 5),
        (Limits(turns=100, calls=100, tokens=500), "all 500 tokens are used up", 5),
    ],
)
def test_a_bound_ends_the_step_without_another_request(limits: Limits, why: str, replies: int) -> None:
    model = ScriptedModel(endless())
    ended = Stage(sleepy(), limits=limits).run(model)
    assert (ended.status, ended.why, len(model.asked)) == (GAVE_UP, why, replies)
    assert ended.text.startswith("look: saw 1")
    assert len(ended.calls) <= limits.calls


def test_the_last_call_that_is_allowed_can_still_be_talked_about() -> None:
    model = ScriptedModel(calls(("look", {"at": "a"}), ("look", {"at": "b"})), "saw both")
    ended = Stage(sleepy(), limits=Limits(calls=2)).run(model)
    assert (ended.status, len(ended.calls)) == (DONE, 2)


def test_many_calls_in_one_reply_do_not_get_round_the_bound() -> None:
    model = ScriptedModel(calls(*[("look", {"at": str(i)}) for i in range(50)]))
    tools = sleepy()
    assert Stage(tools, limits=Limits(calls=12)).run(model).status is GAVE_UP
    assert tools.called == []


@pytest.mark.parametrize("uses", [1, 2])
def test_a_spent_budget_ends_the_run_even_from_calls_side_by_side(tmp_path: Path, uses: int) -> None:
    tools = sleepy()
    metered = MeteredTools(tools, Purse(Budget(calls=1), lambda name: None))
    model = ScriptedModel(calls(("look", {"at": "a"})), calls(*[("look", {"at": str(i)}) for i in range(uses)]))
    with pytest.raises(BudgetSpentError) as caught:
        Stage(metered).run(model)
    assert isinstance(caught.value, MementoError)
    assert [name for name, *_ in tools.called] == ["look"]


def test_a_cancelled_step_is_cancelled_and_leaves_nothing_running() -> None:
    ended = []

    async def sleep() -> str:
        """Sleep."""
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)
        return ""

    tools = FunctionTools()
    tools.add(sleep)

    async def go() -> bool:
        with anyio.move_on_after(0.1) as scope:
            await Stage(tools).carry_out(ScriptedModel(calls(("sleep", {}))))
        return scope.cancelled_caught

    assert anyio.run(go)
    assert ended == [True]
