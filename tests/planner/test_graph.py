"""A model's plan, set right by rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import InputError
from memento_memory.plan import Plan, parse_plan
from memento_planner.graph import MAX_STEPS, closest_tool, mended, refusal

TOOLS = ("notes__write_note", "notes__read_note", "files__delete_file", "calendar__create_event")


def step(id: Any, text: str, *needs: Any, tool: str = "") -> dict[str, Any]:
    return {"id": id, "description": text, "depends_on": list(needs), "tool": tool}


def plan_of(*steps: dict[str, Any]) -> Plan:
    return mended({"plan": list(steps)}, TOOLS)[0]


def done(*steps: dict[str, Any]) -> list[str]:
    return [repair.done for repair in mended({"plan": list(steps)}, TOOLS)[1]]


def test_a_sound_plan_stays_as_it_is() -> None:
    steps = [step(1, "Write it", tool="notes__write_note"), step(2, "Read it", 1, tool="notes__read_note")]
    assert mended({"plan": steps}, TOOLS) == (parse_plan(steps), ())


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("write_note", "notes__write_note"),
        ("memos__write_note", "notes__write_note"),
        ("notes__Write-Note", "notes__write_note"),
        ("notes__wirte_note", "notes__write_note"),
        ("notes.read_note", "notes__read_note"),
        ("calendar__delete_event", ""),
        ("files__undelete_file", ""),
        ("search", ""),
    ],
)
def test_a_tool_is_recognised_without_its_prefix_or_misspelt_but_never_taken_for_its_opposite(
    name: str, tool: str
) -> None:
    assert closest_tool(name, TOOLS) == tool


def test_a_name_that_fits_two_tools_fits_none() -> None:
    assert closest_tool("read", ("a__read", "b__read")) == ""


def test_an_unknown_tool_is_told_with_the_tools_at_hand() -> None:
    plan, (repair,) = mended({"plan": [step(1, "Look it up", tool="web_search")]}, TOOLS)
    assert plan.subtasks[0].tool == ""
    assert "web_search" in repair.problem
    assert TOOLS[0] in repair.problem
    assert repair.done == "step 1 names the tool web_search, which is not at hand: left out"


def test_unknown_dependencies_are_dropped() -> None:
    steps = [step(1, "Write it", 7), step(2, "Read it", 1)]
    assert [s.depends_on for s in plan_of(*steps).subtasks] == [(), (1,)]
    assert done(*steps) == ["step 1 depends on step 7, which does not exist: dropped"]


def test_a_step_that_depends_on_itself_is_freed_without_asking() -> None:
    plan, repairs = mended({"plan": [step(1, "a", 1), step(2, "b", 1, 2)]}, TOOLS)
    assert [s.depends_on for s in plan.subtasks] == [(), (1,)]
    assert repairs[0].done == "step 1 depends on itself: dropped"
    assert refusal(repairs) is None


def test_a_circle_is_opened_at_the_dependency_that_leads_back() -> None:
    steps = [step(1, "a", 2), step(2, "b", 1), step(3, "c", 2)]
    assert [s.depends_on for s in plan_of(*steps).subtasks] == [(), (1,), (2,)]
    assert done(*steps) == ["step 1 depends in a circle on step 2: dropped"]


def test_a_step_that_waits_for_a_later_one_outside_any_circle_is_moved_not_mended() -> None:
    steps = [step(1, "a", 2), step(2, "b"), step(3, "c", 4), step(4, "d", 3)]
    assert [s.description for s in plan_of(*steps).subtasks] == ["b", "a", "c", "d"]
    assert done(*steps) == ["step 3 depends in a circle on step 4: dropped"]


def test_steps_with_the_same_id_are_numbered_anew() -> None:
    plan = plan_of(step(1, "a"), step(1, "b", 1), step(1, "c"))
    assert [(s.id, s.description, s.depends_on) for s in plan.subtasks] == [(1, "a", ()), (2, "b", (1,)), (3, "c", ())]


def test_a_step_said_twice_is_dropped_and_what_needs_it_needs_the_first() -> None:
    plan = plan_of(step(1, "Read it"), step(2, "read  it.", 1), step(3, "Sum it up", 2))
    assert [(s.description, s.depends_on) for s in plan.subtasks] == [("Read it", ()), ("Sum it up", (1,))]


def test_a_step_done_again_after_something_changed_is_kept() -> None:
    steps = [step(1, "Run the tests"), step(2, "Fix them", 1), step(3, "Run the tests", 2)]
    assert len(plan_of(*steps).subtasks) == 3
    assert done(*steps) == []


def test_too_many_steps_are_joined_at_the_end() -> None:
    steps = [step(i, f"do {i}", *([i - 1] if i > 1 else [])) for i in range(1, MAX_STEPS + 4)]
    plan = plan_of(*steps)
    assert len(plan.subtasks) == MAX_STEPS
    assert plan.subtasks[-1].description == "do 20; then do 21; then do 22; then do 23"
    assert plan.subtasks[-1].depends_on == (19,)
    assert done(*steps[:MAX_STEPS]) == []


@pytest.mark.parametrize("raw", [{"plan": []}, {}, [], {"plan": [{"id": 1}]}, "a plan", None, 3, {"plan": [3]}])
def test_what_is_no_plan_is_refused(raw: Any) -> None:
    with pytest.raises(InputError):
        mended(raw, TOOLS)


def test_a_list_of_sentences_is_a_plan() -> None:
    assert mended(["Write it", "Read it"], TOOLS)[0] == parse_plan(["Write it", "Read it"])


def test_only_what_the_model_should_set_right_is_sent_back() -> None:
    _, repeats = mended({"plan": [step(1, "a"), step(2, "a")]}, TOOLS)
    assert repeats
    assert refusal(repeats) is None
    _, repairs = mended(
        {"plan": [step(1, "a", 3, 5, tool="x"), step(2, "b", 1), step(3, "c", 2, 4), step(4, "d", 3)]}, TOOLS
    )
    said = str(refusal(repairs))
    assert "names the tool x" in said
    assert "step 5, which does not exist" in said
    assert said.count("circle") == 1


ids = st.integers(1, 6) | st.sampled_from(["a", "1", ""])
texts = st.sampled_from(["a", "b", "c", "d e f"])
tools = st.sampled_from(["", "write_note", "nothing", *TOOLS])


@given(st.lists(st.builds(lambda i, t, n, w: step(i, t, *n, tool=w), ids, texts, st.lists(ids), tools), min_size=1))
def test_whatever_is_wrong_a_sound_plan_comes_out_and_mending_it_again_changes_nothing(steps: list[Any]) -> None:
    plan, _ = mended({"plan": steps[:60]}, TOOLS)
    assert 1 <= len(plan.subtasks) <= MAX_STEPS
    assert all(s.tool in ("", *TOOLS) for s in plan.subtasks)
    assert all(need < s.id for s in plan.subtasks for need in s.depends_on)
    assert mended({"plan": plan.to_json()}, TOOLS) == (plan, ())
