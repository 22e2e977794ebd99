"""solve_task through the front door: by a configured model or the host's, in both eras, at once or by asking again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp import Client, MCPError
from mcp.types import ErrorData, SamplingCapability, Tool

from integration.processes import answer_of
from integration.relays import relaying
from integration.scripted_host import ANSWER
from integration.solve_desk import HOST, Desk, until_over
from memento_planner.models.spec import ModelSpec
from memento_server.app import build
from memento_server.settings import Models, Settings
from planner.test_model_openai import call, chunk, stream, usage
from planner.wire_server import Answer, WireServer
from server.behind_relay import entry
from server.notes_here import notes_here

NOWHERE = ModelSpec("openai", "m", "http://127.0.0.1:1/v1")
ELSEWHERE = Models(NOWHERE, NOWHERE, None)
ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])


def said(text: str) -> Answer:
    return stream(chunk(content=text), chunk(finish="stop"), usage(9, 2), "[DONE]")


def calls(tool: str, **given: Any) -> Answer:
    made = call(0, id="call-1", name=tool, arguments=json.dumps(given))
    return stream(chunk(tool_calls=[made]), chunk(finish="tool_calls"), usage(9, 2), "[DONE]")


def plan(*tools: str) -> Answer:
    steps = [{"id": i, "description": f"Use {tool}", "depends_on": [], "tool": tool} for i, tool in enumerate(tools, 1)]
    return said(json.dumps({"plan": steps}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the notes."""
    return tmp_path / "notes"


@pytest.fixture
def servers(folder: Path) -> Iterator[dict[str, Any]]:
    """The notes server in a tools file."""
    with notes_here(folder) as notes:
        yield {"notes": notes}


@pytest.fixture(params=["auto", "legacy"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk in either era, where a call waits for as long as it takes."""
    return Desk(tmp_path, monkeypatch, request.param)


@ERAS
def test_a_task_is_solved_over_stdio_by_a_configured_model_with_a_real_server(
    tmp_path: Path, folder: Path, servers: dict[str, Any], era: str
) -> None:
    answers = [
        *(plan("notes__write_note"), calls("notes__write_note", name="answer.txt", text="42")),
        *(said("answer.txt says 42"), said(ANSWER)),
    ]
    heard: list[str] = []

    async def hear(_: float, __: float | None, message: str | None) -> None:
        heard.append(message or "")

    with WireServer(answers).running() as model:
        env = {"MEMENTO_MODEL": f"openai:scripted@{model.url}/v1", "OPENAI_API_KEY": "sk-scripted"}
        with relaying(tmp_path, servers, mode=era, env=env) as relay:
            assert list(relay.tools())[:4] == ["plan_with_memory", "record_outcome", "retrieve_cases", "solve_task"]

            async def solve() -> Any:
                return await relay.client.call_tool("solve_task", {"task": "Note the answer"}, progress_callback=hear)

            solved = answer_of(relay.do(solve))
            assert not solved.is_error, solved.text
            out = solved.structured
            assert (out["status"], out["answer"], out["outcome"]) == ("solved", ANSWER, "success")
            assert (out["evidence"], out["calls"], out["cycles"]) == ("tool_result", 1, 1)
            assert ANSWER in solved.text
            assert (folder / "answer.txt").read_text(encoding="utf-8") == "42"
            assert any("notes__write_note" in word for word in heard)
            asked_again = relay.ok("solve_task", plan_id=out["plan_id"])
            assert asked_again == out
            episode = relay.read(f"memento://episodes/{out['plan_id']}")
            assert [(one["tool"], one["subtask"]) for one in episode["trace"]] == [("write_note", 1)]
            (case,) = relay.ok("retrieve_cases", query="Note the answer")["cases"]
            assert (case["case_id"], case["outcome"]) == (out["case_id"], "success")
    assert "sk-scripted" not in relay.stderr


def test_the_hosts_own_model_solves_a_task(desk: Desk, folder: Path, servers: dict[str, Any]) -> None:
    desk.host.steps = [("notes__write_note", {"name": "a.txt", "text": "42"}), ("notes__read_note", {"name": "a.txt"})]

    async def use(client: Client) -> dict[str, Any]:
        return answer_of(await desk.solve(client, task="Write and read a note")).structured

    out = desk.run(servers, use)
    assert (out["status"], out["answer"]) == ("solved", ANSWER)
    assert out["plan"] == [
        "Step 1 with notes__write_note (notes__write_note)",
        "Step 2 with notes__read_note (notes__read_note)",
    ]
    assert (folder / "a.txt").read_text(encoding="utf-8") == "42"
    assert out["tokens"] > 0
    assert any(params.tools for params in desk.host.asked)


def test_a_host_that_takes_no_tools_with_a_question_is_asked_for_json(
    desk: Desk, folder: Path, servers: dict[str, Any]
) -> None:
    desk.host.steps = [("notes__write_note", {"name": "a.txt", "text": "42"})]

    async def use(client: Client) -> dict[str, Any]:
        return answer_of(await desk.solve(client, task="Write a note")).structured

    out = desk.run(servers, use, sampling=SamplingCapability())
    assert (out["status"], out["calls"]) == ("solved", 1)
    assert (folder / "a.txt").read_text(encoding="utf-8") == "42"
    assert not any(params.tools for params in desk.host.asked)


def test_more_questions_than_a_call_can_take_are_asked_in_the_next(
    desk: Desk, folder: Path, servers: dict[str, Any]
) -> None:
    desk.host.steps = [("notes__write_note", {"name": f"{i}.txt", "text": str(i)}) for i in range(6)]

    async def use(client: Client) -> dict[str, Any]:
        answer = answer_of(await desk.solve(client, task="Write six notes")).structured
        assert answer["status"] == ("running" if desk.era == "auto" else "solved")
        return await until_over(desk, client, answer)

    out = desk.run(servers, use)
    assert (out["status"], out["calls"]) == ("solved", 6)
    assert len(list(folder.iterdir())) == 6
    assert len(desk.host.asked) == 14  # nothing is asked twice


@pytest.mark.parametrize("models", [HOST, replace(ELSEWHERE, judge=HOST.planner)], ids=["it plans", "it only judges"])
def test_a_host_that_lets_nobody_ask_its_model_is_told_what_to_set(desk: Desk, models: Models) -> None:
    async def use(client: Client) -> Any:
        return answer_of(await desk.solve(client, task="Anything"))

    answer = desk.run({}, use, models=models, sampling=None)
    assert answer.is_error
    assert "MEMENTO_MODEL" in answer.text


def test_a_host_that_declines_ends_the_run_and_says_why(desk: Desk) -> None:
    async def decline(*_: Any) -> Any:
        return ErrorData(code=-1, message="the user said no")

    desk.host.sample = decline  # type: ignore[method-assign]

    async def use(client: Client) -> None:
        if desk.era == "legacy":
            answer = answer_of(await desk.solve(client, task="Anything"))
            assert "the user said no" in answer.text
        else:  # the host ends its own call, and the server does not hear of it
            with pytest.raises(MCPError, match="the user said no"):
                await desk.solve(client, task="Anything")

    desk.run({}, use)


def test_the_answer_is_checked_where_the_call_says_how(desk: Desk) -> None:
    desk.host.steps = [("", {})]

    async def use(client: Client) -> None:
        right = await desk.solve(client, task="Say it", max_cycles=1, check=json.dumps({"answer": ANSWER}))
        assert answer_of(right).structured["evidence"] == "test_passed"
        wrong = await desk.solve(client, task="Say it again", max_cycles=1, check=json.dumps({"answer": "43"}))
        assert answer_of(wrong).structured["status"] == "failed"

    desk.run({}, use)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "task: is empty"),
        ({"task": "x", "max_cycles": 0}, "max_cycles: is 0; give a whole number from 1 to 10"),
        ({"task": "x", "max_cycles": 11}, "max_cycles: is 11; give a whole number from 1 to 10"),
        ({"task": "x", "budget": "lots"}, "budget: 'lots' cannot be read"),
        ({"task": "x", "check": "true"}, "check: "),
        ({"task": "x", "check": '{"command": "rm -rf /"}'}, "check: "),
        ({"plan_id": "p-none"}, "plan_id: there is no run 'p-none'"),
        ({"task": "x", "plan": "1. y"}, "plan: is not an argument of solve_task"),
    ],
)
def test_a_mistake_in_the_arguments_is_named_with_the_fix(desk: Desk, given: dict[str, Any], says: str) -> None:
    async def use(client: Client) -> Any:
        return answer_of(await desk.solve(client, **given))

    answer = desk.run({}, use)
    assert answer.is_error
    assert answer.text.startswith(says)
    assert not desk.host.asked


def test_what_is_listed_with_solve_task_stays_short_flat_and_complete(desk: Desk) -> None:
    async def use(client: Client) -> tuple[list[Tool], str]:
        return (await client.list_tools()).tools, client.instructions or ""

    listed, instructions = desk.run({"many": entry("echo.py", expose="search")}, use)
    assert [tool.name for tool in listed] == [
        *("plan_with_memory", "record_outcome", "retrieve_cases", "solve_task", "find_tools", "call_tool")
    ]
    text = json.dumps([tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed])
    assert len(text) / 4 <= 2500
    solve = next(tool for tool in listed if tool.name == "solve_task")
    assert all(isinstance(schema["type"], str) for schema in solve.input_schema["properties"].values())
    assert not {"$ref", "$defs", "anyOf"} & set(json.dumps(solve.input_schema).split('"'))
    assert solve.output_schema is not None
    assert solve.annotations is not None
    assert (solve.annotations.destructive_hint, solve.annotations.open_world_hint) == (True, True)
    assert "solve_task" in instructions


def test_without_a_model_there_is_no_such_tool(tmp_path: Path) -> None:
    async def use() -> None:
        async with Client(build(Settings(tmp_path / "bank.sqlite3"))) as client:
            assert "solve_task" not in [tool.name for tool in (await client.list_tools()).tools]
            assert "solve_task" not in (client.instructions or "")

    anyio.run(use)


def test_nothing_heavy_is_imported_until_a_task_is_to_be_solved(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from memento_server.app import build; "
        "from memento_server.settings import Models, Settings; "
        "build(Settings(Path('x'), models=Models.of({'MEMENTO_MODEL': 'openai:m'}))); "
        "print([m for m in ('numpy', 'anthropic', 'openai', 'onnxruntime', 'xllamacpp', 'jsonschema') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
