"""The places where the relay reaches below the SDK's public face: an SDK that moves them must fail here."""

from __future__ import annotations

import inspect
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.server import MCPServer, ServerRequestContext
from mcp.server.connection import Connection
from mcp.server.lowlevel import NotificationOptions, Server

from memento_server.stdio import low_level
from memento_toolhub.wire.seams import announce_changes, host_connection


def served(mode: str, host: Any, announced: bool = True) -> Any:
    """What a client gets from `host(client, contexts)`, where contexts are those of its requests so far."""

    async def work() -> Any:
        server: MCPServer[Any] = MCPServer("seams")
        contexts: list[ServerRequestContext[Any, Any]] = []

        async def note(ctx: ServerRequestContext[Any, Any], call_next: Any) -> Any:
            contexts.append(ctx)
            return await call_next(ctx)

        low = low_level(server)
        low.middleware.append(note)
        if announced:
            announce_changes(low)
        async with Client(server, mode=mode, cache=None) as client:
            return await host(client, contexts)

    return anyio.run(work)


def test_an_mcp_server_has_the_low_level_server_the_relay_is_installed_into() -> None:
    low = low_level(MCPServer("seams"))
    assert type(low) is Server
    for method in ("tools/list", "tools/call", "resources/list", "resources/read", "prompts/list", "prompts/get"):
        assert low.get_request_handler(method) is not None, method
    assert isinstance(low.middleware, list)
    assert isinstance(low.extensions, dict)
    assert callable(low.get_tool_input_schema)


def test_initialization_options_take_the_notification_options_first() -> None:
    first, *_ = inspect.signature(Server("seams").create_initialization_options).parameters.values()
    assert first.name == "notification_options"


@pytest.mark.parametrize("announced", [True, False])
def test_hosts_are_told_that_lists_may_change_only_because_the_relay_says_so(announced: bool) -> None:
    async def capabilities(client: Client, _: Any) -> Any:
        return client.server_capabilities

    found = served("legacy", capabilities, announced)
    assert [bool(part and part.list_changed) for part in (found.tools, found.prompts, found.resources)] == [
        announced
    ] * 3


def test_options_that_are_asked_for_expressly_are_not_overruled() -> None:
    low = low_level(MCPServer("seams"))
    announce_changes(low)
    options = low.create_initialization_options(NotificationOptions(), {"x": {}})
    assert not (options.capabilities.tools and options.capabilities.tools.list_changed)
    assert options.capabilities.experimental == {"x": {}}


def test_a_session_has_one_connection_which_lasts_and_can_be_cleaned_up_after() -> None:
    ended: list[str] = []

    async def twice(client: Client, contexts: list[ServerRequestContext[Any, Any]]) -> list[Connection]:
        await client.list_tools()
        host_connection(contexts[-1]).state["test/seen"] = 1
        host_connection(contexts[-1]).exit_stack.callback(ended.append, "ended")
        await client.list_tools()
        assert host_connection(contexts[-1]).state["test/seen"] == 1
        return [host_connection(ctx) for ctx in contexts]

    connections = served("legacy", twice)
    assert all(isinstance(connection, Connection) for connection in connections)
    assert len({id(connection) for connection in connections}) == 1
    assert connections[0].session_id is None
    assert ended == ["ended"]


def test_a_stateless_request_has_a_connection_that_knows_its_host() -> None:
    async def once(client: Client, contexts: list[ServerRequestContext[Any, Any]]) -> Any:
        await client.list_tools()
        return host_connection(contexts[-1]), contexts[-1].session.client_capabilities

    connection, capabilities = served("auto", once)
    assert isinstance(connection, Connection)
    assert isinstance(connection.state, dict)
    assert capabilities is not None
