"""One live connection to a downstream server, entered and left by a task of its own."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from mcp import Client, types
from mcp.client._transport import Transport
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter

from memento_toolhub.wire.changes import Changes, first
from memento_toolhub.wire.ears import Ears
from memento_toolhub.wire.ended import WatchedTransport
from memento_toolhub.wire.flight import Flight
from memento_toolhub.wire.hub import Hub
from memento_toolhub.wire.profile import Profile, is_modern

logger = logging.getLogger(__name__)

RAW: TypeAdapter[Any] = TypeAdapter(dict[str, Any])
_PAGES = 1000  # a server that pages for ever


class Connection:
    """A client session with its tools; `run` owns it, everything else may be called from any task.

    Attributes:
        tools: the server's tools, all pages, in its order.
        begun_at: when it was asked for, by the event loop's clock; `used_at`, when a request was sent last.
        error: why the connection ended, where it did not end on purpose.
        lost: whether the server went away by itself.
        ended: set once it is over.
    """

    def __init__(
        self,
        name: str,
        profile: Profile,
        transport: Callable[[], Transport],
        hub: Hub,
        *,
        client_info: types.Implementation,
        on_met: Callable[[Connection], None],
        uris: set[str],
        legacy_only: bool,
        connect_timeout: float,
    ) -> None:
        self.name = name
        self.profile = profile
        self.tools: list[types.Tool] = []
        self.flights: list[Flight] = []
        self.error: BaseException | None = None
        self.lost = False
        self.begun_at = self.used_at = anyio.current_time()
        self.ready = anyio.Event()
        self.ended = anyio.Event()
        self.client: Client | None = None
        self._transport = transport
        self._hub = hub
        self._uris = uris
        self._changes = Changes(name, hub, uris)
        self._ears = Ears(hub, profile, self.flights, self._changes)
        self._info = client_info
        self._on_met = on_met
        self._connect_timeout = connect_timeout
        self._mode = "legacy" if legacy_only or not profile.modern else "auto"
        self._stop = anyio.Event()
        self._stopped = False
        self._scope = anyio.CancelScope()

    # -- life

    async def run(self) -> None:
        """Connect, list the tools, and stay until stopped or cut off; never raises but on cancellation."""
        try:
            await self._live()
            if self._refuses_the_handshake():
                self._mode, self._stop, self._scope = "auto", anyio.Event(), anyio.CancelScope()
                self.error, self.lost = None, False
                await self._live()
        finally:
            self.client = None
            self.ended.set()
            self.ready.set()

    async def _live(self) -> None:
        self._scope.deadline = anyio.current_time() + self._connect_timeout
        try:
            with self._scope:
                target = WatchedTransport(self._transport(), self._cut_off)
                async with Client(
                    target, **self._ears.options(), mode=self._mode, cache=None, client_info=self._info
                ) as client:
                    self.tools = await self._list_tools(client)
                    self._scope.deadline = math.inf
                    self.client = client
                    self._on_met(self)
                    self.ready.set()
                    await self._catch_up()
                    await self._stay(client)
            if self._scope.cancelled_caught and not self._stop.is_set():
                self.error = TimeoutError(f"did not answer within {self._connect_timeout:g} s of being connected to")
        except* Exception as group:
            self.error = first(group)  # told by whoever asks for the connection

    def _refuses_the_handshake(self) -> bool:
        """Whether the server answered the handshake of the era before with an error: it may know the next one only."""
        if self._stopped or self.ready.is_set() or self._mode != "legacy":
            return False
        return isinstance(self.error, MCPError) and self.error.error.code != types.CONNECTION_CLOSED

    def stop(self) -> None:
        """Ask the owner task to close the connection, or to give up connecting."""
        self._stopped = True
        self._stop.set()
        if not self.ready.is_set():
            self._scope.cancel()

    def _cut_off(self) -> None:
        self.lost = not self._stop.is_set()
        self._stop.set()

    @property
    def alive(self) -> bool:
        """Whether requests can be sent."""
        return self.client is not None and not self._stop.is_set()

    @property
    def modern(self) -> bool:
        """Whether the server speaks the stateless protocol."""
        return self.client is not None and is_modern(self.client.protocol_version)

    @property
    def capabilities(self) -> types.ServerCapabilities:
        """What the server declared."""
        return self.client.server_capabilities if self.client else types.ServerCapabilities()

    async def send(self, request: Any, flight: Flight) -> dict[str, Any]:
        """Send a request and return the server's result as it came, unknown fields included.

        Raises:
            MCPError: the server's error, or CONNECTION_CLOSED.
            ValidationError: the result does not conform to the protocol.
        """
        if self.client is None:
            raise MCPError(types.CONNECTION_CLOSED, "Connection closed")

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            flight.deadline.alive()
            await flight.ctx.session.report_progress(progress, total, message)

        self.used_at = anyio.current_time()
        self.flights.append(flight)
        try:
            result: dict[str, Any] = await self.client.session.send_request(request, RAW, progress_callback=on_progress)
            return result
        finally:
            self.flights.remove(flight)

    async def pages(self, method: str, field: str) -> list[dict[str, Any]]:
        """All pages of a list method, as the server sent the items."""
        if self.client is None:
            raise MCPError(types.CONNECTION_CLOSED, "Connection closed")
        requests: Mapping[str, Any] = {
            "prompts/list": types.ListPromptsRequest,
            "resources/list": types.ListResourcesRequest,
            "resources/templates/list": types.ListResourceTemplatesRequest,
        }
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(_PAGES):
            request = requests[method](params=types.PaginatedRequestParams(cursor=cursor))
            page = await self.client.session.send_request(request, RAW)
            items += page[field]
            cursor = page.get("nextCursor")
            if cursor is None:
                break
        return items

    async def watch(self, uri: str, *, on: bool) -> None:
        """Subscribe to a resource, or no longer."""
        if self._changes.watch(uri, on=on):
            await self._subscribe(uri, on=on)

    async def _subscribe(self, uri: str, *, on: bool) -> None:
        if self.client is None or self.modern:  # in the stateless era the stream of changes says what is watched
            return
        request: Any = (
            types.SubscribeRequest(params=types.SubscribeRequestParams(uri=uri))
            if on
            else types.UnsubscribeRequest(params=types.UnsubscribeRequestParams(uri=uri))
        )
        await self.client.session.send_request(request, RAW)

    async def set_level(self, level: types.LoggingLevel) -> None:
        """Tell the server which log messages are wanted; in the stateless era every request says so itself."""
        if self.client is not None and not self.modern and self.capabilities.logging is not None:
            request = types.SetLevelRequest(params=types.SetLevelRequestParams(level=level))
            try:
                await self.client.session.send_request(request, RAW)
            except MCPError as error:
                logger.info("%s: does not take the log level: %s", self.name, error)

    async def roots_changed(self) -> None:
        """Tell the server that the host's roots changed, which only the handshake era has a word for."""
        if self.client is not None and not self.modern:
            await self.client.session.send_roots_list_changed()

    async def _catch_up(self) -> None:
        """Tell a server that was just connected what was said to the one before."""
        if (level := self._hub.level(self.profile)) is not None:
            await self.set_level(level)
        for uri in sorted(self._uris):
            try:
                await self._subscribe(uri, on=True)
            except MCPError as error:
                logger.info("%s: does not tell of changes of %s: %s", self.name, uri, error)

    async def _list_tools(self, client: Client) -> list[types.Tool]:
        tools: list[types.Tool] = []
        if client.server_capabilities.tools is None:
            return tools
        cursor: str | None = None
        for _ in range(_PAGES):
            page = await client.session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
        return tools

    async def _relist(self) -> bool:
        if self.client is None:
            return False
        tools = await self._list_tools(self.client)
        differ, self.tools = tools != self.tools, tools
        return differ

    async def _stay(self, client: Client) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._changes.tell, self._relist)
            if self.modern:
                tasks.start_soon(self._changes.listen, client)
            await self._stop.wait()
            tasks.cancel_scope.cancel()
