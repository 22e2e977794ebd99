"""Solving keeps to its cycles and its budget of tokens, calls, seconds and money, and still gives an answer."""

from __future__ import annotations

import anyio
import pytest

from memento_memory.errors import InputError
from memento_planner.budget import Budget
from memento_planner.checks import Checks
from memento_planner.models.chat import OnText, Reply, Request, Usage
from memento_planner.run_state import Status
from memento_planner.solve import Solved
from planner.scripted import Line, ScriptedModel
from planner.solving import READ, READS, WRITE, WRITES, Workshop, a_plan


def test_cycles_are_bounded_and_the_last_failure_is_the_status(shop: Workshop) -> None:
    plans = [a_plan(f"Guess {i}") for i in range(9)]
    shop.script(planner=plans, executor=["7"], judge=None)
    solved = shop.solve(checks=Checks(answer="42"), cycles=2)
    assert (solved.status, solved.cycles, solved.answer) == (Status.FAILED, 2, "7")
    assert solved.outcome == "failure"
    assert len(shop.planner.asked) == 2


@pytest.mark.parametrize(
    ("budget", "what"),
    [(Budget(tokens=400), "tokens"), (Budget(calls=1), "calls"), (Budget(seconds=0.000001), "seconds")],
)
def test_a_budget_that_runs_out_is_said_with_an_answer_and_no_blame(shop: Workshop, budget: Budget, what: str) -> None:
    shop.script(planner=[a_plan(WRITE, READ)], executor=[WRITES, "wrote it", READS, "it says milk", "milk"])
    solved = shop.solve(budget=budget)
    assert (solved.status, solved.why) == (Status.GAVE_UP, what)
    if shop.opened:
        assert solved.outcome == "unknown"
        assert solved.answer
        assert shop.bank.episode(solved.plan_id).result is not None


def test_an_answer_costs_no_more_than_what_was_left_for_it(shop: Workshop) -> None:
    huge = Reply("thought", usage=Usage(10, 900))
    shop.script(planner=[a_plan("Think", "Think more")], executor=[huge])
    solved = shop.solve(budget=Budget(tokens=1_000))
    assert (solved.status, solved.why) == (Status.GAVE_UP, "tokens")
    assert "thought" in solved.answer


@pytest.mark.parametrize(
    ("planner", "first"), [([a_plan("Think", "Think more")], "thought"), ([a_plan("Think")], "FAILED: too hard")]
)
def test_neither_a_step_nor_a_plan_takes_what_is_kept_for_the_answer(
    shop: Workshop, planner: list[Line], first: str
) -> None:
    shop.script(planner=[*planner, a_plan("Give in")], executor=[Reply(first, usage=Usage(10, 790)), "The answer."])
    solved = shop.solve(budget=Budget(tokens=1_000))
    assert (solved.status, solved.why, solved.answer) == (Status.GAVE_UP, "tokens", "The answer.")
    assert (len(shop.planner.asked), len(shop.executor.asked)) == (1, 2)


def test_a_model_that_never_answers_costs_no_more_time_than_there_is(shop: Workshop) -> None:
    class Silent(ScriptedModel):
        async def complete(self, request: Request, on_text: OnText | None = None) -> Reply:
            await anyio.sleep_forever()
            raise AssertionError

    async def run() -> Solved:
        with anyio.fail_after(60):
            return await shop.solving(budget=Budget(seconds=0.5))

    shop.script(planner=[a_plan("Think")], executor=["never said"])
    shop.executor = Silent(name="executor")
    solved = anyio.run(run)
    assert (solved.status, solved.why) == (Status.GAVE_UP, "seconds")
    assert solved.answer


def test_money_that_cannot_be_counted_is_refused_before_anything_is_spent(shop: Workshop) -> None:
    shop.script(planner=[a_plan("Think")], executor=["thought"])
    with pytest.raises(InputError, match="price of planner"):
        shop.solve(budget=Budget(dollars=1.0))
    assert not shop.planner.asked


def test_the_price_of_a_judge_has_to_be_known_as_well(shop: Workshop) -> None:
    shop.script(planner=["never asked"], executor=["never asked"], judge=["never asked"])
    shop.planner.name = shop.executor.name = "local:scripted"
    with pytest.raises(InputError, match="price of judge"):
        shop.solve(budget=Budget(dollars=1.0))
    assert not shop.planner.asked
