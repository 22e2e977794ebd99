"""Trying a downstream server out: connect, list its tools, and say what is wrong where that does not work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from mcp import Client, types
from mcp.client._transport import Transport

from memento_toolhub.catalogue import tokens
from memento_toolhub.config.hub import BackendConfig, Pin
from memento_toolhub.trust.pins import Pins, Status
from memento_toolhub.wire.changes import first


@dataclass(frozen=True, slots=True)
class Finding:
    """What came out of trying one server.

    Attributes:
        protocol: the protocol version agreed on.
        seconds: from the start to the list of tools.
        tools: the names of the tools that would be relayed, by the server's own names.
        tokens: about what their definitions cost a model that reads them.
        hidden: tools that allow or deny leaves out.
        changed: tools whose definition is not the approved one.
        skipped: it is switched off and was not tried.
        problem: why it cannot be used and what to do; "" when it can.
    """

    name: str
    protocol: str = ""
    seconds: float = 0.0
    tools: tuple[str, ...] = ()
    tokens: int = 0
    hidden: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    skipped: bool = False
    problem: str = ""


async def examine(
    config: BackendConfig,
    open_transport: Callable[[BackendConfig], Transport],
    explain: Callable[[BackendConfig, BaseException | None], str],
    pins: Pins,
) -> Finding:
    """Try one server, for as long as its `connect_timeout` allows."""
    if not config.enabled:
        return Finding(config.name, skipped=True)
    if config.transport is None:
        return Finding(config.name, problem=config.problem)
    started = time.perf_counter()
    with anyio.move_on_after(config.connect_timeout):
        problem: BaseException | None = None
        try:
            async with Client(open_transport(config), cache=None) as client:
                tools = await _all_tools(client)
                protocol, seconds = client.protocol_version, time.perf_counter() - started
        except* Exception as group:
            problem = first(group)
        if problem is not None:
            return Finding(config.name, problem=explain(config, problem))
        relayed = [tool for tool in tools if config.relays(tool.name)]
        pinned = relayed if config.pin is not Pin.OFF else []
        statuses = pins.check(config.name, pinned, identity=config.transport.shown)
        return Finding(
            config.name,
            protocol=protocol,
            seconds=round(seconds, 3),
            tools=tuple(tool.name for tool in relayed),
            tokens=sum(tokens(tool) for tool in relayed),
            hidden=tuple(tool.name for tool in tools if not config.relays(tool.name)),
            changed=tuple(name for name, status in statuses.items() if status is Status.CHANGED),
        )
    limit = TimeoutError(f"did not answer within {config.connect_timeout:g} s; see its log, or raise connectTimeout")
    return Finding(config.name, problem=explain(config, limit))


async def _all_tools(client: Client) -> list[types.Tool]:
    tools: list[types.Tool] = []
    if client.server_capabilities.tools is None:
        return tools
    page = await client.list_tools()
    tools += page.tools
    while page.next_cursor is not None:
        page = await client.list_tools(cursor=page.next_cursor)
        tools += page.tools
    return tools
