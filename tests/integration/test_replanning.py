"""A host that plans for itself goes on after a plan did not work: another plan, from what happened so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from memento_memory.bank import CaseBank
from memento_memory.case import Task
from memento_server.app import build
from memento_server.replanning import asked, state_of
from memento_server.settings import Settings

TASK = "Deploy the web shop to production"


def planned(tmp_path: Path, *calls: dict[str, Any], era: str = "auto") -> list[Any]:
    """Call plan_with_memory in order; `{first}` stands for the plan_id of the first plan."""

    async def work() -> list[Any]:
        found: list[Any] = []
        async with Client(build(Settings(tmp_path / "bank.sqlite3")), mode=era) as client:
            for arguments in calls:
                first = found[0]["plan_id"] if found else ""
                given = {k: v.replace("{first}", first) if isinstance(v, str) else v for k, v in arguments.items()}
                tool = given.pop("tool", "plan_with_memory")
                result = await client.call_tool(tool, given)
                found.append(result.content[0].text if result.is_error else result.structured_content)
        return found

    return anyio.run(work)


@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_a_plan_is_made_anew_for_the_task_and_what_is_known_of_it(tmp_path: Path, era: str) -> None:
    first, second = planned(
        tmp_path,
        {"task": TASK, "context": "shop"},
        {"plan_id": "{first}", "progress": "built it; the upload was refused: no rights"},
        era=era,
    )
    bank = CaseBank(tmp_path / "bank.sqlite3")
    episode = bank.episode(second["plan_id"])
    assert episode.previous == first["plan_id"]
    assert episode.task.text.startswith(TASK)
    assert "no rights" in episode.task.text
    assert episode.task.context == "shop"
    bank.close()


def test_without_a_word_on_namespaces_a_plan_is_made_anew_in_those_of_the_first(tmp_path: Path) -> None:
    bank = CaseBank(tmp_path / "bank.sqlite3")
    task = Task(TASK)
    episode = bank.open_episode(task, bank.retrieve(task, namespaces=("ours",)), None, namespace="ours")
    again = asked("", "", episode.plan_id, "nothing yet")
    assert state_of(bank, again, ())[1] == ("ours",)
    assert state_of(bank, again, ("theirs", "ours"))[1] == ("theirs", "ours")
    bank.close()


def test_what_is_known_does_not_pile_up(tmp_path: Path) -> None:
    *_, last = planned(
        tmp_path, {"task": TASK}, {"plan_id": "{first}", "progress": "one"}, {"plan_id": "{first}", "progress": "two"}
    )
    bank = CaseBank(tmp_path / "bank.sqlite3")
    assert bank.episode(last["plan_id"]).task.text == f"{TASK}\n\n— Known so far —\ntwo"
    bank.close()


def test_the_draft_that_did_not_work_is_not_offered_again(tmp_path: Path) -> None:
    case = {"tool": "record_outcome", "outcome": "success", "task": TASK, "plan": "1. Build\n2. Upload the web shop"}
    *_, first, second = planned(
        tmp_path,
        {"task": "something else entirely"},
        case,
        {"task": TASK.replace("web shop", "blog")},
        {"plan_id": "{first}", "progress": "nothing yet"},
    )
    assert first["draft_plan"] is not None
    again = planned(
        tmp_path,
        {"task": TASK.replace("web shop", "forum")},
        {"plan_id": "{first}", "progress": "the upload was refused"},
    )
    assert again[0]["draft_plan"] is not None
    assert again[1]["draft_plan"] is None
    assert second["plan_id"] != first["plan_id"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "task"),
        ({"progress": "x"}, "progress"),
        ({"plan_id": "p-none", "progress": "x"}, "plan_id"),
        ({"plan_id": "{first}"}, "progress"),
        ({"plan_id": "{first}", "progress": "x", "task": "y"}, "task"),
    ],
)
def test_mistakes_are_told_with_the_field_and_change_nothing(
    tmp_path: Path, arguments: dict[str, str], field: str
) -> None:
    _, told = planned(tmp_path, {"task": TASK}, arguments)
    assert told.split("Error executing tool plan_with_memory: ")[-1].startswith(f"{field}: ")
    bank = CaseBank(tmp_path / "bank.sqlite3")
    assert bank.stats().episodes == 1
    bank.close()
