"""A downstream server: its connections, one per kind of host, and whether it can be reached."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import anyio
from anyio.abc import TaskGroup
from mcp import types
from mcp.client._transport import Transport
from mcp.shared.exceptions import MCPError

from memento_toolhub.breaker import Breaker, State
from memento_toolhub.config.hub import BackendConfig, Http
from memento_toolhub.wire.connection import Connection
from memento_toolhub.wire.hub import Hub
from memento_toolhub.wire.profile import Profile

logger = logging.getLogger(__name__)

_MOST_CONNECTIONS = 8

RELAY_EXTENSION = "io.github.memento/relay"
"""The extension under which a relay publishes its id, so that relays recognise themselves in a chain."""

LOOP = "memento/loop"
"""Where the error of a relay that refuses requests which came through itself says its id."""


class UnavailableError(Exception):
    """A downstream server cannot be reached now; the message names it, says why and what will happen next."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a downstream server: state is off, misconfigured, idle, connecting, connected or failing."""

    state: str
    breaker: State
    error: str


class Backend:
    """Opens connections to one server when they are needed, again when they break, and not while it keeps failing."""

    def __init__(
        self,
        config: BackendConfig,
        hub: Hub,
        open_transport: Callable[[BackendConfig, tuple[str, ...]], Transport],
        *,
        own_id: str,
        explain: Callable[[BackendConfig, BaseException | None], str],
    ) -> None:
        self.config = config
        self.breaker = Breaker()
        self.limiter = anyio.Semaphore(config.concurrency, fast_acquire=True)
        self.error = ""
        self.relay_id = ""
        self._hub = hub
        self._open = open_transport
        self._own_id = own_id
        self._explain = explain
        self._connections: dict[Profile, Connection] = {}
        self._uris: dict[Profile, set[str]] = {}
        self._legacy_only = False
        self._loops = False

    @property
    def name(self) -> str:
        """The server's name in the configuration."""
        return self.config.name

    @property
    def usable(self) -> bool:
        """Whether the configuration lets it be reached."""
        return self.config.enabled and self.config.transport is not None

    @property
    def health(self) -> Health:
        """How it is doing."""
        if not self.config.enabled:
            state = "off"
        elif self.config.transport is None:
            state = "misconfigured"
        elif any(connection.alive for connection in self._connections.values()):
            state = "connected"
        elif self._connections:
            state = "connecting"
        else:
            state = "failing" if self.error else "idle"
        return Health(state, self.breaker.state, self.config.problem or self.error)

    @property
    def trouble(self) -> str:
        """Why it is not connected, and when that may change."""
        why = self.config.problem or self.error or "not connected yet"
        if self.breaker.state is not State.OPEN:
            return why
        return f"{why}; the circuit is open, next attempt in {math.ceil(self.breaker.wait_s)} s"

    def connections(self) -> Sequence[Connection]:
        """The connections that are up."""
        return [connection for connection in self._connections.values() if connection.alive]

    def up(self, profile: Profile) -> Connection | None:
        """The connection for hosts of this kind, if it is up."""
        connection = self._connections.get(self._kind(profile))
        return connection if connection is not None and connection.alive else None

    def begin(self, profile: Profile, tasks: TaskGroup) -> Connection:
        """The connection for hosts of this kind, which may still be on its way.

        Raises:
            UnavailableError: if the server is not usable, or is left alone for a while because it keeps failing.
        """
        profile = self._kind(profile)
        connection = self._connections.get(profile)
        if connection is not None and (connection.alive or not connection.ready.is_set()):
            return connection
        if not self.usable or self._loops:
            raise UnavailableError(f"{self.name}: {self.config.problem or self.error or 'is switched off'}")
        if self.breaker.state is State.OPEN:
            raise UnavailableError(f"{self.name}: {self.trouble}")
        self._make_room()
        connection = Connection(
            self.name,
            profile,
            lambda: self._open(self.config, profile.chain),
            self._hub,
            client_info=types.Implementation(name="memento", version=version("memento-cbr")),
            on_met=self._met,
            uris=self._uris.setdefault(profile, set()),
            legacy_only=self._legacy_only,
            connect_timeout=self.config.connect_timeout,
        )
        self._connections[profile] = connection
        tasks.start_soon(self._own, connection)
        return connection

    async def connect(self, profile: Profile, tasks: TaskGroup) -> Connection:
        """The connection for hosts of this kind, up.

        Raises:
            UnavailableError: if it cannot be had.
        """
        connection = self.begin(profile, tasks)
        await connection.ready.wait()
        if not connection.alive:
            raise UnavailableError(f"{self.name}: {self.error or 'the connection was closed'}")
        return connection

    async def close(self) -> None:
        """Close every connection and wait until they are."""
        connections = list(self._connections.values())
        for connection in connections:
            connection.stop()
        for connection in connections:
            await connection.ended.wait()

    def failed(self, why: str) -> None:
        """Note that the server could not be reached or broke off."""
        self.error = why
        self.breaker.failed()
        logger.warning("%s: %s", self.name, why)

    def worked(self) -> None:
        """Note that the server answered."""
        self.error = ""
        self.breaker.worked()

    async def _own(self, connection: Connection) -> None:
        await connection.run()
        if self._connections.get(connection.profile) is connection:
            del self._connections[connection.profile]
        if (relay_id := refused_by(connection.error)) is not None:
            self.relay_id = relay_id
            self._close_loop(connection)
        elif connection.error is not None or connection.lost:
            self.failed(self._explain(self.config, connection.error))

    def _make_room(self) -> None:
        """Hosts can declare any capabilities, with each request anew: only so many kinds of them are kept connected.

        Raises:
            UnavailableError: if every connection is in use.
        """
        if len(self._connections) < _MOST_CONNECTIONS:
            return
        idle = [connection for connection in self._connections.values() if connection.alive and not connection.flights]
        if not idle:
            raise UnavailableError(
                f"{self.name}: hosts of {_MOST_CONNECTIONS} kinds use it already; try again when one has finished"
            )
        oldest = min(idle, key=lambda connection: connection.used_at)
        del self._connections[oldest.profile]
        oldest.stop()

    def _met(self, connection: Connection) -> None:
        self._legacy_only = connection.profile.modern and not connection.modern
        published = (connection.capabilities.extensions or {}).get(RELAY_EXTENSION) or {}
        self.relay_id = str(published.get("id", ""))
        if self.relay_id == self._own_id:
            self._close_loop(connection)
        else:
            self.breaker.connected()

    def _close_loop(self, connection: Connection) -> None:
        """It is this very server, or one whose request is being answered: not reached again on that way."""
        self._loops = self.relay_id == self._own_id
        if self._loops:
            self.error = "leads back to this very server: a loop; remove it from the tools file"
        else:
            self.error = "is part of a loop of relays: what comes through it is not sent back to it"
        logger.warning("%s: %s", self.name, self.error)
        connection.stop()

    def _kind(self, profile: Profile) -> Profile:
        """Hosts that share a connection: a child is told by its environment where it was started from."""
        return profile if isinstance(self.config.transport, Http) else replace(profile, chain=())


def refused_by(error: BaseException | None) -> str | None:
    """The id of the relay that refused a connection because it is on the way to it."""
    data = error.error.data if isinstance(error, MCPError) else None
    found = data.get(LOOP) if isinstance(data, dict) else None
    return found if isinstance(found, str) and found else None


def server_text(error: Any) -> str:
    """An error's text on one line, bounded."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:299] + "…"
