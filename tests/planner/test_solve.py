"""From a task to a finished, judged result: what is done, what is kept, and how it ends when things go wrong."""

from __future__ import annotations

import pytest

from memento_memory.case import Evidence, Outcome, Task
from memento_memory.errors import InputError, NotFoundError
from memento_planner import run_state
from memento_planner.checks import Checks
from memento_planner.events import CycleFailed, Planned, SubtaskEnded, ToolReturned
from memento_planner.models.chat import Supports
from memento_planner.models.errors import ModelUnavailableError
from memento_planner.run_state import Status
from planner.scripted import calls
from planner.solving import READ, READS, TASK, WRITE, WRITES, Workshop, a_plan


def test_a_task_is_planned_carried_out_answered_judged_and_kept(shop: Workshop) -> None:
    shop.script(
        planner=[a_plan(WRITE, READ)],
        executor=[WRITES, "wrote it", READS, "it says milk", "The list says milk."],
        judge=['{"reason": "the file says milk", "verdict": "success", "score": 1}'],
    )
    solved = shop.solve()
    assert (solved.status, solved.answer, solved.why) == (Status.SOLVED, "The list says milk.", "the file says milk")
    assert (shop.folder / "list.txt").read_text() == "milk"
    assert (solved.cycles, solved.calls, solved.tokens) == (1, 2, 7 * 120)
    case = shop.bank.case(solved.case_id)
    assert case.task == TASK
    assert [(s.description, s.tool) for s in case.plan.subtasks] == [WRITE, READ]
    assert (case.result.outcome, case.result.evidence) == (Outcome.SUCCESS, Evidence.JUDGE)


def test_what_was_learned_is_shown_to_the_planner_the_next_time(shop: Workshop) -> None:
    lines = {"executor": [WRITES, "wrote it", "The list says milk."], "judge": None}
    shop.script(planner=[a_plan(WRITE)], **lines)  # type: ignore[arg-type]
    first = shop.solve()
    shop.script(planner=[a_plan(WRITE)], **lines)  # type: ignore[arg-type]
    shop.solve(Task("Write the shopping list to other.txt and read it back"))
    assert "Write milk to list.txt" in shop.planner.asked[0].messages[0].text
    planned = [event for event in shop.heard if isinstance(event, Planned)]
    assert planned[0].cases == ()
    assert planned[1].cases == (first.case_id,)


def test_the_plan_id_is_known_before_the_planner_has_said_anything(shop: Workshop) -> None:
    shop.script(
        planner=[lambda _: pytest.fail("opened too late") if not shop.opened else a_plan("Think")], executor=["ok"]
    )
    assert shop.opened == [shop.solve().plan_id]


def test_a_plan_that_failed_is_followed_by_another_that_knows_why(shop: Workshop) -> None:
    shop.script(
        planner=[a_plan(READ), a_plan(WRITE, READ)],
        executor=[READS, "FAILED: there is no list.txt", WRITES, "wrote it", READS, "milk", "It says milk."],
    )
    solved = shop.solve()
    assert (solved.status, solved.cycles) == (Status.SOLVED, 2)
    assert "there is no list.txt" in shop.planner.asked[1].messages[0].text
    assert [event.cycle for event in shop.heard if isinstance(event, CycleFailed)] == [1]


def test_each_cycle_is_a_step_of_one_trajectory(shop: Workshop) -> None:
    shop.script(
        planner=[a_plan(READ), a_plan(WRITE)],
        executor=[READS, "FAILED: there is no list.txt", WRITES, "wrote it", "It says milk."],
    )
    solved = shop.solve()
    state = run_state.load(shop.bank.database, solved.plan_id)
    first, second = (shop.bank.episode(cycle.plan_id) for cycle in state.cycles)
    assert second.previous == first.plan_id
    assert first.task == TASK
    assert second.task.text.startswith(TASK.text)
    assert "there is no list.txt" in second.task.text
    assert first.result is not None
    assert second.result is not None
    assert (first.result.outcome, second.result.outcome) == (Outcome.FAILURE, Outcome.SUCCESS)
    assert second.slate.decision is None or second.slate.decision.k == 4


def test_success_after_several_plans_is_kept_as_one_plan_for_the_task_itself(shop: Workshop) -> None:
    shop.script(
        planner=[a_plan(WRITE, ("Read other.txt", "read_file")), a_plan(READ)],
        executor=[
            WRITES,
            "wrote it",
            calls(("read_file", {"path": "other.txt"})),
            "FAILED: not there",
            READS,
            "milk",
            "milk",
        ],
    )
    solved = shop.solve()
    case = shop.bank.case(solved.case_id)
    assert case.task == TASK
    assert [step.description for step in case.plan.subtasks] == [WRITE[0], READ[0]]
    assert case.result.outcome is Outcome.SUCCESS


def test_a_failed_step_keeps_those_that_need_it_from_being_tried(shop: Workshop) -> None:
    shop.script(planner=[a_plan(READ, WRITE)], executor=["FAILED: no"])
    solved = shop.solve(cycles=1)
    assert (solved.status, solved.outcome) == (Status.FAILED, "failure")
    assert [event.subtask for event in shop.heard if isinstance(event, SubtaskEnded)] == [1]
    assert solved.plan is not None
    assert len(solved.plan.subtasks) == 1
    assert not (shop.folder / "list.txt").exists()


def test_a_check_that_fails_makes_it_plan_again(shop: Workshop) -> None:
    shop.script(planner=[a_plan("Guess"), a_plan("Count")], executor=["I guess", "41", "I counted", "42"])
    solved = shop.solve(checks=Checks(answer="42"))
    assert (solved.status, solved.cycles, solved.answer, solved.evidence) == (Status.SOLVED, 2, "42", "test_passed")


def test_a_check_that_cannot_be_made_is_neither_a_success_nor_mended_by_another_plan(shop: Workshop) -> None:
    shop.script(planner=[a_plan("Guess"), a_plan("Count")], executor=["I guess", "41"])
    solved = shop.solve(checks=Checks(command="there-is-no-such-command-here"))
    assert (solved.status, solved.outcome, solved.cycles) == (Status.FAILED, "unknown", 1)


def test_a_small_model_neither_judges_nor_rewords_the_answer(shop: Workshop) -> None:
    shop.script(planner=[a_plan(READ)], executor=['{"path": "list.txt"}'], judge=["never asked"])
    (shop.folder / "list.txt").write_text("eggs")
    small = Supports(tools=False, small=True)
    assert shop.judge is not None
    shop.executor.supports = shop.judge.supports = small
    solved = shop.solve()
    assert (solved.answer, solved.evidence) == ("eggs", "self_report")
    assert not shop.judge.asked
    assert len(shop.executor.asked) == 1


def test_a_planner_without_a_plan_gives_way_to_the_draft(shop: Workshop) -> None:
    shop.script(planner=[a_plan(WRITE)], executor=[WRITES, "wrote it", "milk"])
    shop.solve(Task("Write 'milk' to list.txt"))
    shop.script(planner=["no JSON"], executor=[WRITES, "wrote it", "milk"])
    solved = shop.solve(Task("Write 'milk' to list.txt"))
    assert solved.status is Status.SOLVED
    planned = [event for event in shop.heard if isinstance(event, Planned)][-1]
    assert planned.source == "adapted"
    assert "no usable reply" in planned.repairs[0]


def test_a_planner_without_a_plan_and_no_draft_is_a_failure_that_blames_no_plan(shop: Workshop) -> None:
    shop.script(planner=["no JSON"], executor=["never asked"])
    solved = shop.solve()
    assert (solved.status, solved.outcome) == (Status.FAILED, "unknown")
    assert "no usable reply in 3 attempts" in solved.why
    assert len(shop.planner.asked) == 3


def test_a_model_that_is_down_ends_it_truthfully_and_can_be_gone_on_with(shop: Workshop) -> None:
    shop.script(planner=[a_plan(WRITE)], executor=[ModelUnavailableError("executor: no answer; is it running?")])
    solved = shop.solve()
    assert (solved.status, solved.outcome) == (Status.FAILED, "unknown")
    assert "is it running?" in solved.why
    assert solved.answer


def test_a_tool_server_that_is_down_says_nothing_about_the_plan(shop: Workshop) -> None:
    def broken(path: str) -> str:
        raise ConnectionError("the server is down")

    shop.tools.add(broken, name="fetch")  # type: ignore[attr-defined]
    shop.script(
        planner=[a_plan(("Fetch it", "fetch"))], executor=[calls(("fetch", {"path": "x"})), "FAILED: no server"]
    )
    solved = shop.solve(cycles=1)
    assert solved.outcome == "unknown"
    assert [e.is_error for e in shop.heard if isinstance(e, ToolReturned)] == [True]


def test_an_answer_by_rule_says_why_a_step_failed_that_said_nothing(shop: Workshop) -> None:
    shop.script(planner=[a_plan("Think")], executor=[""])
    assert "the model said nothing" in shop.solve(cycles=1).answer


def test_cases_and_notes_come_from_all_namespaces_and_the_outcome_goes_to_the_first(shop: Workshop) -> None:
    shop.bank.notes.add("theirs", "lists.md", "# The shopping list\n\nWrite the shopping list to list.txt in capitals.")
    shop.script(
        planner=[a_plan(READ), a_plan(WRITE)],
        executor=[READS, "FAILED: there is no list.txt", WRITES, "wrote it", "It says milk."],
    )
    solved = shop.solve(namespaces=("ours", "theirs"))
    assert "in capitals" in shop.planner.asked[0].messages[0].text
    assert shop.bank.case(solved.case_id).namespace == "ours"


def test_a_task_or_a_run_has_to_be_named(shop: Workshop) -> None:
    with pytest.raises(InputError, match="task"):
        shop.solve(None)
    with pytest.raises(NotFoundError, match="plan_id"):
        shop.solve(None, resume="p-none")
    assert shop.bank.stats().episodes == 0


def test_what_an_earlier_plan_found_out_is_known_to_the_next_one_and_its_steps(shop: Workshop) -> None:
    (shop.folder / "code.txt").write_text("the code is 4711")
    find = ("Find the code", "read_file")
    shop.script(
        planner=[a_plan(find, READ), a_plan("Say the code")],
        executor=[calls(("read_file", {"path": "code.txt"})), "it is 4711", READS, "FAILED: not there", "4711", "4711"],
    )
    solved = shop.solve()
    assert solved.status is Status.SOLVED
    assert "it is 4711" in shop.planner.asked[1].messages[0].text
    assert "it is 4711" in shop.executor.asked[4].messages[0].text
    later = shop.bank.episode(run_state.load(shop.bank.database, solved.plan_id).cycles[1].plan_id).task.text
    assert "done: Find the code" in later
    assert "4711" not in later  # others will read the case


def test_what_nobody_foresaw_leaves_a_run_that_can_be_gone_on_with(shop: Workshop) -> None:
    shop.script(planner=[a_plan(WRITE)], executor=[RuntimeError("nobody foresaw this")])
    with pytest.raises(RuntimeError, match="nobody foresaw"):
        shop.solve()
    state = run_state.load(shop.bank.database, shop.opened[0])
    assert (state.status, state.is_over) == (Status.FAILED, False)
    assert "nobody foresaw this" in state.why
    shop.script(planner=["never asked"], executor=[WRITES, "wrote it", "done"])
    assert shop.solve(None, resume=shop.opened[0]).status is Status.SOLVED
