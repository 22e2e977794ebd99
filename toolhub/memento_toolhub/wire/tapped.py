"""A stream of messages with somebody listening in."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import anyio


class Tapped:
    """A read stream whose items can be changed and whose end is told; all else is the stream's own.

    Cheaper than a task of its own that passes messages on, which costs each of them a turn of the event loop.
    """

    def __init__(
        self, stream: Any, *, change: Callable[[Any], Any] | None = None, on_end: Callable[[], None] | None = None
    ) -> None:
        self._stream = stream
        self._change = change
        self._on_end = on_end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def receive(self) -> Any:
        try:
            return self._changed(await self._stream.receive())
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._ended()
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return self._changed(await self._stream.__anext__())
        except (StopAsyncIteration, anyio.ClosedResourceError):
            self._ended()
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        handled: bool | None = await self._stream.__aexit__(kind, error, trace)
        return handled

    def _changed(self, item: Any) -> Any:
        return self._change(item) if self._change is not None else item

    def _ended(self) -> None:
        if self._on_end is not None:
            self._on_end()
