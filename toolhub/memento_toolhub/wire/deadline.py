"""Two limits on a call: how long nothing may be heard of it, and how long it may take in all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Deadline:
    """An idle limit that every sign of life pushes back, inside an absolute limit that nothing does.

    Attributes:
        idle: seconds without a sign of life.
        longest: seconds in all.
        over: whether it was the absolute limit that ended the call.
    """

    def __init__(self, idle: float, longest: float) -> None:
        self.idle = idle
        self.longest = longest
        self.over = False
        self._held = 0
        self._end = math.inf
        self._scope: anyio.CancelScope | None = None

    @contextmanager
    def limit(self) -> Iterator[None]:
        """Run the body under the limits; at the end of either it is cancelled."""
        now = anyio.current_time()
        self._end = now + self.longest
        with anyio.CancelScope(deadline=min(now + self.idle, self._end)) as self._scope:
            yield
        self.over = self._scope.cancelled_caught and self._scope.deadline >= self._end

    def alive(self) -> None:
        """Note a sign of life."""
        if self._scope is not None and not self._held:
            self._scope.deadline = min(anyio.current_time() + self.idle, self._end)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While the host is being asked, only the absolute limit counts: people take their time."""
        self._held += 1
        if self._scope is not None:
            self._scope.deadline = self._end
        try:
            yield
        finally:
            self._held -= 1
            self.alive()
