"""Public search engines, asked through ddgs."""

from __future__ import annotations

from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.web.hits import Hit, Hits, TimeRange

_BOUNDS = Bounds(seconds=45, memory_mb=4096)
_ENGINE_SECONDS = 8
_INSTEAD = "set MEMENTO_SEARXNG_URL to search with a SearXNG of your own"


async def search(query: str, n: int, time_range: TimeRange, proxy: str = "") -> Hits:
    """What the engines answer.

    Raises:
        CallError: if ddgs is not installed or no engine answers.
    """
    return await run_apart(_search, query, n, time_range, proxy, bounds=_BOUNDS)


def _search(query: str, n: int, time_range: TimeRange, proxy: str) -> Hits:
    try:
        from ddgs import DDGS
        from ddgs.exceptions import DDGSException
    except ImportError as error:
        raise CallError(f"search: ddgs is not installed (pip install 'memento-cbr[web]'); or {_INSTEAD}") from error
    try:
        found = DDGS(proxy=proxy or None, timeout=_ENGINE_SECONDS).text(
            query, timelimit=time_range[:1] or None, max_results=n
        )
    except DDGSException as error:
        said = " ".join(str(error).split())
        if said == "No results found.":
            return Hits(())
        raise CallError(
            f"search: no search engine could be reached; this machine may be offline, or asked too often: wait, or "
            f"{_INSTEAD} ({said[:300]})"
        ) from error
    return Hits(tuple(Hit(one["title"], one["href"], one["body"]) for one in found))
