"""What the planner of a run is told in each cycle, and what a cycle that did not work says of its plan."""

from __future__ import annotations

import json

import anyio

from memento_memory.case import Task
from memento_memory.lessons import Draft, Lesson
from memento_memory.plan import Plan, Subtask
from memento_memory.retention import Report
from memento_memory.store import cases
from memento_planner import run_state
from memento_planner.events import Planned
from memento_planner.models.chat import Reply, Request, Stop
from memento_planner.models.errors import ModelUnavailableError
from memento_planner.run_state import Status
from memory.making import SUCCESS, report
from planner.scripted import calls
from planner.solving import READ, READS, WRITE, WRITES, Workshop, a_plan

MILK = Task("Write 'milk' to list.txt")
ADAPTED = "adapted to the new task by rule"


def told(shop: Workshop, cycle: int = 1) -> str:
    """What the planner was asked in a cycle."""
    return shop.planner.asked[cycle - 1].messages[0].text


def a_lesson(shop: Workshop, text: str) -> Lesson:
    """A lesson from shopping lists that were written before."""
    made = [
        shop.bank.retain(report(f"Write the shopping list to {name}.txt and read it back", f"Write {name}.txt")).case
        for name in ("food", "drinks", "tools", "gifts")
    ]
    with shop.bank.database.reading() as db:
        keys = cases.keys_of(db, [case.id for case in made if case is not None])
    lesson = shop.bank.lessons.put(Draft("default", "lists", text, "rule", tuple(keys.values())))
    assert lesson is not None
    return lesson


def test_notes_and_lessons_that_fit_are_told_and_counted_once_however_often_the_planner_is_asked(
    shop: Workshop,
) -> None:
    lesson = a_lesson(shop, "One item a line.")
    shop.bank.notes.add(
        "default", "lists.md", "# The shopping list\n\nWrite the shopping list to list.txt in capitals."
    )
    shop.script(planner=[ModelUnavailableError("planner: it is down")], executor=["never asked"])
    first = shop.solve()
    shop.script(planner=[a_plan("Think")], executor=["thought"])
    solved = shop.solve(None, resume=first.plan_id)
    assert solved.status is Status.SOLVED
    assert "One item a line." in told(shop)
    assert "in capitals" in told(shop)
    assert shop.bank.lessons.one(lesson.id).shown == 1


def test_the_next_plan_is_asked_for_with_what_was_done_what_failed_and_the_plan_itself(shop: Workshop) -> None:
    shop.script(
        planner=[a_plan(WRITE, ("Read other.txt", "read_file")), a_plan(READ)],
        executor=[
            WRITES,
            "wrote it",
            calls(("read_file", {"path": "other.txt"})),
            "FAILED: not there",
            READS,
            "milk",
            "It says milk.",
        ],
    )
    assert shop.solve().cycles == 2
    assert "Plan that failed:" not in told(shop)
    assert "done: Write milk to list.txt" in told(shop, 2)
    assert "failed: Read other.txt (not there)" in told(shop, 2)
    assert "Plan that failed:" in told(shop, 2)


def test_the_judge_knows_what_an_earlier_plan_got_done(shop: Workshop) -> None:
    shop.script(
        planner=[a_plan("Count the ships", "Ask the harbour master"), a_plan("Think")],
        executor=["twelve ships", "FAILED: asleep", "thought", "Twelve."],
        judge=['{"reason": "counted", "verdict": "success", "score": 1}'],
    )
    assert shop.solve().status is Status.SOLVED
    assert shop.judge is not None
    assert "twelve ships" in shop.judge.asked[0].messages[0].text
    assert "asleep" not in shop.judge.asked[0].messages[0].text


def test_a_draft_that_failed_in_this_run_is_neither_offered_again_nor_taken(shop: Workshop) -> None:
    lines = {"planner": [a_plan(WRITE), "no JSON"], "executor": [WRITES, "wrote it", "milk"]}
    shop.script(**lines)  # type: ignore[arg-type]
    shop.solve(MILK)
    shop.script(planner=[a_plan(WRITE), "no JSON"], executor=["FAILED: the disk is full"])
    solved = shop.solve(MILK)
    assert ADAPTED in told(shop)
    assert ADAPTED not in told(shop, 2)
    assert (solved.status, solved.cycles, solved.outcome) == (Status.FAILED, 2, "unknown")
    assert "no usable reply" in solved.why


def test_a_planner_that_declines_gives_way_to_the_draft(shop: Workshop) -> None:
    shop.script(planner=[a_plan(WRITE)], executor=[WRITES, "wrote it", "milk"])
    shop.solve(MILK)
    shop.script(planner=[Reply("I would rather not", stop=Stop.REFUSAL)], executor=[WRITES, "wrote it", "milk"])
    assert shop.solve(MILK).status is Status.SOLVED


def test_the_plan_that_is_carried_out_is_the_one_the_episode_knows(shop: Workshop) -> None:
    def plan(_: Request) -> str:
        assert shop.bank.episode(shop.opened[0]).draft is None
        return a_plan("Think", "Think more")

    def work(_: Request) -> str:
        draft = shop.bank.episode(shop.opened[0]).draft
        assert draft is not None
        assert [step.description for step in draft.subtasks] == ["Think", "Think more"]
        return "thought"

    shop.script(planner=[plan], executor=[work])
    assert shop.solve().status is Status.SOLVED


def test_of_many_tools_the_planner_is_told_those_that_fit(shop: Workshop) -> None:
    def weigh(cargo: str) -> str:
        """Weigh the cargo."""
        return "340 t"

    for number in range(60):
        shop.tools.add(weigh, name=f"other_{number}")  # type: ignore[attr-defined]
    shop.tools.add(weigh, name="scales")  # type: ignore[attr-defined]
    shop.tools.add(lambda: "no", name="unlike")  # type: ignore[attr-defined]
    shop.script(planner=[a_plan("Think")], executor=["thought"])
    shop.solve(Task("scales for cargo"))
    assert "scales: Weigh the cargo." in told(shop)
    assert "list_files" not in told(shop)


def test_a_call_that_failed_last_is_evidence_where_the_executors_word_is_less(shop: Workshop) -> None:
    shop.script(planner=[a_plan(READ)], executor=[READS, "FAILED: there is no list.txt"])
    assert shop.solve(cycles=1).evidence == "tool_result"
    shop.script(planner=[a_plan("Think")], executor=["FAILED: too hard"])
    assert shop.solve(cycles=1).evidence == "self_report"


def test_cases_for_the_next_plan_are_chosen_for_the_state_it_starts_from(shop: Workshop) -> None:
    for asked in (1, 2):  # the second time the plan is known to have failed, and the planner has to keep to it
        shop.script(
            planner=[a_plan(READ)] * asked + [a_plan(WRITE)],
            executor=[READS, "FAILED: there is no list.txt", WRITES, "wrote it", "It says milk."],
        )
        solved = shop.solve()
    second = shop.bank.episode(run_state.load(shop.bank.database, solved.plan_id).cycles[1].plan_id)
    assert "there is no list.txt" in second.task.text
    assert second.slate.shown[0].case.task == second.task


def test_a_case_whose_tools_are_at_hand_comes_before_one_whose_are_not(shop: Workshop) -> None:
    made = []
    for name, tool in (("food", "files__gone"), ("drinks", "files__write")):
        plan = Plan((Subtask(1, f"Write {name}", (), tool),))
        made.append(shop.bank.retain(Report(SUCCESS, task=Task(f"Write the list of {name}"), plan=plan)).case)
    shop.tools.add(lambda: "wrote it", name="files__write")  # type: ignore[attr-defined]
    shop.script(planner=[a_plan("Think")], executor=["thought"])
    shop.solve(Task("Write the list of gifts"))
    (planned,) = (event for event in shop.heard if isinstance(event, Planned))
    assert planned.cases == tuple(case.id for case in reversed(made) if case is not None)


def test_one_step_at_fault_is_a_failure_even_where_another_lost_its_server(shop: Workshop) -> None:
    looked = anyio.Event()

    async def fetch() -> str:
        await looked.wait()
        raise ConnectionError("the server is down")

    def look() -> str:
        looked.set()
        raise ValueError("nothing there")

    def work(request: Request) -> Reply | str:
        step = request.messages[0].text.split()[-1]
        if step not in ("fetch", "look"):
            return "It did not work."
        return calls((step, {})) if len(request.messages) == 1 else f"FAILED: cannot {step}"

    for tool in (fetch, look):
        shop.tools.add(tool)  # type: ignore[attr-defined]
    steps = [{"id": 1, "description": "Do fetch"}, {"id": 2, "description": "Do look"}]
    shop.script(planner=[json.dumps({"plan": steps})], executor=[work])
    solved = shop.solve(cycles=1)
    assert solved.why == "step 1: cannot fetch; step 2: cannot look"
    assert (solved.outcome, solved.evidence) == ("failure", "tool_result")
