"""Reaching the downstream servers on behalf of a host."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup
from mcp import types
from mcp.client._transport import Transport
from mcp.server import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from memento_toolhub.backend import LOOP, RELAY_EXTENSION, Backend, UnavailableError
from memento_toolhub.config.hub import BackendConfig, HubConfig, Start
from memento_toolhub.wire.connection import Connection
from memento_toolhub.wire.hosts import Hosts
from memento_toolhub.wire.profile import Profile, chain_of

logger = logging.getLogger(__name__)

_PATIENCE_S = 8.0  # how long listings wait for a server from its start on; a later one is announced
_MEETING = ("notifications/initialized", "server/discover")

Context = ServerRequestContext[Any, Any]
Open = Callable[[BackendConfig, str], Transport]
Explain = Callable[[BackendConfig, BaseException | None], str]


class Reach:
    """Owns the connections to all servers.

    Attributes:
        backends: the servers by name, in the order of the configuration.
        missed: names of servers that were not up in time for a listing and will be announced.
    """

    def __init__(
        self, config: HubConfig, hosts: Hosts, open_transport: Open, explain: Explain, *, own_id: str, chain: str
    ) -> None:

        def open_through(config: BackendConfig, came: tuple[str, ...]) -> Transport:
            return open_transport(config, ",".join(part for part in (chain, *came, own_id) if part))

        self.missed: set[str] = set()
        self.backends = {
            backend.name: Backend(backend, hosts, open_through, own_id=own_id, explain=explain)
            for backend in config.backends
        }
        self._hosts = hosts
        self._id = own_id
        self._tasks: TaskGroup | None = None

    def install(self, server: Server[Any]) -> None:
        """Get to work when hosts appear at a server, and be known to other relays."""
        server.extensions[RELAY_EXTENSION] = {"id": self._id}
        server.middleware.append(self._meet)
        server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, self._set_level)
        server.add_notification_handler(
            "notifications/roots/list_changed", types.NotificationParams, self._roots_changed
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the connections; at the end all are closed and their processes gone."""
        async with anyio.create_task_group() as self._tasks:
            try:
                yield
            finally:
                with anyio.CancelScope(shield=True):
                    async with anyio.create_task_group() as closing:
                        for backend in self.backends.values():
                            closing.start_soon(backend.close)
                self._tasks.cancel_scope.cancel()

    @property
    def tasks(self) -> TaskGroup:
        """Where connections and parked calls live."""
        if self._tasks is None:
            raise RuntimeError("the relay is used outside of running()")
        return self._tasks

    async def reach(self, ctx: Context) -> list[tuple[Backend, Connection]]:
        """The connections for this host, waiting a little for those on their way; dead servers are left out."""
        profile = Profile.of(ctx)
        begun: list[tuple[Backend, Connection]] = []
        for backend in self.backends.values():
            if not backend.usable or backend.relay_id in profile.chain:
                continue
            try:
                begun.append((backend, backend.begin(profile, self.tasks)))
            except UnavailableError as error:
                logger.info("left out: %s", error)
        for _, connection in begun:
            with anyio.CancelScope(deadline=connection.begun_at + _PATIENCE_S):
                await connection.ready.wait()
        for backend, connection in begun:
            if not connection.ready.is_set() and backend.name not in self.missed:
                self.missed.add(backend.name)
                self.tasks.start_soon(self._announce, backend, connection)
        return [(backend, connection) for backend, connection in begun if connection.alive]

    async def server(self, ctx: Context, name: str) -> tuple[Backend, Connection]:
        """One server's connection for this host.

        Raises:
            UnavailableError: if it cannot be had.
        """
        backend, profile = self.backends[name], Profile.of(ctx)
        return backend, backend.up(profile) or await backend.connect(profile, self.tasks)

    def silent(self) -> list[str]:
        """The servers that are wanted but not connected, each with why."""
        return [f"{backend.name} ({backend.trouble})" for backend in self.unconnected()]

    def unconnected(self) -> list[Backend]:
        """The servers that are wanted but not connected."""
        return [backend for backend in self.backends.values() if backend.config.enabled and not backend.connections()]

    async def _set_level(self, ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        self._hosts.set_level(ctx, params.level)
        profile = Profile.of(ctx)
        for backend in self.backends.values():
            if (connection := backend.up(profile)) is not None:
                await connection.set_level(params.level)
        return types.EmptyResult()

    async def _roots_changed(self, ctx: Context, _: types.NotificationParams) -> None:
        profile = Profile.of(ctx)
        for backend in self.backends.values():
            connection = backend.up(profile)
            if connection is not None and profile.roots:
                await connection.roots_changed()

    async def _announce(self, backend: Backend, connection: Connection) -> None:
        await connection.ready.wait()
        self.missed.discard(backend.name)
        if connection.alive:
            for kind in ("tools", "prompts", "resources"):
                await self._hosts.lists_changed(kind)

    async def _meet(self, ctx: Context, call_next: Callable[[Any], Any]) -> Any:
        """Start the eager servers as soon as it is known what their host can do; refuse to serve oneself."""
        if self._id in chain_of(ctx):
            raise MCPError(
                types.INVALID_REQUEST,
                "this request comes from this very server: a loop of relays; remove one of them from a tools file",
                {LOOP: self._id},
            )
        if ctx.method in _MEETING:
            profile = Profile.of(ctx)
            for backend in self.backends.values():
                if backend.config.start is Start.EAGER and backend.usable:
                    try:
                        backend.begin(profile, self.tasks)
                    except UnavailableError as error:
                        logger.debug("not started: %s", error)
        return await call_next(ctx)
