"""solve_task through the front door: by a configured model or the host's, in both eras, at once or by asking again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp import Client, MCPError
from mcp.types import CallToolResult, ErrorData, SamplingCapability, SamplingToolsCapability, Tool

from integration.banks import rows
from integration.processes import answer_of
from integration.relays import relaying
from integration.scripted_host import ANSWER, ScriptedHost
from memento_planner.models.spec import ModelSpec
from memento_server import solve_tool
from memento_server.app import build
from memento_server.settings import Models, Settings
from planner.test_model_openai import call, chunk, stream, usage
from planner.wire_server import Answer, WireServer
from server.behind_relay import PATIENCE_S, entry, notes, settings

HOST = Models(ModelSpec("host", "", ""), ModelSpec("host", "", ""), None)
WITH_TOOLS = SamplingCapability(tools=SamplingToolsCapability())
ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])

Servers = Mapping[str, Any]


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
    """A folder for the notes."""
    made = tmp_path / "notes"
    made.mkdir()
    return made


class Desk:
    """Memento with the host's model in this process, and that host."""

    def __init__(self, tmp_path: Path, patch: pytest.MonkeyPatch, era: str, *, patience_s: float = 25.0) -> None:
        self.path = tmp_path
        self.era = era
        self._patch = patch
        self.host = ScriptedHost([])
        self.heard: list[str] = []
        patch.setattr(solve_tool, "PATIENCE_S", patience_s)

    def run(self, servers: Servers, use: Callable[[Client], Awaitable[Any]], **host: Any) -> Any:
        """Use a server in front of these servers."""

        async def run() -> Any:
            with anyio.fail_after(PATIENCE_S):
                async with self.serving(servers, **host) as client:
                    return await use(client)

        return anyio.run(run)

    @asynccontextmanager
    async def serving(
        self, servers: Servers, *, models: Models = HOST, sampling: SamplingCapability | None = WITH_TOOLS
    ) -> AsyncIterator[Client]:
        """Serve in front of these servers to a host."""
        server = build(settings(self.path, servers, self._patch, models=models))
        options: dict[str, Any] = {"mode": self.era, "cache": None}
        if sampling is not None:
            options |= {"sampling_callback": self.host.sample, "sampling_capabilities": sampling}
        async with Client(server, **options) as client:
            yield client

    async def solve(self, client: Client, **given: Any) -> CallToolResult:
        async def heard(_: float, __: float | None, message: str | None) -> None:
            self.heard.append(message or "")

        return await client.call_tool("solve_task", given, progress_callback=heard)


@pytest.fixture(params=["auto", "legacy"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk in either era, where a call waits for as long as it takes."""
    return Desk(tmp_path, monkeypatch, request.param)


@pytest.fixture(params=["auto", "legacy"])
def hasty(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk where a call does not wait at all."""
    return Desk(tmp_path, monkeypatch, request.param, patience_s=0.0)


async def until_over(desk: Desk, client: Client, answer: dict[str, Any]) -> dict[str, Any]:
    """Ask again until a run is over."""
    while answer["status"] == "running":
        await anyio.sleep(0.02)
        answer = answer_of(await desk.solve(client, plan_id=answer["plan_id"])).structured
    return answer


async def there(file: Path) -> None:
    while not await anyio.to_thread.run_sync(file.exists):
        await anyio.sleep(0.02)


@ERAS
def test_a_task_is_solved_over_stdio_by_a_configured_model_with_a_real_server(
    tmp_path: Path, folder: Path, era: str
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
        with relaying(tmp_path, {"notes": notes(folder)}, mode=era, env=env) as relay:
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


def test_the_hosts_own_model_solves_a_task(desk: Desk, folder: Path) -> None:
    desk.host.steps = [("notes__write_note", {"name": "a.txt", "text": "42"}), ("notes__read_note", {"name": "a.txt"})]

    async def use(client: Client) -> dict[str, Any]:
        return answer_of(await desk.solve(client, task="Write and read a note")).structured

    out = desk.run({"notes": notes(folder)}, use)
    assert (out["status"], out["answer"]) == ("solved", ANSWER)
    assert out["plan"] == [
        "Step 1 with notes__write_note (notes__write_note)",
        "Step 2 with notes__read_note (notes__read_note)",
    ]
    assert (folder / "a.txt").read_text(encoding="utf-8") == "42"
    assert out["tokens"] > 0
    assert any(params.tools for params in desk.host.asked)


def test_a_host_that_takes_no_tools_with_a_question_is_asked_for_json(desk: Desk, folder: Path) -> None:
    desk.host.steps = [("notes__write_note", {"name": "a.txt", "text": "42"})]

    async def use(client: Client) -> dict[str, Any]:
        return answer_of(await desk.solve(client, task="Write a note")).structured

    out = desk.run({"notes": notes(folder)}, use, sampling=SamplingCapability())
    assert (out["status"], out["calls"]) == ("solved", 1)
    assert (folder / "a.txt").read_text(encoding="utf-8") == "42"
    assert not any(params.tools for params in desk.host.asked)


def test_more_questions_than_a_call_can_take_are_asked_in_the_next(desk: Desk, folder: Path) -> None:
    desk.host.steps = [("notes__write_note", {"name": f"{i}.txt", "text": str(i)}) for i in range(6)]

    async def use(client: Client) -> dict[str, Any]:
        answer = answer_of(await desk.solve(client, task="Write six notes")).structured
        assert answer["status"] == ("running" if desk.era == "auto" else "solved")
        return await until_over(desk, client, answer)

    out = desk.run({"notes": notes(folder)}, use)
    assert (out["status"], out["calls"]) == ("solved", 6)
    assert len(list(folder.iterdir())) == 6
    assert len(desk.host.asked) == 14  # nothing is asked twice


def test_a_host_that_lets_nobody_ask_its_model_is_told_what_to_set(desk: Desk) -> None:
    async def use(client: Client) -> Any:
        return answer_of(await desk.solve(client, task="Anything"))

    answer = desk.run({}, use, sampling=None)
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


def test_a_call_that_would_take_long_says_running_and_is_asked_again(hasty: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    hasty.host.steps = [("sdk__hold", {"gate": str(gate)})]

    async def use(client: Client) -> dict[str, Any]:
        answer = answer_of(await hasty.solve(client, task="Hold")).structured
        assert answer["status"] == "running"
        while not gate.with_suffix(".begun").exists():
            answer = answer_of(await hasty.solve(client, plan_id=answer["plan_id"])).structured
            assert answer["status"] == "running", answer
        assert (await hasty.solve(client, plan_id=answer["plan_id"])).structured_content["progress"]
        gate.touch()
        return await until_over(hasty, client, answer)

    out = hasty.run({"sdk": entry("sdk.py")}, use)
    assert (out["status"], out["calls"]) == ("solved", 1)


def plan_id_of(desk: Desk) -> str:
    """The one plan in the bank."""
    ((plan_id,),) = rows(desk.path / "bank.sqlite3", "SELECT plan_id FROM episodes")
    return str(plan_id)


def test_cancelling_the_call_that_began_a_run_cancels_it_and_it_can_be_gone_on_with(desk: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    desk.host.steps = [("sdk__hold", {"gate": str(gate)})]

    async def use(client: Client) -> dict[str, Any]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(desk.solve, client, task="Hold"))
            await there(gate.with_suffix(".begun"))
            tasks.cancel_scope.cancel()
        await there(gate.with_suffix(".cancelled"))
        gate.touch()
        return await until_over(desk, client, {"status": "running", "plan_id": plan_id_of(desk)})

    out = desk.run({"sdk": entry("sdk.py")}, use)
    assert (out["status"], out["cycles"], out["calls"]) == ("solved", 1, 2)


def test_cancelling_a_call_that_only_asks_leaves_the_run_at_work(desk: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    desk.host.steps = [("sdk__hold", {"gate": str(gate)})]
    ended: list[dict[str, Any]] = []

    async def use(client: Client) -> None:
        async def begin() -> None:
            ended.append(answer_of(await desk.solve(client, task="Hold")).structured)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(begin)
            await there(gate.with_suffix(".begun"))
            desk.heard.clear()
            async with anyio.create_task_group() as asking:
                asking.start_soon(partial(desk.solve, client, plan_id=plan_id_of(desk)))
                while not desk.heard:
                    await anyio.sleep(0.02)
                asking.cancel_scope.cancel()
            gate.touch()

    desk.run({"sdk": entry("sdk.py")}, use)
    assert not gate.with_suffix(".cancelled").exists()
    assert [(out["status"], out["calls"]) for out in ended] == [("solved", 1)]


def test_a_run_cut_short_by_the_end_of_the_server_is_gone_on_with_by_the_next(hasty: Desk, tmp_path: Path) -> None:
    gate, note = tmp_path / "gate", {"name": "a.txt", "text": "42"}
    hasty.host.steps = [("notes__write_note", note), ("sdk__hold", {"gate": str(gate)})]
    (tmp_path / "notes").mkdir()
    servers = {"sdk": entry("sdk.py"), "notes": notes(tmp_path / "notes")}

    async def begin(client: Client) -> str:
        answer = answer_of(await hasty.solve(client, task="Note and hold")).structured
        while not gate.with_suffix(".begun").exists():
            answer = answer_of(await hasty.solve(client, plan_id=answer["plan_id"])).structured
            assert answer["status"] == "running", answer
        return str(answer["plan_id"])

    async def go_on(client: Client, plan_id: str) -> dict[str, Any]:
        return await until_over(hasty, client, {"status": "running", "plan_id": plan_id})

    plan_id = hasty.run(servers, begin)
    gate.touch()
    planned = sum("write the plan" in (params.system_prompt or "") for params in hasty.host.asked)
    out = hasty.run(servers, partial(go_on, plan_id=plan_id))
    assert (out["status"], out["plan_id"]) == ("solved", plan_id)
    assert sum("write the plan" in (params.system_prompt or "") for params in hasty.host.asked) == planned == 1

    again = hasty.run(servers, partial(go_on, plan_id=plan_id))
    assert again == out  # by then from the bank


def test_a_run_whose_budget_ran_out_goes_on_when_it_is_given_more(desk: Desk, folder: Path) -> None:
    desk.host.steps = [("notes__write_note", {"name": f"{i}.txt", "text": str(i)}) for i in range(2)]

    async def use(client: Client) -> None:
        out = answer_of(await desk.solve(client, task="Write two notes", budget="calls=1")).structured
        assert (out["status"], out["why"]) == ("gave_up", "calls")
        assert answer_of(await desk.solve(client, plan_id=out["plan_id"])).structured == out
        more = answer_of(await desk.solve(client, plan_id=out["plan_id"], budget="calls=9")).structured
        assert (more["status"], more["plan_id"]) == ("solved", out["plan_id"])

    desk.run({"notes": notes(folder)}, use)


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
