"""A run that is cut short: everything is on disk, and another process goes on from there."""

from __future__ import annotations

import anyio
import pytest

from memento_memory import runs
from memento_memory.case import Outcome
from memento_memory.errors import InputError
from memento_planner import run_state
from memento_planner.budget import Budget
from memento_planner.checks import Checks
from memento_planner.events import Planned, SubtaskEnded
from memento_planner.journal import held
from memento_planner.models.chat import Request
from memento_planner.models.errors import ModelUnavailableError
from memento_planner.run_state import Status
from planner.solving import READ, READS, WRITE, WRITES, Workshop, a_plan


def test_a_run_that_gave_up_goes_on_with_another_budget(shop: Workshop) -> None:
    shop.script(planner=[a_plan(WRITE, READ)], executor=[WRITES, "wrote it", READS, "it says milk", "It says milk."])
    first = shop.solve(budget=Budget(calls=1))
    assert first.status is Status.GAVE_UP
    shop.script(planner=["never asked"], executor=[READS, "it says milk", "It says milk."])
    second = shop.solve(None, resume=first.plan_id, budget=Budget(calls=1))
    assert (second.status, second.plan_id, second.calls) == (Status.SOLVED, first.plan_id, 2)
    results = run_state.load(shop.bank.database, first.plan_id).cycles[0].results
    assert [call.call for i in sorted(results) for call in results[i].calls] == [1, 2]
    assert not shop.planner.asked


def test_a_cancelled_run_keeps_what_was_done_and_goes_on_from_there(shop: Workshop) -> None:
    async def cut_short() -> None:
        with anyio.CancelScope() as scope:

            def watch(event: object) -> None:
                if isinstance(event, SubtaskEnded):
                    scope.cancel()

            await shop.solving(watch=watch)
            pytest.fail("went on after it was cancelled")

    shop.script(planner=[a_plan(WRITE, READ)], executor=[WRITES, "wrote it"])
    anyio.run(cut_short)
    plan_id = shop.opened[0]
    state = run_state.load(shop.bank.database, plan_id)
    assert (state.status, list(state.cycles[0].results)) == (Status.CANCELLED, [1])
    assert "wrote it" in state.answer
    result = shop.bank.episode(plan_id).result
    assert result is not None
    assert result.outcome is Outcome.UNKNOWN
    shop.script(planner=["never asked"], executor=[READS, "it says milk", "It says milk."])
    solved = shop.solve(None, resume=plan_id)
    assert (solved.status, solved.answer, solved.outcome) == (Status.SOLVED, "It says milk.", "success")


def test_a_resumed_run_is_held_to_the_check_it_began_with(shop: Workshop) -> None:
    shop.script(planner=[a_plan(WRITE, "Think")], executor=[WRITES, "wrote it", "41"])
    first = shop.solve(budget=Budget(tokens=300), checks=Checks(answer="42", command="touch never"))
    assert first.status is Status.GAVE_UP
    assert "touch" not in str(runs.load(shop.bank.database, first.plan_id))
    with pytest.raises(InputError, match="give it again with --check"):
        shop.solve(None, resume=first.plan_id)
    shop.script(planner=[a_plan("Count")], executor=[WRITES, "wrote it", "thought", "41", "counted", "42"])
    second = shop.solve(None, resume=first.plan_id, checks=Checks(answer="42", command="true"))
    assert (second.status, second.answer, second.evidence, second.cycles) == (Status.SOLVED, "42", "test_passed", 2)


def test_a_run_that_is_over_is_told_again_and_not_done_again(shop: Workshop) -> None:
    shop.script(planner=[a_plan(WRITE)], executor=[WRITES, "wrote it", "done"])
    solved = shop.solve()
    shop.script(planner=["never asked"], executor=["never asked"])
    assert shop.solve(None, resume=solved.plan_id) == solved
    assert not shop.executor.asked


def test_a_run_that_failed_is_told_again_and_not_done_again(shop: Workshop) -> None:
    shop.script(planner=[a_plan("Guess")], executor=["FAILED: too hard"])
    solved = shop.solve(cycles=1)
    assert (solved.status, solved.outcome) == (Status.FAILED, "failure")
    shop.script(planner=["never asked"], executor=["never asked"])
    assert shop.solve(None, resume=solved.plan_id) == solved
    assert not shop.executor.asked


def test_a_run_somebody_is_at_work_on_is_left_to_them(shop: Workshop) -> None:
    shop.script(planner=[ModelUnavailableError("planner: it is down")], executor=["never asked"])
    solved = shop.solve()
    with held(shop.bank.database, solved.plan_id), pytest.raises(InputError, match="another process is at work"):
        shop.solve(None, resume=solved.plan_id)
    assert not shop.executor.asked


def test_a_run_at_work_cannot_be_resumed_meanwhile(shop: Workshop) -> None:
    def plan(_: Request) -> str:
        with pytest.raises(InputError, match="another process is at work"):
            held(shop.bank.database, shop.opened[0])
        return a_plan("Think")

    shop.script(planner=[plan], executor=["thought"])
    assert shop.solve().status is Status.SOLVED


def test_everything_is_written_down_as_soon_as_it_happened(shop: Workshop) -> None:
    seen: list[tuple[str, int]] = []

    def watch(event: object) -> None:
        if isinstance(event, SubtaskEnded):
            found = runs.load(shop.bank.database, shop.opened[0])
            assert found is not None
            seen.append((found.status, len(found.state["cycles"][0]["results"])))

    shop.script(planner=[a_plan(WRITE, READ)], executor=[WRITES, "wrote it", READS, "milk", "milk"])
    shop.solve(watch=watch)
    assert seen == [("running", 1), ("running", 2)]


def test_independent_steps_all_arrive_in_the_journal(shop: Workshop) -> None:
    steps = ", ".join(f'{{"id": {i}, "description": "Think {i}"}}' for i in range(1, 9))
    free = f'{{"plan": [{steps}]}}'
    shop.script(planner=[free], executor=["thought"])
    solved = shop.solve()
    state = run_state.load(shop.bank.database, solved.plan_id)
    assert sorted(state.cycles[0].results) == list(range(1, 9))


def test_a_run_whose_model_was_down_goes_on_when_it_is_back(shop: Workshop) -> None:
    shop.script(planner=[a_plan(WRITE, READ)], executor=[WRITES, "wrote it", ModelUnavailableError("down")])
    first = shop.solve()
    assert (first.status, first.outcome) == (Status.FAILED, "unknown")
    assert len(shop.executor.asked) == 3  # not asked for an answer as well
    shop.script(planner=["never asked"], executor=[READS, "it says milk", "It says milk."])
    second = shop.solve(None, resume=first.plan_id)
    assert (second.status, second.outcome, second.answer) == (Status.SOLVED, "success", "It says milk.")


def test_who_watches_a_resumed_run_sees_its_plan(shop: Workshop) -> None:
    shop.script(planner=[a_plan(WRITE, READ)], executor=[WRITES, "wrote it", READS, "milk", "milk"])
    first = shop.solve(budget=Budget(calls=1))
    shop.heard.clear()
    shop.solve(None, resume=first.plan_id)
    planned = [event for event in shop.heard if isinstance(event, Planned)]
    assert [(event.plan_id, len(event.plan.subtasks)) for event in planned] == [(first.plan_id, 2)]
