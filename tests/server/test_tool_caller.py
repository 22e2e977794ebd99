"""The tools that solving has at hand: those of the relay, with its rules, its limits and its trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from memento_memory.case import Slate, Task
from memento_planner.tools import CallResult, ToolCaller
from memento_server.memory import Memory
from memento_server.tool_caller import relayed_tools
from server.behind_relay import entry, with_tools
from server.notes_here import notes_here

ECHO = ["echo", "add", "image", "fail", "hold", "steps", "huge", "most", "pid", "crash"]


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The notes server in a tools file."""
    with notes_here(tmp_path / "notes") as made:
        yield made


def opened(memory: Memory) -> str:
    return memory.bank().open_episode(Task("Sing"), Slate(), None).plan_id


def called(tmp_path: Path, patch: pytest.MonkeyPatch, server: dict[str, Any], tool: str, **given: Any) -> CallResult:
    """What one call of a server named `sound` comes to."""

    async def use(tools: ToolCaller, memory: Memory) -> CallResult:
        return await tools.call(f"sound__{tool}", given, plan_id=opened(memory), subtask=1)

    result: CallResult = with_tools(tmp_path, {"sound": server}, use, patch)
    return result


def test_every_tool_is_offered_in_the_files_order_even_where_hosts_have_to_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: dict[str, Any]
) -> None:
    async def use(tools: ToolCaller, _: Memory) -> None:
        specs = await tools.tools()
        assert [spec.name for spec in specs] == [
            *(f"sound__{name}" for name in ECHO),
            *("notes__write_note", "notes__read_note", "notes__list_notes"),
        ]
        by_name = {spec.name: spec for spec in specs}
        assert by_name["sound__add"].input_schema["properties"] == {"a": {"type": "integer"}, "b": {"type": "integer"}}
        assert by_name["notes__read_note"].read_only
        assert not by_name["notes__write_note"].read_only
        assert "text file" in by_name["notes__write_note"].description

    servers = {"sound": entry("echo.py", expose="search"), "notes": notes}
    with_tools(tmp_path, servers, use, monkeypatch)


def test_what_the_tools_file_denies_is_neither_offered_nor_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(tools: ToolCaller, memory: Memory) -> CallResult:
        assert [spec.name for spec in await tools.tools()] == ["sound__echo", "sound__add"]
        return await tools.call("sound__fail", {"why": "?"}, plan_id=opened(memory), subtask=1)

    server = entry("echo.py", allow=["echo", "add", "pid"], deny=["pid"])
    result = with_tools(tmp_path, {"sound": server}, use, monkeypatch)
    assert (result.is_error, result.infrastructure) == (True, False)


def test_a_call_is_in_the_plans_trace_with_its_step_when_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(tools: ToolCaller, memory: Memory) -> None:
        one, two = opened(memory), opened(memory)
        assert await tools.call("sound__echo", {"text": "la"}, plan_id=one, subtask=2) == CallResult("la")
        (kept,) = memory.bank().trace(one)
        assert (kept.server, kept.tool, kept.subtask) == ("sound", "echo", 2)
        assert json.loads(kept.arguments) == {"text": "la"}
        assert memory.bank().trace(two) == ()

    with_tools(tmp_path, {"sound": entry("echo.py")}, use, monkeypatch)


def test_a_tools_own_error_is_no_failure_of_infrastructure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = called(tmp_path, monkeypatch, entry("echo.py"), "fail", why="hoarse")
    assert result == CallResult("hoarse", is_error=True)


@pytest.mark.parametrize(
    ("server", "tool"),
    [
        (entry("echo.py"), "crash"),
        (entry("echo.py", timeout=0.2), "hold"),
        ({"command": "no-such-command-anywhere"}, "echo"),
    ],
    ids=["crashed", "silent", "absent"],
)
def test_a_server_that_is_gone_or_silent_is_a_failure_of_infrastructure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: dict[str, Any], tool: str
) -> None:
    result = called(tmp_path, monkeypatch, server, tool, gate=str(tmp_path / "never"))
    assert (result.is_error, result.infrastructure) == (True, True)
    assert "sound" in result.text


@pytest.mark.parametrize("name", ["sound__sing", "solve_task", "plan_with_memory", "nobody__echo"])
def test_a_tool_that_is_not_there_is_an_error_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def use(tools: ToolCaller, memory: Memory) -> CallResult:
        return await tools.call(name, {}, plan_id=opened(memory), subtask=1)

    result = with_tools(tmp_path, {"sound": entry("echo.py")}, use, monkeypatch)
    assert (result.is_error, result.infrastructure) == (True, False)
    assert name in result.text


def test_what_is_no_text_is_told_by_its_kind_or_structure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert called(tmp_path, monkeypatch, entry("echo.py"), "image").text == "[image image/png]"


def test_tools_are_found_by_what_they_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: dict[str, Any]
) -> None:
    async def use(tools: ToolCaller, _: Memory) -> None:
        found = await tools.find("read the text of a file", 2)
        assert len(found) == 2
        assert found[0].name == "notes__read_note"
        assert found[0] in await tools.tools()
        assert len(await tools.find("", 3)) == 3

    with_tools(tmp_path, {"sound": entry("echo.py"), "notes": notes}, use, monkeypatch)


def test_cancelling_a_call_cancels_it_at_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = tmp_path / "gate"

    async def use(tools: ToolCaller, memory: Memory) -> None:
        plan_id = opened(memory)

        async def hold() -> None:
            await tools.call("sound__hold", {"gate": str(gate)}, plan_id=plan_id, subtask=1)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hold)
            await there(gate.with_suffix(".begun"))
            tasks.cancel_scope.cancel()
        await there(gate.with_suffix(".cancelled"))

    with_tools(tmp_path, {"sound": entry("echo.py")}, use, monkeypatch)


def test_a_tool_whose_changed_definition_is_refused_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def names(tools: ToolCaller, _: Memory) -> list[str]:
        return [spec.name for spec in await tools.tools()]

    words = tmp_path / "words.txt"
    sly = {"sound": entry("changing.py", words, pin="strict")}
    rest = ["sound__change", "sound__grow", "sound__crash"]
    assert with_tools(tmp_path, sly, names, monkeypatch) == ["sound__subject", *rest]
    words.write_text("Sends the sheep away.", encoding="utf-8")
    assert with_tools(tmp_path, sly, names, monkeypatch) == rest


def test_without_a_relay_there_are_no_tools() -> None:
    async def use() -> None:
        async with relayed_tools(None) as tools:
            assert await tools.tools() == ()
            assert (await tools.call("x", {}, plan_id="p-1", subtask=1)).is_error

    anyio.run(use)


async def there(file: Path) -> None:
    """Wait until a file is there."""
    while not await anyio.to_thread.run_sync(file.exists):
        await anyio.sleep(0.02)
