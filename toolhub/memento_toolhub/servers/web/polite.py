"""Fetching as a guest: as robots.txt asks, at a pace, and not twice what has not changed."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import anyio.to_thread
import httpx2

from memento_toolhub.servers.kit.answers import refused_status
from memento_toolhub.servers.kit.fetcher import BeforeHop, Fetched, Fetcher, OnBytes
from memento_toolhub.servers.kit.guard import Guard
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.web.cache import Kept, PageCache
from memento_toolhub.servers.web.pace import Pace, retry_after
from memento_toolhub.servers.web.robots import Robots

logger = logging.getLogger(__name__)

_LONGEST_RETRY = 10.0


class PoliteFetcher:
    """Fetches pages as their hosts ask.

    Args:
        fetcher: makes the requests.
        cache: keeps the pages.
        pace: of the requests to each host; hosts that a person allowed by name are asked as fast as they answer.
    """

    def __init__(self, fetcher: Fetcher, cache: PageCache, pace: Pace | None = None) -> None:
        self.guard: Guard = fetcher.guard
        self._fetcher = fetcher
        self._cache = cache
        self._pace = pace or Pace()
        self._robots = Robots(fetcher)

    @classmethod
    def of(cls, options: Options) -> PoliteFetcher:
        """The one for a server, which caches in the server's scratch folder."""
        return cls(Fetcher(options.allowed_hosts), PageCache(options.scratch / "web"))

    async def get(self, url: str, *, max_bytes: int | None = None, on_bytes: OnBytes | None = None) -> Fetched:
        """What the address answers, from the cache where that is as good.

        Raises:
            CallError: as Fetcher.get, and if robots.txt asks to stay out or the host asks to wait for long.
        """
        asked = self.guard.url(url)
        # What was fetched from an allowed host is out of reach once the host is no longer allowed.
        key = f"allowed {asked}" if self._is_allowed(asked) else asked
        kept = await anyio.to_thread.run_sync(self._cache.find, key)
        if kept and kept.fresh:
            return kept.page
        answer = await self._asked(asked, self._before(kept), max_bytes, on_bytes)
        if kept and answer.status == 304:
            answer = kept.unchanged(answer)
        elif answer.status >= 300:
            raise refused_status(answer.url, answer.status, answer.media_type, answer.headers, answer.body)
        if key != asked or not any(map(self._is_allowed, (*answer.redirects, answer.url))):
            await anyio.to_thread.run_sync(self._keep, key, answer)
        return answer

    async def permit(self, url: str) -> None:
        """Wait for the host's turn, for a request made by other means (a browser).

        Raises:
            CallError: if the address is refused, or robots.txt asks to stay out.
        """
        await self._turn(self.guard.url(url))

    def _keep(self, key: str, answer: Fetched) -> None:
        try:
            self._cache.keep(key, answer)
        except OSError as error:
            logger.warning("%s is not cached: %s", answer.url, error)

    async def _asked(self, url: str, before: BeforeHop, max_bytes: int | None, on_bytes: OnBytes | None) -> Fetched:
        """One answer; a host that asks for a short wait is asked once more."""
        for last in (False, True):
            answer = await self._fetcher.get(
                url, max_bytes=max_bytes, on_bytes=on_bytes, any_status=True, before=before
            )
            wait = retry_after(answer.headers.get("retry-after", "")) if answer.status in (429, 503) else None
            if wait is None:
                break
            self._pace.hold(_host(answer.url), wait)
            if last or wait > _LONGEST_RETRY:
                break
        return answer

    def _before(self, kept: Kept | None) -> BeforeHop:
        async def before(url: str) -> Mapping[str, str]:
            await self._turn(url)
            return kept.validators if kept and url == kept.page.url else {}

        return before

    async def _turn(self, url: str) -> None:
        rules = await self._robots.check(url)
        await self._pace.turn(_host(url), rules.delay, interval=0.0 if self._is_allowed(url) else None)

    def _is_allowed(self, url: str) -> bool:
        parts = httpx2.URL(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return self.guard.allows(parts.raw_host.decode("ascii"), port)


def _host(url: str) -> str:
    return httpx2.URL(url).netloc.decode("ascii")
