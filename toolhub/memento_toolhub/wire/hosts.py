"""The hosts that are connected now, and what they want to hear of."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.session import ServerSession
from mcp.server.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
    SubscriptionBus,
    ToolsListChanged,
)

from memento_toolhub.wire.flight import Flight
from memento_toolhub.wire.forward import LOG_LEVEL, ask_host
from memento_toolhub.wire.profile import Profile, is_modern
from memento_toolhub.wire.seams import host_connection

logger = logging.getLogger(__name__)

_EVENTS: dict[str, Callable[[], ServerEvent]] = {
    "tools": ToolsListChanged,
    "prompts": PromptsListChanged,
    "resources": ResourcesListChanged,
}


class Hosts:
    """Passes on what servers say: to the waiting host, or to every host that asked to be told.

    Hosts of the handshake era are told on their session, later ones on the streams they opened on the bus.
    """

    def __init__(self, bus: SubscriptionBus) -> None:
        self._bus = bus
        self._sessions: dict[Any, tuple[ServerSession, Profile]] = {}
        self._watched: dict[str, set[Any]] = {}
        self._levels: dict[Profile, types.LoggingLevel] = {}

    def install(self, server: Server[Any]) -> None:
        """Get to know the hosts of a server."""
        server.middleware.append(self._meet)

    def level(self, profile: Profile) -> types.LoggingLevel | None:
        """The log level that a host of this kind asked for last."""
        return self._levels.get(profile)

    def set_level(self, ctx: ServerRequestContext[Any, Any], level: types.LoggingLevel) -> None:
        """Note the log level a host wants."""
        host_connection(ctx).state[LOG_LEVEL] = level
        self._levels[Profile.of(ctx)] = level

    async def ask(self, flight: Flight, request: types.InputRequest) -> Any:
        """Put a server's question to the host whose call it came up in."""
        return await ask_host(flight, request)

    async def log(
        self, flight: Flight | None, profile: Profile, params: types.LoggingMessageNotificationParams
    ) -> None:
        """Pass a log message on to the host whose call it belongs to, or to all hosts of its kind."""
        if flight is not None:
            session, request_id = flight.ctx.session, flight.ctx.request_id
            await session.send_log_message(
                params.level, params.data, logger=params.logger, related_request_id=request_id
            )
            return
        for connection, (session, other) in list(self._sessions.items()):
            if other == profile:
                send = partial(session.send_log_message, params.level, params.data, logger=params.logger)
                await self._tell(connection, send)

    async def lists_changed(self, kind: str) -> None:
        """Announce that a list (tools, prompts or resources) changed."""
        await self._bus.publish(_EVENTS[kind]())
        for connection, (session, _) in list(self._sessions.items()):
            send = {
                "tools": session.send_tool_list_changed,
                "prompts": session.send_prompt_list_changed,
                "resources": session.send_resource_list_changed,
            }[kind]
            await self._tell(connection, send)

    async def resource_updated(self, uri: str) -> None:
        """Tell the hosts that watch a resource that it changed."""
        await self._bus.publish(ResourceUpdated(uri=uri))
        for connection in list(self._watched.get(uri, ())):
            if connection in self._sessions:
                session, _ = self._sessions[connection]
                await self._tell(connection, partial(session.send_resource_updated, uri))

    def watch(self, watcher: object, uri: str) -> None:
        """Note that a watcher (a session's connection, or a stream) wants to hear of a resource."""
        self._watched.setdefault(uri, set()).add(watcher)

    def unwatch(self, watcher: object, uri: str) -> bool:
        """The opposite; whether nobody watches it any more."""
        watchers = self._watched.get(uri, set())
        watchers.discard(watcher)
        if not watchers:
            self._watched.pop(uri, None)
        return not watchers

    @property
    def watched(self) -> frozenset[str]:
        """The resources somebody watches."""
        return frozenset(self._watched)

    async def _tell(self, connection: Any, send: Callable[[], Any]) -> None:
        try:
            await send()
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            logger.debug("a host went away before it could be told")
            self._forget(connection)

    async def _meet(self, ctx: ServerRequestContext[Any, Any], call_next: Callable[[Any], Any]) -> Any:
        if ctx.method == "notifications/initialized" and not is_modern(ctx.protocol_version):
            connection = host_connection(ctx)
            self._sessions[connection] = (ctx.session, Profile.of(ctx))
            connection.exit_stack.callback(self._forget, connection)
        return await call_next(ctx)

    def _forget(self, connection: Any) -> None:
        self._sessions.pop(connection, None)
        for uri in list(self._watched):
            self.unwatch(connection, uri)
