"""The tools of real servers as solving has them: behind a relay in this process, with all it keeps in one folder."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.server.subscriptions import InMemorySubscriptionBus

from memento_planner.tools import ToolCaller
from memento_server.memory import Memory
from memento_server.relaying import build
from memento_server.settings import Settings
from memento_server.tool_caller import relayed_tools

SERVERS = Path(__file__).parents[1] / "toolhub" / "servers"
PATIENCE_S = 120.0  # for a machine under load; nothing here waits longer than the event it waits for

Use = Callable[[ToolCaller, Memory], Awaitable[Any]]


def entry(script: str, *arguments: object, **options: Any) -> dict[str, Any]:
    """One of the servers here in a tools file."""
    return {"command": sys.executable, "args": [str(SERVERS / script), *map(str, arguments)], **options}


def notes(folder: Path, **options: Any) -> dict[str, Any]:
    """The real notes server over a folder in a tools file."""
    return {"command": sys.executable, "args": ["-m", "memento_toolhub.servers.notes", str(folder)], **options}


def with_tools(folder: Path, servers: Mapping[str, Any], use: Use, patch: pytest.MonkeyPatch) -> Any:
    """Run `use` with the tools of these servers, and return what it does."""

    async def run() -> Any:
        with anyio.fail_after(PATIENCE_S):
            async with behind_relay(folder, servers, patch) as (tools, memory):
                return await use(tools, memory)

    return anyio.run(run)


@asynccontextmanager
async def behind_relay(
    folder: Path, servers: Mapping[str, Any], patch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ToolCaller, Memory]]:
    """The tools of these servers, and the memory that the trace of the calls goes to."""
    memory = Memory(settings(folder, servers, patch))
    assert memory.settings.tools is not None
    relaying = build(memory.settings.tools, memory, InMemorySubscriptionBus(), ())
    try:
        async with relaying.relay.running(), relayed_tools(relaying) as tools:
            yield tools, memory
    finally:
        relaying.traces.flush()
        memory.close()


def settings(folder: Path, servers: Mapping[str, Any], patch: pytest.MonkeyPatch, **more: Any) -> Settings:
    """Settings with these servers, and everything that is kept in the folder."""
    for kind in ("DATA", "STATE", "CONFIG"):
        patch.setenv(f"XDG_{kind}_HOME", str(folder / kind.lower()))
    file = folder / "tools.json"
    file.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
    return Settings(folder / "bank.sqlite3", tools=file, **more)
