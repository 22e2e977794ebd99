"""The relayed tools for this very process: a server of their own beside the one for hosts, without a transport."""

from __future__ import annotations

from typing import Any

from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.lowlevel import Server

from memento_toolhub.relay import Relay

Context = ServerRequestContext[Any, Any]


def loopback(relay: Relay) -> Server[Any]:
    """A server of all relayed tools and of nothing else, to be connected to with `mcp.Client` inside `relay.running()`.

    Names, approved definitions, allow and deny lists, limits and the trace are the relay's, and calls name their plan
    and step in `_meta` as a host's do. Two things differ: every tool is listed, however many there are, but for those
    that calls are refused to; and the tools of the server for hosts are out of reach, so that nothing calls itself.
    """

    async def list_tools(ctx: Context, _: types.PaginatedRequestParams) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[entry.shown for entry in await relay.entries(ctx) if not entry.refused])

    server: Server[Any] = Server("memento-loopback")
    server.add_request_handler("tools/list", types.PaginatedRequestParams, list_tools)
    server.add_request_handler("tools/call", types.CallToolRequestParams, relay.call_tool)
    return server
