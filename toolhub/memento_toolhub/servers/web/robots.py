"""What robots.txt asks of programs."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import httpx2

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.fetcher import Fetcher

if TYPE_CHECKING:
    from protego import Protego

TOKEN = "memento"
"""The name by which robots.txt speaks to us."""
_KEPT_SECONDS = 3_600.0
_CLOSED_SECONDS = 300.0
_MOST_BYTES = 5_000_000
_MOST_CHARS = 512_000
_MOST_WORK = 1_000_000
_MOST_HOSTS = 500


@dataclass(frozen=True, slots=True)
class Rules:
    """The wishes of one host.

    Attributes:
        closed: why nothing may be fetched; empty where that is not so.
        parsed: its robots.txt; None where it has none.
    """

    closed: str = ""
    parsed: Protego | None = None

    def allow(self, url: str) -> bool:
        """Whether a page may be fetched."""
        return not self.closed and (self.parsed is None or self.parsed.can_fetch(url, TOKEN))

    @property
    def delay(self) -> float:
        """Seconds asked for between two requests."""
        return (self.parsed.crawl_delay(TOKEN) if self.parsed else None) or 0.0


class Robots:
    """The rules of hosts, each asked for once an hour.

    Source: RFC 9309: a robots.txt that is not there allows everything, one that cannot be had allows nothing.

    Args:
        fetcher: fetches them.
        clock: seconds that only grow.
    """

    def __init__(self, fetcher: Fetcher, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Rules]] = OrderedDict()
        self._asking: dict[str, anyio.Lock] = {}

    async def check(self, url: str) -> Rules:
        """The rules a page is under.

        Raises:
            CallError: if they keep programs away from it.
        """
        origin = str(httpx2.URL(url).copy_with(raw_path=b"/", fragment=None)).removesuffix("/")
        lock = self._asking.setdefault(origin, anyio.Lock())
        try:
            async with lock:
                rules = await self._rules(origin)
        finally:
            if not lock.statistics().tasks_waiting:
                self._asking.pop(origin, None)
        if rules.closed:
            raise CallError(rules.closed)
        if not rules.allow(url):
            raise CallError(
                f"url: {url} is closed to programs by {origin}/robots.txt; leave it alone, and look for another source"
            )
        return rules

    async def _rules(self, origin: str) -> Rules:
        until, rules = self._known.get(origin, (0.0, Rules()))
        if origin in self._known and self._clock() < until:
            return rules
        rules = await self._asked(origin)
        self._known[origin] = (self._clock() + (_CLOSED_SECONDS if rules.closed else _KEPT_SECONDS), rules)
        self._known.move_to_end(origin)
        while len(self._known) > _MOST_HOSTS:
            self._known.popitem(last=False)
        return rules

    async def _asked(self, origin: str) -> Rules:
        try:
            answer = await self._fetcher.get(f"{origin}/robots.txt", max_bytes=_MOST_BYTES, any_status=True)
        except CallError as error:
            return Rules(closed=f"{error} (nothing is fetched from a host whose robots.txt cannot be read)")
        if answer.status >= 500:
            return Rules(
                closed=f"url: {origin}/robots.txt answers with {answer.status}, so that nothing is fetched from there "
                "for now; try again in some minutes, or look for another source"
            )
        if answer.status != 200:
            return Rules()
        text = answer.body.decode("utf-8-sig", "replace")[:_MOST_CHARS]
        if _work(text) > _MOST_WORK:
            return Rules(closed=f"url: {origin}/robots.txt is too long to be read; look for another source")
        return Rules(parsed=await anyio.to_thread.run_sync(_parsed, text))


def _parsed(text: str) -> Protego:
    from protego import Protego

    return Protego.parse(text)


def _work(text: str) -> int:
    """An upper bound for the rules a parser holds: it repeats a group's for each of the group's names."""
    lines = [line.strip().lower() for line in text.splitlines()]
    names = sum(line.startswith("user") for line in lines)
    return names * (len(lines) - names)
