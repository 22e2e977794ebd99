"""A run on its way: what is written down, what was carried out, and the state of the next cycle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memento_memory import runs
from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_memory.errors import BankError, InputError, NotFoundError
from memento_memory.plan import Plan, Subtask, from_lines
from memento_planner import run_state
from memento_planner.budget import Budget
from memento_planner.events import Spent
from memento_planner.journal import Journal
from memento_planner.progress import CallMade, SubtaskResult, SubtaskStatus
from memento_planner.run_state import Cycle, RunState, Status
from memento_planner.state import MAX_PROGRESS_CHARS, with_progress

TASK = Task("Note the population of Lyon", "geo")
DONE, FAILED = SubtaskStatus.DONE, SubtaskStatus.FAILED


def call(tool: str, *, failed: bool = False) -> CallMade:
    return CallMade(1, tool, {"a": [1, "ü"]}, failed, False, True, "said")


def a_state(*cycles: Cycle) -> RunState:
    return RunState(TASK, ("default",), 4, 3, Budget(), cycles=cycles)


def opened(bank: CaseBank) -> str:
    return bank.open_episode(TASK, bank.retrieve(TASK), None).plan_id


FIRST = Cycle(
    "p-1",
    from_lines(["Look it up", "Write it down"]),
    "scripted",
    {1: SubtaskResult(1, DONE, "522250", "", (call("web__search"),)), 2: SubtaskResult(2, FAILED, "", "disk full")},
    "step 2: disk full",
)
SECOND = Cycle(
    "p-2",
    Plan((Subtask(1, "Write it elsewhere", (), "notes__write"),)),
    "scripted",
    {1: SubtaskResult(1, DONE, "wrote it", "", (call("notes__write"),))},
)


def test_a_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    bank = CaseBank(tmp_path / "bank.sqlite3")
    plan_id = opened(bank)
    state = a_state(Cycle(plan_id, FIRST.plan, "scripted", FIRST.results), SECOND)
    run_state.save(bank.database, state)
    assert run_state.load(bank.database, plan_id) == state
    bank.close()


def test_a_run_is_known_by_its_latest_status(tmp_path: Path) -> None:
    bank = CaseBank(tmp_path / "bank.sqlite3")
    first, second = opened(bank), opened(bank)
    for plan_id, status in ((first, "running"), (second, "running"), (first, "gave_up"), (first, "running")):
        runs.save(bank.database, plan_id, status, {})
        found = runs.load(bank.database, plan_id)
        assert found is not None
        assert found.status == status
    assert runs.latest(bank.database, "running") == [first, second]
    assert runs.latest(bank.database, "running", 1) == [first]
    assert runs.latest(bank.database, "gave_up") == []
    bank.close()


def test_a_run_that_is_not_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    bank = CaseBank(tmp_path / "bank.sqlite3")
    with pytest.raises(NotFoundError, match="plan_id"):
        run_state.load(bank.database, "p-none")
    with pytest.raises(NotFoundError):
        run_state.load(bank.database, opened(bank))
    bank.close()


def test_a_run_of_another_version_is_an_error_and_no_crash(tmp_path: Path) -> None:
    bank = CaseBank(tmp_path / "bank.sqlite3")
    plan_id = opened(bank)
    runs.save(bank.database, plan_id, "running", {"task": "of another shape"})
    with pytest.raises(BankError, match="another version"):
        run_state.load(bank.database, plan_id)
    bank.close()


def test_the_first_state_is_the_task_itself() -> None:
    assert a_state().state() == TASK


def test_the_next_state_says_what_is_done_and_what_failed() -> None:
    text = a_state(FIRST).state().text
    assert text.startswith(TASK.text)
    assert "done: Look it up" in text
    assert "failed: Write it down (disk full)" in text
    assert "the plan did not work: step 2: disk full" in text
    assert a_state(FIRST).state().bare == TASK


def test_a_plan_as_executed_names_the_tools_that_were_used_and_no_step_that_never_began() -> None:
    started = Cycle("p-1", from_lines(["Look it up", "Write it down"]), "", {1: FIRST.results[1]})
    executed = started.executed()
    assert executed is not None
    assert [(step.description, step.tool) for step in executed.subtasks] == [("Look it up", "web__search")]
    assert Cycle("p-1", from_lines(["Look it up"])).executed() is None


def test_the_tool_of_a_step_is_the_last_that_worked() -> None:
    made = (call("web__search"), call("web__fetch"), call("notes__write", failed=True))
    executed = Cycle("p-1", from_lines(["Look it up"]), "", {1: SubtaskResult(1, DONE, "522250", "", made)}).executed()
    assert executed is not None
    assert executed.subtasks[0].tool == "web__fetch"


def test_of_a_long_progress_the_latest_is_kept() -> None:
    known = with_progress(with_progress(TASK, "an earlier plan"), "first " + "x" * MAX_PROGRESS_CHARS + " last")
    assert known.text.endswith("xx last")
    assert "first" not in known.text
    assert "an earlier plan" not in known.text


def test_what_was_done_over_all_cycles_is_one_plan() -> None:
    whole = a_state(FIRST, SECOND).executed()
    assert whole is not None
    assert [step.description for step in whole.subtasks] == ["Look it up", "Write it elsewhere"]
    assert [step.id for step in whole.subtasks] == [1, 2]


def test_only_one_journal_at_a_time_holds_a_run(tmp_path: Path) -> None:
    bank = CaseBank(tmp_path / "bank.sqlite3")
    one, other = (Journal(bank.database, a_state(), lambda: Spent(0, 0.0, 0.0, 0)) for _ in range(2))
    one.hold("p-1")
    other.hold("p-2")
    other.release()
    with pytest.raises(InputError, match="another process is at work"):
        other.hold("p-1")
    one.release()
    other.hold("p-1")
    other.release()
    assert not list(tmp_path.glob("*.lock"))
    bank.close()


@pytest.mark.parametrize(
    ("status", "outcome", "over"),
    [
        (Status.SOLVED, "success", True),
        (Status.FAILED, "failure", True),
        (Status.FAILED, "unknown", False),
        (Status.GAVE_UP, "unknown", False),
        (Status.CANCELLED, "", False),
    ],
)
def test_a_run_is_over_when_it_is_known_how_it_ended(status: Status, outcome: str, *, over: bool) -> None:
    assert replace(a_state(), status=status, outcome=outcome).is_over is over


def test_a_run_goes_on_with_what_is_done_and_tries_the_rest_again() -> None:
    broken = replace(FIRST, failure="")
    resumed = replace(a_state(broken), status=Status.FAILED, why="it is down").resumed(Budget(tokens=7))
    assert (resumed.status, list(resumed.cycles[-1].results), resumed.budget) == (Status.RUNNING, [1], Budget())


def test_a_run_that_gave_up_gets_more() -> None:
    state = replace(a_state(), status=Status.GAVE_UP, spent=Spent(100, 0.0, 5.0, 2))
    assert state.resumed(Budget(tokens=7, calls=1, seconds=None)).budget == Budget(tokens=107, calls=3, seconds=None)


def test_a_cycle_that_is_over_keeps_what_failed_in_it_when_a_run_goes_on() -> None:
    resumed = replace(a_state(FIRST), status=Status.CANCELLED).resumed(Budget())
    assert resumed.cycles == (FIRST,)
