"""How often a host is asked."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anyio

from memento_toolhub.servers.kit.call_error import CallError

_MOST_HOSTS = 2_000


class Pace:
    """One request to a host at a time, an interval apart.

    Args:
        interval: seconds from one request to the next, where the host does not ask for more.
        most_delay: seconds; the longest interval a host gets where it asks for more.
        longest_wait: seconds; a call that would wait longer is refused.
        clock: seconds that only grow.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        interval: float = 1.0,
        *,
        most_delay: float = 10.0,
        longest_wait: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.interval = interval
        self._most_delay = most_delay
        self._longest_wait = longest_wait
        self._clock = clock
        self._sleep = sleep
        self._next: OrderedDict[str, float] = OrderedDict()

    async def turn(self, host: str, delay: float = 0.0, *, interval: float | None = None) -> None:
        """Wait until the host may be asked.

        Args:
            host: any name for it.
            delay: seconds the host asks for between two requests.
            interval: in the place of the usual one.

        Raises:
            CallError: if that is too far away.
        """
        now = self._clock()
        at = max(now, self._next.get(host, now))
        if at - now > self._longest_wait:
            raise CallError(f"url: {host} wants to be asked again in {math.ceil(at - now)} s; try then, or elsewhere")
        least = self.interval if interval is None else interval
        self._set(host, at + max(least, min(delay, self._most_delay)))
        if at > now:
            await self._sleep(at - now)

    def hold(self, host: str, seconds: float) -> None:
        """Leave the host alone for some seconds."""
        self._set(host, max(self._next.get(host, 0.0), self._clock() + seconds))

    def _set(self, host: str, at: float) -> None:
        self._next[host] = at
        self._next.move_to_end(host)
        while len(self._next) > _MOST_HOSTS:
            self._next.popitem(last=False)


def retry_after(value: str, now: datetime | None = None) -> float | None:
    """Seconds a Retry-After asks to wait, in [0, a day]; None where it says nothing.

    Source: RFC 9110, 10.2.3.
    """
    written = value.strip()
    if written.isdecimal():
        return float(min(int(written[:9]), 86_400))
    try:
        at = parsedate_to_datetime(written)
    except ValueError:
        return None
    seconds = (at.replace(tzinfo=at.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), 86_400.0)
