"""What a host of the handshake era tells Memento reaches the servers behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import (
    EmptyResult,
    ListRootsResult,
    RootsListChangedNotification,
    SetLevelRequest,
    SetLevelRequestParams,
    SubscribeRequest,
    SubscribeRequestParams,
)

from integration.processes import serve_command
from integration.relays import backend, kept_in, tools_file

PATIENCE_S = 120


async def _roots(_: object) -> ListRootsResult:
    return ListRootsResult(roots=[])


async def _heard(client: Client) -> list[str]:
    result = await client.call_tool("attentive__heard", {})
    heard: list[str] = json.loads(result.content[0].text)  # type: ignore[union-attr]
    return heard


async def _until_heard(client: Client, notice: str) -> None:
    with anyio.fail_after(PATIENCE_S):
        while notice not in await _heard(client):
            await anyio.sleep(0.05)


def test_what_a_host_says_reaches_the_server_even_when_it_is_started_later_or_again(tmp_path: Path) -> None:
    async def run() -> None:
        file = tools_file(tmp_path, {"attentive": backend("attentive.py")})
        command = [*serve_command(tmp_path / "bank.sqlite3"), "--tools", str(file)]
        parameters = StdioServerParameters(command=command[0], args=command[1:], env=kept_in(tmp_path))
        async with Client(stdio_client(parameters), mode="legacy", list_roots_callback=_roots) as client:
            await _log_level(client)
            await _changed_roots(client)
            await _watched_resources(client)

    anyio.run(run)


async def _log_level(client: Client) -> None:
    await _set_level(client, "error")
    await _until_heard(client, "logging/setLevel error")
    await _set_level(client, "debug")
    await _until_heard(client, "logging/setLevel debug")


async def _changed_roots(client: Client) -> None:
    assert "notifications/roots/list_changed" not in await _heard(client)
    await client.session.send_notification(RootsListChangedNotification())
    await _until_heard(client, "notifications/roots/list_changed")


async def _watched_resources(client: Client) -> None:
    await client.list_resources()
    request = SubscribeRequest(params=SubscribeRequestParams(uri="pump://1"))
    await client.session.send_request(request, EmptyResult)
    await _until_heard(client, "resources/subscribe pump://1")
    assert (await client.call_tool("attentive__crash", {})).is_error
    await _until_heard(client, "resources/subscribe pump://1")
    assert (await _heard(client)).count("initialize") == 1


async def _set_level(client: Client, level: Any) -> None:
    await client.session.send_request(SetLevelRequest(params=SetLevelRequestParams(level=level)), EmptyResult)
