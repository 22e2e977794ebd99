"""A SearXNG of one's own, asked through its JSON interface.

Source: https://docs.searxng.org/dev/search_api.html
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.fetcher import Fetched, Fetcher, FetchLimits
from memento_toolhub.servers.web.hits import Hit, Hits, TimeRange

VARIABLE = "MEMENTO_SEARXNG_URL"
_LIMITS = FetchLimits(bytes=5_000_000, seconds=30.0)
_MOST_PAGES = 4
_ENABLE = "add `json` under `search: formats:` in its settings.yml and restart it"


class SearXNG:
    """One instance; its host may be private, since a person configured it.

    Args:
        url: where its start page is, with a name and password where it asks for them.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc.rpartition("@")[2]
        self.problem = "" if parts.scheme in ("http", "https") and parts.hostname else f"{VARIABLE}: is no web address"
        self._search = urlunsplit(
            (parts.scheme, self.host, f"{parts.path.rstrip('/').removesuffix('/search')}/search", "", "")
        )
        self._headers = {"accept": "application/json"}
        if parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"

    async def search(self, query: str, n: int, time_range: TimeRange) -> Hits:
        """At least n hits where there are as many.

        Raises:
            CallError: if it does not answer, or not in JSON.
        """
        if self.problem:
            raise CallError(f"{self.problem}; write it as http://localhost:8888")
        hits: dict[str, Hit] = {}
        notes: tuple[str, ...] = ()
        for page in range(1, _MOST_PAGES + 1):
            answer = await self._ask({"q": query, "format": "json", "time_range": time_range, "pageno": str(page)})
            found = [hit for hit in map(_hit, _dicts(answer.get("results"))) if hit is not None]
            before = len(hits)
            hits.update((hit.url, hit) for hit in found if hit.url not in hits)
            if page == 1:
                notes = _notes(answer, bool(found))
            if len(hits) >= n or len(hits) == before:
                break
        return Hits(tuple(hits.values()), notes)

    async def _ask(self, parameters: dict[str, str]) -> dict[str, Any]:
        given = {name: value for name, value in parameters.items() if value}
        fetcher = Fetcher((self.host,), limits=_LIMITS)
        try:
            fetched = await fetcher.get(f"{self._search}?{urlencode(given)}", headers=self._headers, any_status=True)
        except CallError as error:
            raise CallError(f"{VARIABLE}: the SearXNG at {self.host} does not answer ({error})") from error
        if fetched.status != 200:
            raise CallError(self._refusal(fetched))
        try:
            answer = json.loads(fetched.body)
        except ValueError as error:
            raise CallError(
                f"{VARIABLE}: {self.host} answers, but not in JSON; if it is a SearXNG, {_ENABLE}"
            ) from error
        if not isinstance(answer, dict):
            raise CallError(f"{VARIABLE}: {self.host} answers in JSON, but not as a SearXNG does; check the address")
        return answer

    def _refusal(self, fetched: Fetched) -> str:
        who = f"{VARIABLE}: the SearXNG at {self.host} answered {fetched.status}"
        reasons = {
            401: "give its name and password in the address",
            403: f"its JSON interface is disabled; {_ENABLE}",
            404: "check the address; it is that of the start page",
            429: "its limiter turns programs away; allow this machine in its limiter.toml, or wait",
        }
        return f"{who}; {reasons.get(fetched.status, 'look into its log')}"


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _hit(result: dict[str, Any]) -> Hit | None:
    url = result.get("url")
    if not isinstance(url, str):
        return None
    named = result.get("engines") or [result.get("engine")]
    engines = tuple(str(engine)[:50] for engine in named if engine) if isinstance(named, list) else ()
    title, snippet, date = (str(result.get(name) or "") for name in ("title", "content", "publishedDate"))
    return Hit(title, url, snippet, date, engines)


def _notes(answer: dict[str, Any], found: bool) -> tuple[str, ...]:
    """Which engines did not answer, where this may be why nothing was found."""
    silent = answer.get("unresponsive_engines")
    if found or not isinstance(silent, list) or not silent:
        return ()
    said = ", ".join(": ".join(map(str, one)) if isinstance(one, list) else str(one) for one in silent)
    return (f"engines that did not answer: {said[:300]}",)
