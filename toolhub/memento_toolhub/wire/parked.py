"""A downstream call kept alive while a stateless host goes away to answer a question and comes back.

A server of the handshake era asks in the middle of a call. A host of the stateless era is answered with what is
missing and calls again with it. In between the downstream call waits here.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

import anyio
from mcp import types
from mcp.shared.exceptions import MCPError

Waiting = TypeVar("Waiting")

_KEPT_S = 900.0


class ParkedCall:
    """One downstream call, the questions it raised, and its end.

    Attributes:
        handle: what the host brings back with its answers.
        scope: cancel it to end the call.
    """

    def __init__(self) -> None:
        self.handle = secrets.token_urlsafe(24)
        self.scope = anyio.CancelScope()
        self._news = anyio.Event()
        self._open: dict[str, tuple[types.InputRequest, anyio.Event]] = {}
        self._answers: dict[str, Any] = {}
        self._asked = 0
        self._result: dict[str, Any] | None = None
        self._failure: Exception | None = None

    async def run(self, work: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Make the call; its result or failure waits for the host."""
        with self.scope:
            try:
                self._result = await work()
            except Exception as error:
                self._failure = error  # raised again in `outcome`, where the host waits
        self._open.clear()
        self._news.set()

    async def ask(self, request: types.InputRequest) -> Any:
        """Put a question to the host and wait for its answer."""
        self._asked += 1
        key, answered = f"input-{self._asked}", anyio.Event()
        self._open[key] = (request, answered)
        self._news.set()
        await answered.wait()
        return self._answers.pop(key)

    def answer(self, answers: Mapping[str, Any]) -> None:
        """Take the host's answers; those to questions nobody asked are dropped."""
        for key, value in answers.items():
            if key in self._open:
                _, answered = self._open.pop(key)
                self._answers[key] = value
                answered.set()

    async def outcome(self) -> dict[str, Any] | types.InputRequiredResult:
        """The call's result, or the questions that are open."""
        if not self._open:
            await self._news.wait()
        self._news = anyio.Event()
        if self._open:
            questions = {key: request for key, (request, _) in self._open.items()}
            return types.InputRequiredResult(input_requests=questions, request_state=self.handle)
        if self._failure is not None:
            raise self._failure
        if self._result is None:
            raise MCPError(types.INTERNAL_ERROR, "the call was ended because the host did not come back with an answer")
        return self._result


class ParkingLot(Generic[Waiting]):
    """The calls that wait for a host, each with who waits; one never asked for is ended after a quarter of an hour."""

    def __init__(self) -> None:
        self._parked: dict[str, tuple[ParkedCall, Waiting, float]] = {}

    def find(self, handle: str) -> tuple[ParkedCall, Waiting] | None:
        """The call a host comes back for, taken out of the lot."""
        entry = self._parked.pop(handle, None)
        return entry[:2] if entry else None

    def park(self, call: ParkedCall, waiting: Waiting) -> None:
        """Keep a call until its host comes back."""
        now = anyio.current_time()
        for handle, (old, _, since) in list(self._parked.items()):
            if now - since > _KEPT_S:
                old.scope.cancel()
                del self._parked[handle]
        self._parked[call.handle] = (call, waiting, now)
