"""Behaviour of the executor when something goes wrong: models that dither, tools that fail, bounds that are reached."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.errors import MementoError
from memento_memory.plan import Subtask
from memento_planner.budget import Budget, BudgetSpentError, MeteredTools, Purse
from memento_planner.executor import SubtaskStatus, before_it_repeats
from memento_planner.limits import Limits
from memento_planner.models.chat import Reply, Request, Stop, Usage
from memento_planner.models.errors import (
    ContextLengthError,
    ModelUnavailableError,
    RefusedError,
    UnusableReplyError,
)
from memento_planner.toolbelt import wrong_arguments
from planner.file_tools import FunctionTools, file_tools
from planner.scripted import ScriptedModel, calls
from planner.steps import Stage, told, unreadable

DONE, FAILED, GAVE_UP = SubtaskStatus.DONE, SubtaskStatus.FAILED, SubtaskStatus.GAVE_UP
READ = calls(("read_file", {"path": "report.txt"}))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "report.txt").write_text("Ships: 12\n", encoding="utf-8")
    return Stage(file_tools(tmp_path))


def called(stage: Stage) -> list[str]:
    assert isinstance(stage.tools, FunctionTools)
    return [name for name, *_ in stage.tools.called]


def test_a_model_that_says_nothing_is_reminded_once(stage: Stage) -> None:
    model = ScriptedModel("", "12 ships")
    assert stage.run(model).text == "12 ships"
    assert "You said nothing" in model.asked[1].messages[-1].text


def test_a_model_that_says_nothing_again_has_failed(stage: Stage) -> None:
    model = ScriptedModel(" \n")
    ended = stage.run(model)
    assert (ended.status, ended.why, len(model.asked)) == (FAILED, "the model said nothing", 2)


def test_a_model_whose_every_call_failed_is_asked_once_whether_that_is_the_result(stage: Stage) -> None:
    gone = calls(("read_file", {"path": "missing.txt"}))
    model = ScriptedModel(gone, "done", "there is no missing.txt")
    ended = stage.run(model, Subtask(1, "Find out whether missing.txt is there", (), "read_file"))
    assert (ended.status, ended.text, len(model.asked)) == (DONE, "there is no missing.txt", 3)
    assert "Every call you made failed" in model.asked[2].messages[-1].text
    assert stage.run(ScriptedModel(gone, "done", "FAILED: it is not there")).status is FAILED


def test_a_reply_that_goes_round_in_circles_is_taken_up_to_there(stage: Stage) -> None:
    said = "12 ships came.\n\n340 tons came.\n\n" + "12 ships came.\n\n" * 50 + "12 sh"
    model = ScriptedModel(Reply(said, stop=Stop.LENGTH))
    ended = stage.run(model)
    assert (ended.status, ended.text, len(model.asked)) == (DONE, "12 ships came.\n340 tons came.", 1)


@given(st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_a_cut_reply_without_circles_is_not_taken(lines: list[str]) -> None:
    assert before_it_repeats("\n".join(lines)) == ""


def test_a_reply_that_was_cut_off_is_asked_for_again_shorter_once(stage: Stage) -> None:
    cut = Reply("There are many", stop=Stop.LENGTH, usage=Usage(100, 2_048))
    model = ScriptedModel(cut, "12 ships")
    assert stage.run(model).text == "12 ships"
    assert "at most 200 words" in model.asked[1].messages[-1].text
    ended = stage.run(ScriptedModel(cut))
    assert (ended.status, ended.why) == (FAILED, "the reply was too long and was cut off")


@pytest.mark.parametrize(
    "refused", [Reply("Not that.", stop=Stop.REFUSAL), RefusedError("scripted declined: Not that.")]
)
def test_a_refusal_fails_the_step(stage: Stage, refused: Reply | Exception) -> None:
    ended = stage.run(ScriptedModel(refused))
    assert ended.status is FAILED
    assert "declined: Not that." in ended.why


def test_calls_of_a_refused_reply_are_not_made(stage: Stage) -> None:
    ended = stage.run(ScriptedModel(Reply("No.", READ.tool_uses, Stop.REFUSAL)))
    assert (ended.status, called(stage)) == (FAILED, [])


def test_replies_that_stay_unusable_fail_the_step(stage: Stage) -> None:
    assert stage.run(ScriptedModel(UnusableReplyError("no JSON"))).why == "no JSON"


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


def test_the_same_call_again_gives_the_earlier_result_with_a_remark(stage: Stage) -> None:
    model = ScriptedModel(READ, READ, "12 ships")
    ended = stage.run(model)
    first, second = told(model.asked[2])
    assert second.text.endswith(first.text)
    assert second.text.startswith("This very call was made before")
    assert called(stage) == ["read_file"]
    assert len(ended.calls) == 1


def test_the_same_call_in_one_reply_is_made_once(stage: Stage) -> None:
    twice = calls(("append_line", {"path": "a", "line": "x"}), ("append_line", {"path": "a", "line": "x"}))
    stage.run(ScriptedModel(twice, "ok"))
    assert called(stage) == ["append_line"]


def test_the_same_reading_in_one_reply_is_made_once_as_well() -> None:
    async def look() -> str:
        """Look."""
        await anyio.lowlevel.checkpoint()
        return "saw it"

    tools = FunctionTools()
    tools.add(look, read_only=True)
    Stage(tools).run(ScriptedModel(calls(("look", {}), ("look", {})), "ok"))
    assert len(tools.called) == 1


def test_asking_for_the_same_call_a_fourth_time_fails_the_step(stage: Stage) -> None:
    model = ScriptedModel(READ)
    ended = stage.run(model)
    assert ended.why == "the model kept calling the same tool with the same arguments"
    assert (ended.status, len(model.asked), called(stage)) == (FAILED, 4, ["read_file"])


def test_what_the_same_call_failed_with_is_told(stage: Stage) -> None:
    ended = stage.run(ScriptedModel(calls(("read_file", {"path": "no.txt"}))))
    assert "with the same arguments; it failed: FileNotFoundError" in ended.why


def test_a_page_that_does_not_exist_is_not_asked_for_ever(stage: Stage) -> None:
    model = ScriptedModel(calls(("read_result", {"call": 9})))
    ended = stage.run(model)
    assert told(model.asked[1])[0].is_error
    assert (ended.status, ended.why) == (FAILED, "the model kept calling the same tool with the same arguments")


def test_a_file_can_be_read_again_after_it_was_written(stage: Stage) -> None:
    write = calls(("write_file", {"path": "report.txt", "text": "Ships: 13"}))
    ended = stage.run(ScriptedModel(READ, write, READ, "13 ships"))
    assert [call.text for call in ended.calls] == ["Ships: 12\n", "wrote 9 characters to report.txt", "Ships: 13"]


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


@pytest.mark.parametrize("error", [ModelUnavailableError("down"), ContextLengthError("too long")])
def test_what_is_wrong_with_the_model_itself_is_not_hidden(stage: Stage, error: Exception) -> None:
    with pytest.raises(type(error)):
        stage.run(ScriptedModel(READ, error))


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


def test_a_named_tool_that_was_passed_over_for_another_is_asked_for_once_and_not_forced(stage: Stage) -> None:
    model = ScriptedModel(calls(("list_files", {})), "There is report.txt.", "Listing was enough: report.txt.")
    ended = stage.run(model, Subtask(1, "See what there is", (), "read_file"))
    assert (ended.status, ended.text) == (DONE, "Listing was enough: report.txt.")
    assert "You have not called read_file" in model.asked[2].messages[-1].text
    assert model.asked[2].tool_choice == "auto"
