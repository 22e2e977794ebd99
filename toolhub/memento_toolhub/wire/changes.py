"""A server's lists and resources change: hearing of it, and telling it on."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio
from mcp import Client
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import PromptsListChanged, ResourcesListChanged, ResourceUpdated, ToolsListChanged
from pydantic import ValidationError

logger = logging.getLogger(__name__)

_SETTLE_S = 0.05  # floods of list_changed become one
_REOPEN_AFTER_S = (0.0, 1.0, 5.0, 30.0, 60.0)
_KINDS = {ToolsListChanged: "tools", PromptsListChanged: "prompts", ResourcesListChanged: "resources"}


class Told(Protocol):
    """Who is told of changes."""

    async def lists_changed(self, kind: str) -> None: ...
    async def resource_updated(self, uri: str) -> None: ...


class Changes:
    """What one connection hears of changes, of lists (tools, prompts, resources) and of watched resources.

    Args:
        uris: the resources that are watched; kept by the caller, so that the next connection watches them too.
    """

    def __init__(self, name: str, hub: Told, uris: set[str]) -> None:
        self._name = name
        self._hub = hub
        self._dirty: set[str] = set()
        self._stirred = anyio.Event()
        self._uris = uris
        self._resubscribe = anyio.Event()

    def stir(self, kind: str) -> None:
        """Note that a list changed; it is told a moment later."""
        self._dirty.add(kind)
        self._stirred.set()

    def watch(self, uri: str, *, on: bool) -> bool:
        """Watch a resource, or no longer; whether that is news."""
        if (uri in self._uris) is on:
            return False
        (self._uris.add if on else self._uris.discard)(uri)
        self._resubscribe.set()
        return True

    async def tell(self, relist: Callable[[], Awaitable[bool]]) -> None:
        """Announce changed lists, each flood of them once, and tools only when `relist` finds them to differ."""
        while True:
            await self._stirred.wait()
            await anyio.sleep(_SETTLE_S)
            self._stirred = anyio.Event()
            kinds, self._dirty = self._dirty, set()
            for kind in sorted(kinds):
                if kind != "tools" or await self._differs(relist):
                    await self._hub.lists_changed(kind)

    async def _differs(self, relist: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await relist()
        except (MCPError, ValidationError) as error:
            logger.warning("%s: says that its tools changed, but does not list them: %s", self._name, error)
            return False

    async def listen(self, client: Client) -> None:
        """Hold a stream of change events open, for the resources that are watched now; reopen it when it breaks."""
        for pause in _REOPEN_AFTER_S:
            await anyio.sleep(pause)
            if not await self._lost(client):
                return

    async def _lost(self, client: Client) -> bool:
        """Listen for as long as the server lets us; whether the stream broke off."""
        lost = False
        try:
            while await self._hear(client):
                self._resubscribe = anyio.Event()
        except* SubscriptionLost:
            lost = True
        except* (MCPError, ListenNotSupportedError) as group:
            logger.info("%s: does not tell of changes: %s", self._name, first(group))
        return lost

    async def _hear(self, client: Client) -> bool:
        """Pass events on until the stream ends (false) or other resources are to be watched (true)."""
        again = False
        async with (
            client.listen(
                tools_list_changed=True,
                prompts_list_changed=True,
                resources_list_changed=True,
                resource_subscriptions=sorted(self._uris),
            ) as events,
            anyio.create_task_group() as tasks,
        ):

            async def reopen() -> None:
                nonlocal again
                await self._resubscribe.wait()
                again = True
                tasks.cancel_scope.cancel()

            tasks.start_soon(reopen)
            async for event in events:
                if isinstance(event, ResourceUpdated):
                    await self._hub.resource_updated(event.uri)
                elif (kind := _KINDS.get(type(event))) is not None:
                    self.stir(kind)
            tasks.cancel_scope.cancel()
        return again


def first(group: BaseException) -> BaseException:
    """The first error in nested groups of them."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
