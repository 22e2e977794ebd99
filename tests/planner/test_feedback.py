"""What somebody says of a run afterwards."""

from __future__ import annotations

from memento_memory.case import Evidence, Outcome, Result
from memento_memory.retention import Report, Status
from memento_planner import run_state
from memento_planner.feedback import record
from memento_planner.solve import Solved
from planner.scripted import calls
from planner.solving import READ, TASK, WRITE, Workshop, a_plan

WRONG = Result.graded(Outcome.FAILURE, None, Evidence.TEST_PASSED, "it was the wrong list")


def in_two_cycles(shop: Workshop) -> Solved:
    shop.script(
        planner=[a_plan(READ), a_plan(WRITE)],
        executor=[
            *(calls(("read_file", {"path": "list.txt"})), "FAILED: there is no list.txt"),
            *(calls(("write_file", {"path": "list.txt", "text": "milk"})), "wrote it", "It says milk."),
        ],
    )
    return shop.solve()


def test_it_counts_for_the_plan_that_came_last_and_for_the_task(shop: Workshop) -> None:
    solved = in_two_cycles(shop)
    first, last = (cycle.plan_id for cycle in run_state.load(shop.bank.database, solved.plan_id).cycles)
    retained = record(shop.bank, Report(WRONG, plan_id=solved.plan_id))
    assert retained.case is not None
    assert retained.case.task == TASK
    assert retained.case.failures > 0
    said = shop.bank.episode(last).result
    assert said is not None
    assert (said.outcome, said.notes) == (Outcome.FAILURE, "it was the wrong list")
    before = shop.bank.episode(first).result
    assert before is not None
    assert "no list.txt" in before.notes


def test_saying_it_twice_counts_once(shop: Workshop) -> None:
    solved = in_two_cycles(shop)
    once = record(shop.bank, Report(WRONG, plan_id=solved.plan_id))
    again = record(shop.bank, Report(WRONG, plan_id=solved.plan_id))
    assert again.status is Status.UNCHANGED
    assert once.case is not None
    assert shop.bank.case(once.case.id).failures == once.case.failures


def test_a_run_of_one_plan_is_an_episode_like_any_other(shop: Workshop) -> None:
    shop.script(
        planner=[a_plan(WRITE)],
        executor=[calls(("write_file", {"path": "list.txt", "text": "milk"})), "wrote it", "It says milk."],
    )
    solved = shop.solve()
    retained = record(shop.bank, Report(WRONG, plan_id=solved.plan_id))
    assert retained.case is not None
    assert retained.case.id == solved.case_id
