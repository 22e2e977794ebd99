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

PATIENCE_S = 20


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


def told(folder: Path, work: Any) -> None:
    """Connect a host with roots to a Memento with the attentive server behind it, and let it work."""

    async def run() -> None:
        file = tools_file(folder, {"attentive": backend("attentive.py")})
        command = [*serve_command(folder / "bank.sqlite3"), "--tools", str(file)]
        parameters = StdioServerParameters(command=command[0], args=command[1:], env=kept_in(folder))
        async with Client(stdio_client(parameters), mode="legacy", list_roots_callback=_roots) as client:
            await work(client)

    anyio.run(run)


def test_a_server_hears_that_the_roots_of_the_host_changed(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        assert "notifications/roots/list_changed" not in await _heard(client)
        await client.session.send_notification(RootsListChangedNotification())
        await _until_heard(client, "notifications/roots/list_changed")

    told(tmp_path, work)


def test_a_server_hears_the_log_level_the_host_wants_even_when_it_starts_later(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        await _set_level(client, "error")
        await _until_heard(client, "logging/setLevel error")
        await _set_level(client, "debug")
        await _until_heard(client, "logging/setLevel debug")

    told(tmp_path, work)


def test_a_server_that_is_started_again_hears_which_resources_are_watched(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        await client.list_resources()
        request = SubscribeRequest(params=SubscribeRequestParams(uri="pump://1"))
        await client.session.send_request(request, EmptyResult)
        await _until_heard(client, "resources/subscribe pump://1")
        assert (await client.call_tool("attentive__crash", {})).is_error
        await _until_heard(client, "resources/subscribe pump://1")
        assert (await _heard(client)).count("initialize") == 1

    told(tmp_path, work)


async def _set_level(client: Client, level: Any) -> None:
    await client.session.send_request(SetLevelRequest(params=SetLevelRequestParams(level=level)), EmptyResult)
