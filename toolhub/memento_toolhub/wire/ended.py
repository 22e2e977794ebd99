"""Noticing at once that a server has gone: a child that dies is otherwise found out by the next call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from mcp.client._transport import Transport, TransportStreams

from memento_toolhub.wire.tapped import Tapped


class WatchedTransport(AbstractAsyncContextManager[TransportStreams]):
    """A transport that says when nothing will come from it any more."""

    def __init__(self, transport: Transport, on_end: Callable[[], None]) -> None:
        self._transport = transport
        self._on_end = on_end

    async def __aenter__(self) -> TransportStreams:
        read, write = await self._transport.__aenter__()
        return Tapped(read, on_end=self._on_end), write

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._transport.__aexit__(kind, error, trace)
