"""Behaviour of the executor when the model dithers: it says nothing, declines, is cut off or repeats itself."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memento_memory.plan import Subtask
from memento_planner.executor import SubtaskStatus, before_it_repeats
from memento_planner.models.chat import Reply, Stop, Usage
from memento_planner.models.errors import ContextLengthError, ModelUnavailableError, RefusedError, UnusableReplyError
from planner.file_tools import FunctionTools, file_tools
from planner.scripted import ScriptedModel, calls
from planner.steps import Stage, called, told

DONE, FAILED = SubtaskStatus.DONE, SubtaskStatus.FAILED
READ = calls(("read_file", {"path": "report.txt"}))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "report.txt").write_text("Ships: 12\n", encoding="utf-8")
    return Stage(file_tools(tmp_path))


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


@pytest.mark.parametrize("error", [ModelUnavailableError("down"), ContextLengthError("too long")])
def test_what_is_wrong_with_the_model_itself_is_not_hidden(stage: Stage, error: Exception) -> None:
    with pytest.raises(type(error)):
        stage.run(ScriptedModel(READ, error))


def test_a_named_tool_that_was_passed_over_for_another_is_asked_for_once_and_not_forced(stage: Stage) -> None:
    model = ScriptedModel(calls(("list_files", {})), "There is report.txt.", "Listing was enough: report.txt.")
    ended = stage.run(model, Subtask(1, "See what there is", (), "read_file"))
    assert (ended.status, ended.text) == (DONE, "Listing was enough: report.txt.")
    assert "You have not called read_file" in model.asked[2].messages[-1].text
    assert model.asked[2].tool_choice == "auto"
