"""The Tasks extension: a host that declares it gets a task for a run, and can look, answer and cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import Client, MCPError
from mcp.client import advertise
from mcp.types import (
    CallToolRequest,
    CallToolRequestParams,
    CreateMessageRequest,
    Request,
    SamplingCapability,
    SamplingToolsCapability,
)
from pydantic import TypeAdapter

from integration.scripted_host import ANSWER, ScriptedHost
from memento_planner.models.spec import ModelSpec
from memento_server import solve_tool
from memento_server.app import build
from memento_server.settings import Models
from memento_server.tasks_extension import IDENTIFIER, TaskParams, UpdateParams
from server.behind_relay import PATIENCE_S, entry, settings

HOST = Models(ModelSpec("host", "", ""), ModelSpec("host", "", ""), None)
RAW: TypeAdapter[Any] = TypeAdapter(dict[str, Any])


class Get(Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: TaskParams


class Update(Request[UpdateParams, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    params: UpdateParams


class Cancel(Request[TaskParams, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    params: TaskParams


async def send(client: Client, request: Any) -> dict[str, Any]:
    result: dict[str, Any] = await client.session.send_request(request, RAW)
    return result


async def begun(client: Client, task: str) -> dict[str, Any]:
    call = CallToolRequestParams(name="solve_task", arguments={"task": task})
    return await send(client, CallToolRequest(params=call))


def with_tasks(
    tmp_path: Path,
    patch: pytest.MonkeyPatch,
    host: ScriptedHost,
    use: Callable[[Client], Awaitable[Any]],
    *,
    declared: bool = True,
) -> None:
    """Use a server that has the extension and asks the host's model only through it."""
    patch.setattr(solve_tool, "PATIENCE_S", 0.0)
    patch.setattr(solve_tool, "MOST_ROUNDS", 0)

    async def run() -> None:
        server = build(replace(settings(tmp_path, {"echo": entry("echo.py")}, patch, models=HOST), tasks=True))
        sampling = SamplingCapability(tools=SamplingToolsCapability())
        extensions = [advertise(IDENTIFIER)] if declared else []
        with anyio.fail_after(PATIENCE_S):
            async with Client(
                server,
                cache=None,
                extensions=extensions,
                sampling_callback=host.sample,
                sampling_capabilities=sampling,
            ) as client:
                await use(client)

    anyio.run(run)


async def answered(client: Client, host: ScriptedHost, task_id: str, until: str) -> dict[str, Any]:
    """Answer a task's questions until it is in a state."""
    while (seen := await send(client, Get(params=TaskParams(task_id=task_id))))["status"] != until:
        assert seen["status"] in ("working", "input_required"), seen
        for key, asked in seen.get("inputRequests", {}).items():
            request = CreateMessageRequest.model_validate(asked, by_name=False)
            answer = (await host.sample(None, request.params)).model_dump(mode="json", by_alias=True, exclude_none=True)
            await send(client, Update(params=UpdateParams(task_id=task_id, input_responses={key: answer})))
        await anyio.sleep(0.02)
    return seen


def test_a_run_is_a_task_that_asks_is_answered_and_completes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = ScriptedHost([("echo__echo", {"text": "42"})])

    async def use(client: Client) -> None:
        task = await begun(client, "Echo")
        assert (task["resultType"], task["status"]) == ("task", "working")
        done = await answered(client, host, task["taskId"], "completed")
        assert done["resultType"] == "complete"
        assert done["result"]["structuredContent"]["answer"] == ANSWER
        assert done["result"]["structuredContent"]["plan_id"] == task["taskId"]
        assert done["createdAt"] <= done["lastUpdatedAt"]

    with_tasks(tmp_path, monkeypatch, host, use)


def test_a_task_can_be_cancelled_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = tmp_path / "gate"
    host = ScriptedHost([("echo__hold", {"gate": str(gate)})])

    async def use(client: Client) -> None:
        task_id = (await begun(client, "Hold"))["taskId"]
        while not gate.with_suffix(".begun").exists():
            seen = await send(client, Get(params=TaskParams(task_id=task_id)))
            for key, asked in seen.get("inputRequests", {}).items():
                request = CreateMessageRequest.model_validate(asked, by_name=False)
                said = (await host.sample(None, request.params)).model_dump(
                    mode="json", by_alias=True, exclude_none=True
                )
                await send(client, Update(params=UpdateParams(task_id=task_id, input_responses={key: said})))
            await anyio.sleep(0.02)
        for _ in range(2):
            assert (await send(client, Cancel(params=TaskParams(task_id=task_id))))["resultType"] == "complete"
        assert (await send(client, Get(params=TaskParams(task_id=task_id))))["status"] == "cancelled"

    with_tasks(tmp_path, monkeypatch, host, use)


def test_hosts_that_do_not_declare_it_are_told_to_ask_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(client: Client) -> None:
        answer = await begun(client, "Echo")
        assert answer["structuredContent"]["status"] == "running"
        with pytest.raises(MCPError) as error:
            await send(client, Get(params=TaskParams(task_id=answer["structuredContent"]["plan_id"])))
        assert error.value.error.code == -32021

    with_tasks(tmp_path, monkeypatch, ScriptedHost([]), use, declared=False)


def test_an_unknown_task_and_a_wrong_answer_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(client: Client) -> None:
        with pytest.raises(MCPError, match="Unknown task: p-none"):
            await send(client, Get(params=TaskParams(task_id="p-none")))
        task_id = (await begun(client, "Echo"))["taskId"]
        with pytest.raises(MCPError, match="question-1: is no answer"):
            await send(client, Update(params=UpdateParams(task_id=task_id, input_responses={"question-1": {"x": 1}})))

    with_tasks(tmp_path, monkeypatch, ScriptedHost([]), use)
