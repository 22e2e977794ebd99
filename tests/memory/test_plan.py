"""A plan is read from whatever people and models write, or refused with the reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import InputError
from memento_memory.plan import MAX_STEPS, Plan, Subtask, from_lines, parse_plan

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
ids = st.integers(1, 4) | st.sampled_from(["a", "b", "\ud800"]) | json_values
step_like = st.fixed_dictionaries(
    {},
    optional={
        "id": ids,
        "description": st.text(max_size=10) | json_values,
        "step": st.text(max_size=10),
        "depends_on": st.lists(ids, max_size=3) | json_values,
        "tool": st.text(max_size=5) | json_values,
    },
)
plan_like = st.lists(step_like | st.text(max_size=10) | json_values, max_size=6)
sources = (
    st.text(max_size=80)
    | st.text('12.)-*•[]{}":,\n abc', max_size=80)
    | plan_like
    | plan_like.map(json.dumps)
    | st.dictionaries(st.sampled_from(["plan", "steps", "subtasks", "x"]), plan_like | json_values, max_size=2)
    | json_values.map(json.dumps)
)
lines = st.lists(
    st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=20).filter(str.strip), min_size=1
)


def descriptions(plan: Plan) -> list[str]:
    return [step.description for step in plan.subtasks]


@given(sources)
def test_any_input_is_a_sound_plan_or_an_input_error(source):
    try:
        plan = parse_plan(source)
    except InputError as error:
        str(error).encode("utf-8")  # it goes out as JSON
        return
    assert 1 <= len(plan.subtasks) <= MAX_STEPS
    for number, step in enumerate(plan.subtasks, start=1):
        assert step.id == number
        assert step.description.strip() == step.description != ""
        assert all(1 <= other < number for other in step.depends_on)
    assert parse_plan(plan.to_json()) == plan
    assert parse_plan(json.dumps({"plan": plan.to_json()})) == plan


@given(lines)
def test_steps_given_as_lines_are_done_one_after_the_other(steps):
    plan = from_lines(steps[:MAX_STEPS])
    assert descriptions(plan) == [step.strip() for step in steps[:MAX_STEPS]]
    assert [step.depends_on for step in plan.subtasks] == [(), *((i,) for i in range(1, len(plan.subtasks)))]


@given(lines)
def test_a_plan_written_out_as_numbered_lines_is_read_back_the_same(steps):
    plan = from_lines(steps[:MAX_STEPS])
    assert parse_plan(plan.text()) == plan


@pytest.mark.parametrize(
    "text",
    [
        "1. open\n2. read",
        "1) open\n2) read",
        "Step 1: open\nStep 2: read",
        "- open\n- read",
        "* open\n\n* read",
        "• open\n• read",
        "open\nread",
        '["open", "read"]',
        '{"plan": ["open", "read"]}',
        '{"steps": [{"id": 1, "step": "open"}, {"id": 2, "text": "read", "depends_on": 1}]}',
    ],
)
def test_the_usual_ways_to_write_a_plan_are_all_understood(text):
    assert parse_plan(text) == from_lines(["open", "read"])


def test_a_line_without_a_number_continues_the_step_above_it():
    assert descriptions(parse_plan("1. open the file\n   and check it\n2. read")) == [
        "open the file and check it",
        "read",
    ]


@pytest.mark.parametrize("step", ['[ "$x" = y ] && ls', "[ -f a ] || touch a", "{ ls; pwd; }", "{a,b}"])
def test_a_shell_command_that_begins_like_json_is_a_step(step):
    assert descriptions(parse_plan(step)) == [step]


def test_steps_are_put_into_an_order_in_which_they_can_be_done_and_renumbered():
    plan = parse_plan(
        [
            {"id": "write", "description": "write", "depends_on": ["read", "think"], "tool": "editor"},
            {"id": "read", "description": "read"},
            {"id": "think", "description": "think", "depends_on": ["read"]},
        ]
    )
    assert plan.subtasks == (
        Subtask(1, "read"),
        Subtask(2, "think", (1,)),
        Subtask(3, "write", (1, 2), "editor"),
    )


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "is empty"),
        ([], "no steps"),
        ({"goal": "x"}, "no key 'plan'"),
        ([1, 2], r"plan\[1\]: is not a step"),
        ('{"plan": 5}', "not a list of steps"),
        ('{"plan": [', "looks like JSON but is not"),
        ([{"description": " "}], r"plan\[1\].description: is empty"),
        ([{"id": 1}], r"plan\[1\]: has no text under 'description'"),
        ([{"description": "a", "tool": 5}], r"plan\[1\].tool: is not text"),
        ([{"id": [1], "description": "a"}], "neither a number nor a text"),
        ([{"id": 1, "description": "a"}, {"id": 1, "description": "b"}], "the same id"),
        ([{"id": 1, "description": "a", "depends_on": [7]}], "depends on step 7, which does not exist"),
        ([{"id": 1, "description": "a", "depends_on": [1]}], "in a circle"),
        (["x"] * (MAX_STEPS + 1), "at most 100"),
        ([{"description": "x" * 9_999}] * 11, "at most 100,000"),
        ("x" * 100_001, "at most 100,000"),
        ([{"description": "x" * 10_001}], r"plan\[1\].description: is 10,001 bytes"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_reason(source, problem):
    with pytest.raises(InputError, match=problem):
        parse_plan(source)


def test_the_error_names_the_field_the_plan_was_given_in():
    with pytest.raises(InputError) as caught:
        parse_plan([], field="draft")
    assert caught.value.field == "draft"


@pytest.mark.parametrize("depth", [500, 5_000, 50_000])
def test_json_nested_without_end_is_refused(depth):
    for source in ('{"plan":' * depth + "[]" + "}" * depth, '[{"id":' + "[" * depth + "]" * depth + "}]"):
        with pytest.raises(InputError):
            parse_plan(source)


def test_plans_that_differ_only_in_form_have_one_skeleton():
    first = parse_plan("1. Open the file.\n2. Read it")
    assert parse_plan(["open  the FILE", "read it!"]).skeleton == first.skeleton


@pytest.mark.parametrize(
    "other",
    [
        ["open the file", "write it"],
        ["open the file"],
        [{"description": "open the file"}, {"description": "read it"}],  # nothing depends on anything
        [{"description": "open the file", "tool": "fs"}, {"description": "read it", "depends_on": [1]}],
    ],
)
def test_steps_order_and_tools_are_part_of_the_skeleton(other):
    assert parse_plan(other).skeleton != parse_plan(["open the file", "read it"]).skeleton
