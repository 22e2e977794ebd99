"""The relay: a server's own tools first, and behind them those of every downstream server."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.subscriptions import SubscriptionBus

from memento_toolhub import own_tools
from memento_toolhub.backend import Backend, UnavailableError
from memento_toolhub.calls import Caller, Order, failed
from memento_toolhub.catalogue import Catalogue, Entry, Listing, Rank, search
from memento_toolhub.config.hub import HubConfig
from memento_toolhub.names import JOIN
from memento_toolhub.offers import Offers
from memento_toolhub.plans import OpenPlans
from memento_toolhub.reach import Explain, Open, Reach
from memento_toolhub.trace import Record
from memento_toolhub.trust.pins import Pins
from memento_toolhub.trust.results import ResultStore
from memento_toolhub.wire.forward import Forwarder, Result
from memento_toolhub.wire.hosts import Hosts
from memento_toolhub.wire.seams import announce_changes

LIST_BUDGET_TOKENS = 4000
"""As long as the definitions of all tools stay below this, they are listed; beyond it they are searched."""

Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a relay is made of, besides its configuration.

    Attributes:
        own_id: this relay's id in a chain of relays; `chain` are those it was started through, with commas.
        own_names: the tools of the server it is installed into.
        bus: where hosts listen for changes.
        explain: an error on the way to a server, in words.
        record: takes every relayed call.
        rank: scores tools for find_tools.
    """

    own_id: str
    chain: str
    own_names: tuple[str, ...]
    bus: SubscriptionBus
    open_transport: Open
    explain: Explain
    pins: Pins
    results: ResultStore
    record: Record
    rank: Rank


class Relay:
    """Everything between a host and the downstream servers; `install` it into a server, then serve inside `running`.

    Attributes:
        plans: which plan each host is carrying out.
        reach: the downstream servers and the connections to them.
    """

    def __init__(self, config: HubConfig, parts: Parts) -> None:
        hosts, forwarder = Hosts(parts.bus), Forwarder()
        self.plans = OpenPlans()
        self.reach = Reach(config, hosts, parts.open_transport, parts.explain, own_id=parts.own_id, chain=parts.chain)
        self._hosts = hosts
        self._rank = parts.rank
        self._own_names = frozenset(parts.own_names)
        self._caller = Caller(forwarder, parts.results, parts.record)
        reserved = (*parts.own_names, *(tool.name for tool in own_tools.OWN))
        self._catalogue = Catalogue(reserved, parts.pins, budget=LIST_BUDGET_TOKENS)
        self._offers = Offers(self.reach, self._catalogue, forwarder, hosts, parts.results)

    def install(self, server: Server[Any]) -> None:
        """Put the relay behind a server's own handlers.

        Raises:
            LookupError: if the server has no tools of its own.
        """
        own_list, own_call = server.get_request_handler("tools/list"), server.get_request_handler("tools/call")
        if own_list is None or own_call is None:
            raise LookupError("the relay is installed into servers that have tools")
        self._own_list, self._own_call, self._own_schema = (
            own_list.handler,
            own_call.handler,
            server.get_tool_input_schema,
        )
        server.add_request_handler("tools/list", types.PaginatedRequestParams, self._list_tools)
        server.add_request_handler("tools/call", types.CallToolRequestParams, self._call_tool)
        server.get_tool_input_schema = self._schema
        self._offers.install(server)
        self._hosts.install(server)
        self.reach.install(server)
        announce_changes(server)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Hold the connections; at the end all are closed and their processes gone."""
        return self.reach.running()

    def listings(self) -> list[Listing]:
        """What the servers that are connected now list; waits for none. To be called on the event loop."""
        found = [self._catalogue.listing(backend) for backend in self.reach.backends.values()]
        return [listing for listing in found if listing is not None]

    async def _list_tools(self, ctx: Context, params: Any) -> types.ListToolsResult:
        own = types.ListToolsResult.model_validate(await self._own_list(ctx, params))
        entries = await self.entries(ctx)
        listed = self._catalogue.listed(entries)
        tools = list(own.tools)
        if len(listed) < len(entries):
            tools += own_tools.OWN
        tools += [entry.shown for entry in listed]
        waiting = bool(self.reach.missed)
        return own.model_copy(update={"tools": tools, **({"ttl_ms": 0} if waiting else {})})

    async def entries(self, ctx: Context) -> list[Entry]:
        """All relayed tools of the servers that can be reached, in the order of the configuration."""
        reached = await self.reach.reach(ctx)
        return [entry for found in reached for entry in await self._catalogue.entries(*found)]

    async def _call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Any:
        own = params.name in self._own_names
        return await self._own_call(ctx, params) if own else await self.call_tool(ctx, params)

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Result | types.CallToolResult:
        """Call a relayed tool, or one of the two that stand for those that are not listed.

        Raises:
            MCPError: the downstream server's own protocol error.
        """
        name, arguments, plan = params.name, params.arguments or {}, ""
        try:
            if name == own_tools.FIND.name:
                return await self._find(ctx, *own_tools.query_of(arguments))
            if name == own_tools.CALL.name:
                name, arguments, plan = own_tools.call_of(arguments)
        except ValueError as error:
            return failed(str(error))
        return await self._relay(ctx, params, name, arguments, plan)

    async def _relay(
        self,
        ctx: Context,
        params: types.CallToolRequestParams,
        name: str,
        arguments: dict[str, Any],
        plan: str,
    ) -> Result | types.CallToolResult:
        found = await self._find_entry(ctx, name)
        if isinstance(found, types.CallToolResult):
            return found
        backend, tool, entry = found
        if entry is not None and entry.refused:
            return failed(
                f"{name}: its definition changed since it was approved, so calls to it are refused; "
                f"look at it and approve it with `memento tools approve {backend.name} {tool}`"
            )
        order = Order(backend, tool, entry.tool if entry else None, arguments, params, self.plans.of(ctx, plan))
        return await self._caller.call(ctx, order, self.reach.tasks)

    async def _find_entry(self, ctx: Context, name: str) -> tuple[Backend, str, Entry | None] | types.CallToolResult:
        """The server and tool behind a name, with its definition where the server is up; or what is wrong."""
        owner = self._catalogue.owner(name)
        if owner is None:
            await self.entries(ctx)
            owner = self._catalogue.owner(name)
        if owner is None:
            silent = self.reach.silent()
            hint = f" Not connected: {', '.join(silent)}." if silent else ""
            awaited = any(name.startswith(f"{backend.name}{JOIN}") for backend in self.reach.unconnected())
            return failed(f"Unknown tool: {name}. See tools/list or find_tools.{hint}", infrastructure=awaited)
        backend, tool = self.reach.backends[owner[0]], owner[1]
        if not backend.config.relays(tool):
            return failed(f"{name}: the tools file does not allow it; see allow and deny of {backend.name}")
        try:
            _, connection = await self.reach.server(ctx, backend.name)
        except UnavailableError:
            return backend, tool, None  # the call itself will say so, and leave its trace
        entries = await self._catalogue.entries(backend, connection)
        return backend, tool, next((entry for entry in entries if entry.tool.name == tool), None)

    async def _find(self, ctx: Context, query: str, k: int) -> types.CallToolResult:
        entries = await self.entries(ctx)
        best = await search(query, entries, k, self._rank)
        return own_tools.found(query, best, self.reach.silent())

    def _schema(self, name: str) -> Any:
        owner = self._catalogue.owner(name)
        if owner is None:
            return self._own_schema(name) if self._own_schema else None
        for connection in self.reach.backends[owner[0]].connections():
            for tool in connection.tools:
                if tool.name == owner[1]:
                    return tool.input_schema
        return None
