"""Memento with the host's model in this process, the host that lends it, and how long that host's calls wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp import Client
from mcp.types import CallToolResult, SamplingCapability, SamplingToolsCapability

from integration.banks import rows
from integration.processes import answer_of
from integration.scripted_host import ScriptedHost
from memento_planner.models.spec import ModelSpec
from memento_server import solve_tool
from memento_server.app import build
from memento_server.settings import Models
from server.behind_relay import PATIENCE_S, settings

HOST = Models(ModelSpec("host", "", ""), ModelSpec("host", "", ""), None)
WITH_TOOLS = SamplingCapability(tools=SamplingToolsCapability())

Servers = Mapping[str, Any]


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


async def until_over(desk: Desk, client: Client, answer: dict[str, Any]) -> dict[str, Any]:
    """Ask again until a run is over."""
    while answer["status"] == "running":
        await anyio.sleep(0.02)
        answer = answer_of(await desk.solve(client, plan_id=answer["plan_id"])).structured
    return answer


async def there(file: Path) -> None:
    while not await anyio.to_thread.run_sync(file.exists):
        await anyio.sleep(0.02)


def plan_id_of(desk: Desk) -> str:
    """The one plan in the bank."""
    ((plan_id,),) = rows(desk.path / "bank.sqlite3", "SELECT plan_id FROM episodes")
    return str(plan_id)
