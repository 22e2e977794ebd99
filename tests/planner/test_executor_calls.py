"""Calls that cannot be made, and tools that fail, are told to the model, which goes on."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from memento_planner.executor import SubtaskStatus
from memento_planner.models.chat import Stop
from memento_planner.toolbelt import wrong_arguments
from planner.file_tools import FunctionTools, file_tools
from planner.scripted import ScriptedModel, calls
from planner.steps import Stage, called, told, unreadable

DONE, FAILED = SubtaskStatus.DONE, SubtaskStatus.FAILED
READ = calls(("read_file", {"path": "report.txt"}))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "report.txt").write_text("Ships: 12\n", encoding="utf-8")
    return Stage(file_tools(tmp_path))


def test_arguments_that_are_no_json_go_back_with_the_problem(stage: Stage) -> None:
    model = ScriptedModel(unreadable("read_file", '{"path": "rep'), READ, "12 ships")
    assert stage.run(model).status is DONE
    [message] = told(model.asked[1])
    assert message.is_error
    assert message.text == 'the arguments are no JSON object: {"path": "rep'


def test_arguments_that_were_cut_off_are_said_to_be_too_long(stage: Stage) -> None:
    model = ScriptedModel(unreadable("read_file", '{"path": "rep', stop=Stop.LENGTH), "ok")
    stage.run(model)
    assert told(model.asked[1])[0].text.endswith("your reply was too long and was cut off, so write less")


def test_three_unusable_calls_in_a_row_fail_the_step(stage: Stage) -> None:
    model = ScriptedModel(unreadable("read_file", "{"))
    ended = stage.run(model)
    assert ended.status is FAILED
    assert ended.why == "3 calls in a row could not be made; the arguments are no JSON object: {"
    assert (len(model.asked), called(stage)) == (3, [])


def test_a_call_that_can_be_made_starts_the_count_anew(stage: Stage) -> None:
    bad = unreadable("read_file", "{")
    model = ScriptedModel(bad, bad, READ, bad, bad, "12 ships")
    assert stage.run(model).status is DONE


def test_no_arguments_at_all_are_fine_for_a_tool_that_needs_none(stage: Stage) -> None:
    assert stage.run(ScriptedModel(unreadable("list_files", ""), "ok")).calls[0].text == "report.txt"


def test_an_unknown_tool_is_answered_with_close_names(stage: Stage) -> None:
    model = ScriptedModel(calls(("readfile", {"path": "a"})), "ok")
    ended = stage.run(model)
    assert told(model.asked[1])[0].text.startswith("there is no tool 'readfile'; there is: read_file")
    assert ended.calls == ()


def test_missing_and_wrong_arguments_are_caught_before_the_call(stage: Stage) -> None:
    model = ScriptedModel(calls(("write_file", {"path": 3})), "ok")
    stage.run(model)
    assert told(model.asked[1])[0].text == ("the arguments do not fit: missing: text; path has to be string, not 3")
    assert called(stage) == []


@pytest.mark.parametrize(
    ("value", "kind", "fits"),
    [
        ("x", "string", True),
        (1, "string", False),
        (1, "integer", True),
        (1.0, "integer", True),
        (1.5, "integer", False),
        (math.inf, "integer", False),
        (True, "integer", False),
        (True, "number", False),
        (1.5, "number", True),
        (True, "boolean", True),
        ([], "array", True),
        ({}, "array", False),
        ({}, "object", True),
        (None, "null", True),
        (None, ["string", "null"], True),
        (1, ["string", "null"], False),
        (1, "no such type", True),
        (1, None, True),
    ],
)
def test_types_are_checked_as_json_schema_has_them(value: object, kind: object, fits: bool) -> None:
    problem = wrong_arguments({"a": value}, {"properties": {"a": {"type": kind}}})
    assert (problem == "") is fits


@pytest.mark.parametrize("schema", [{}, {"properties": None, "required": None}, {"properties": {"a": True}}])
def test_a_schema_that_says_little_lets_everything_through(schema: dict[str, object]) -> None:
    assert wrong_arguments({"a": 1}, schema) == ""


def test_a_failed_tool_is_told_to_the_model_which_goes_on(stage: Stage) -> None:
    model = ScriptedModel(calls(("read_file", {"path": "no.txt"})), READ, "12 ships")
    ended = stage.run(model)
    assert ended.status is DONE
    assert told(model.asked[1])[0].is_error
    assert "FileNotFoundError" in told(model.asked[1])[0].text
    assert [(call.is_error, call.infrastructure) for call in ended.calls] == [(True, False), (False, False)]
    assert len(model.asked) == 3


def test_a_call_that_failed_for_want_of_the_server_may_be_made_again(tmp_path: Path) -> None:
    attempts = []

    def fetch() -> str:
        """Fetch."""
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("the server is down")
        return "there"

    tools = FunctionTools()
    tools.add(fetch)
    fetching = calls(("fetch", {}))
    ended = Stage(tools).run(ScriptedModel(fetching, fetching, "there"))
    assert [(call.is_error, call.infrastructure) for call in ended.calls] == [(True, True), (False, False)]


def test_a_server_that_stays_down_is_not_asked_for_ever(tmp_path: Path) -> None:
    def fetch() -> str:
        """Fetch."""
        raise ConnectionError("the server is down")

    tools = FunctionTools()
    tools.add(fetch)
    ended = Stage(tools).run(ScriptedModel(calls(("fetch", {}))))
    assert (ended.status, len(ended.calls)) == (FAILED, 3)
    assert all(call.infrastructure for call in ended.calls)
