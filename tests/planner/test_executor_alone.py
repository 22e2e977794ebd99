"""Behaviour of the executor with models that have no function calling, and with those that do not make use of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from memento_memory.plan import Subtask
from memento_planner.executor import SubtaskStatus
from memento_planner.models.chat import Reply, Stop, Supports
from memento_planner.models.errors import ToolsRefusedError
from memento_planner.progress import Finished, SubtaskMemory
from memento_planner.tools import NoTools
from planner.file_tools import FunctionTools, file_tools
from planner.scripted import ScriptedModel, calls
from planner.steps import ALONE, TASK, Stage, told

DONE, FAILED = SubtaskStatus.DONE, SubtaskStatus.FAILED
READ = Subtask(2, "Read the file report.txt", (1,), "read_file")
REFUSED = ToolsRefusedError("scripted takes no tools")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "report.txt").write_text("Ships: 12\n", encoding="utf-8")
    return Stage(file_tools(tmp_path))


def test_the_named_tool_is_called_once_and_what_it_returns_is_the_result(stage: Stage) -> None:
    model = ScriptedModel('{"path": "report.txt"}', supports=ALONE)
    ended = stage.run(model, READ)
    assert (ended.status, ended.text) == (DONE, "Ships: 12\n")
    assert [(call.tool, call.arguments) for call in ended.calls] == [("read_file", {"path": "report.txt"})]
    [asked] = model.asked
    assert asked.tools == ()
    assert asked.schema is not None
    assert "path" in asked.schema["properties"]


def test_a_small_model_is_told_the_step_and_what_it_builds_on_but_not_the_task(stage: Stage) -> None:
    stage.memory = SubtaskMemory((Finished(1, "Find the report", DONE, "It is report.txt."),))
    model = ScriptedModel('{"path": "report.txt"}', supports=ALONE)
    stage.run(model, READ)
    text = model.asked[0].messages[-1].text
    assert "It is report.txt." in text
    assert text.endswith("Read the file report.txt")
    assert TASK.text not in text


def test_a_large_model_is_told_the_task_as_well(stage: Stage) -> None:
    model = ScriptedModel('{"path": "report.txt"}', supports=Supports(tools=False))
    stage.run(model, READ)
    assert TASK.text in model.asked[0].messages[-1].text


def test_a_step_that_names_no_tool_is_one_reply_in_words(stage: Stage) -> None:
    model = ScriptedModel("12 ships came.", supports=ALONE)
    ended = stage.run(model, "Say how many ships came")
    assert (ended.status, ended.text, len(model.asked)) == (DONE, "12 ships came.", 1)
    assert model.asked[0].tools == ()
    assert model.asked[0].schema is None


def test_a_call_that_fails_is_made_again_with_other_arguments(stage: Stage) -> None:
    model = ScriptedModel('{"path": "raport.txt"}', '{"path": "report.txt"}', supports=ALONE)
    ended = stage.run(model, READ)
    assert (ended.status, ended.text) == (DONE, "Ships: 12\n")
    assert "FileNotFoundError" in model.asked[1].messages[-1].text


def test_a_tool_that_fails_three_times_fails_the_step(stage: Stage) -> None:
    model = ScriptedModel('{"path": "a"}', '{"path": "b"}', '{"path": "c"}', supports=ALONE)
    ended = stage.run(model, READ)
    assert ended.status is FAILED
    assert ended.why.startswith("read_file failed: FileNotFoundError")
    assert len(ended.calls) == 3


def test_a_model_that_sticks_to_arguments_that_fail_ends_soon(stage: Stage) -> None:
    model = ScriptedModel('{"path": "a"}', supports=ALONE)
    ended = stage.run(model, READ)
    assert (ended.status, len(ended.calls), len(model.asked)) == (FAILED, 1, 2)
    assert ended.why.startswith("read_file failed: FileNotFoundError")


def test_replies_that_are_no_arguments_fail_the_step(stage: Stage) -> None:
    model = ScriptedModel("I would read it.", supports=ALONE)
    ended = stage.run(model, READ)
    assert (ended.status, ended.calls, len(model.asked)) == (FAILED, (), 3)
    assert "3 calls in a row could not be made" in ended.why


def test_a_step_whose_tool_is_not_at_hand_fails_without_asking() -> None:
    model = ScriptedModel("I searched the web.", supports=ALONE)
    ended = Stage(NoTools()).run(model, Subtask(1, "Search", (), "web_search"))
    assert (ended.status, ended.why, model.asked) == (FAILED, "there is no tool web_search", [])


def test_a_refused_call_fails_the_step(stage: Stage) -> None:
    model = ScriptedModel(Reply("No.", stop=Stop.REFUSAL), supports=ALONE)
    assert stage.run(model, READ).why == "the model declined: No."


def test_an_endpoint_that_refuses_tools_gets_them_through_a_schema(stage: Stage) -> None:
    model = ScriptedModel(REFUSED, '{"path": "report.txt"}')
    ended = stage.run(model, READ)
    assert (ended.status, ended.text) == (DONE, "Ships: 12\n")
    assert [bool(request.tools) for request in model.asked] == [True, False]


def test_an_endpoint_that_refuses_tools_can_still_do_a_step_in_words(stage: Stage) -> None:
    model = ScriptedModel(REFUSED, "12 ships")
    assert stage.run(model).text == "12 ships"
    assert model.asked[1].tools == ()


def test_an_endpoint_that_refuses_everything_is_not_asked_for_ever(stage: Stage) -> None:
    model = ScriptedModel(REFUSED)
    with pytest.raises(ToolsRefusedError):
        stage.run(model)
    assert len(model.asked) == 2


def test_a_model_that_talks_instead_of_calling_the_named_tool_has_to_fill_in_its_arguments(stage: Stage) -> None:
    model = ScriptedModel("I have read it.", '{"path": "report.txt"}', "12 ships came.")
    ended = stage.run(model, READ)
    assert (ended.status, ended.text) == (DONE, "12 ships came.")
    assert [call.tool for call in ended.calls] == ["read_file"]
    talked, forced, after = model.asked
    assert talked.tools
    assert forced.schema is not None
    assert forced.messages[-1].text.endswith("Read the file report.txt")
    assert told(after)[0].text.splitlines()[1] == "Ships: 12"


def test_a_model_that_goes_on_talking_is_taken_at_its_word(stage: Stage) -> None:
    model = ScriptedModel("I know the report.")
    ended = stage.run(model, READ)
    assert (ended.status, ended.text, ended.calls, len(model.asked)) == (DONE, "I know the report.", (), 3)


def test_a_model_that_says_it_failed_is_not_made_to_call(stage: Stage) -> None:
    model = ScriptedModel("FAILED: I may not read it")
    assert (stage.run(model, READ).status, len(model.asked)) == (FAILED, 1)


def test_a_tool_without_arguments_is_called_without_asking(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("", encoding="utf-8")
    model = ScriptedModel("never asked", supports=ALONE)
    ended = Stage(file_tools(tmp_path)).run(model, Subtask(1, "List", (), "list_files"))
    assert (ended.text, model.asked) == ("a.txt", [])


def test_forcing_never_repeats_what_another_tool_has_done(stage: Stage) -> None:
    append = calls(("append_line", {"path": "out.txt", "line": "12"}))
    model = ScriptedModel(append, "Appended it.", "Appended it with append_line.")
    ended = stage.run(model, Subtask(1, "Write 12 to out.txt", (), "write_file"))
    assert ended.status is DONE
    assert isinstance(stage.tools, FunctionTools)
    assert [name for name, *_ in stage.tools.called] == ["append_line"]
