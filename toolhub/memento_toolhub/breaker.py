"""A circuit breaker: a server that keeps failing is left alone for a while, and for longer each time."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

_THRESHOLD = 3
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0


class State(StrEnum):
    """closed: calls pass. open: calls fail at once. half_open: one attempt decides."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after three failures in a row, for 1 s at first and twice as long each time, up to a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._opened = 0
        self._until = 0.0

    @property
    def state(self) -> State:
        """The state now."""
        if self._failures < _THRESHOLD:
            return State.CLOSED
        return State.OPEN if self._clock() < self._until else State.HALF_OPEN

    @property
    def wait_s(self) -> float:
        """Seconds until the next attempt is allowed, 0 when it is allowed now."""
        return max(0.0, self._until - self._clock()) if self.state is State.OPEN else 0.0

    def failed(self) -> None:
        """Count a failure to connect or a lost connection."""
        was_open = self.state is State.OPEN
        self._failures += 1
        if self._failures >= _THRESHOLD and not was_open:
            self._until = self._clock() + min(_FIRST_WAIT_S * 2.0 ** min(self._opened, 10), _LONGEST_WAIT_S)
            self._opened += 1

    def connected(self) -> None:
        """Close the breaker on trial: the next failure opens it again, for longer than before."""
        self._failures = min(self._failures, _THRESHOLD - 1)

    def worked(self) -> None:
        """Close the breaker."""
        self._failures = self._opened = 0
