"""What a search found: cleaned, merged, and only what can be fetched."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import BaseModel, Field

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.guard import Guard
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.web import engines
from memento_toolhub.servers.web.hits import Hit, TimeRange
from memento_toolhub.servers.web.searxng import SearXNG

MOST_RESULTS = 50
_TITLE_CHARS, _SNIPPET_CHARS = 200, 500
_SITE = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}|localhost")
_TAG = re.compile(r"</?(?:a|b|br|code|div|em|i|img|li|mark|p|script|small|span|strong|style|sub|sup|u|ul|wbr)\b[^<>]*>")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TRACKING = re.compile(r"utm_\w+|gclid|fbclid|msclkid|mc_[ce]id|ref_src")


class Result(BaseModel):
    """One result of a search."""

    number: int
    title: str
    url: str
    snippet: str = ""
    date: str = Field(default="", description="YYYY-MM-DD, where known")
    engines: list[str] = []


class Results(BaseModel):
    """The results of a search, the best first."""

    query: str = Field(description="as it was sent")
    backend: str = Field(description="what searched: searxng or ddgs")
    results: list[Result]
    notes: list[str] = []


class Search:
    """Searches with SearXNG where one is configured, else with ddgs."""

    def __init__(self, options: Options) -> None:
        url = options.environment.get("MEMENTO_SEARXNG_URL", "")
        self._searxng = SearXNG(url) if url else None
        self._proxy = options.environment.get("MEMENTO_SEARCH_PROXY", "")
        self._guard = Guard(options.allowed_hosts)

    async def search(self, query: str, n: int, time_range: TimeRange, site: str) -> Results:
        """The best n results.

        Raises:
            CallError: if something about the question is wrong or no search engine answers.
        """
        domain = _domain(site)
        words = " ".join(query.split())
        if not words:
            raise CallError("query: is empty; give the words to search for")
        sent = f"{words} site:{domain}" if domain else words
        if self._searxng:
            backend, found = "searxng", await self._searxng.search(sent, n, time_range)
        else:
            backend, found = "ddgs", await engines.search(sent, n, time_range, self._proxy)
        results = self._merged(found.hits, domain)[:n]
        return Results(query=sent, backend=backend, results=results, notes=list(found.notes))

    def _merged(self, hits: Iterable[Hit], domain: str) -> list[Result]:
        merged: dict[str, Result] = {}
        for hit in hits:
            url = self._fetchable(hit.url)
            if not url or (domain and not _within(url, domain)):
                continue
            known = merged.get(same := identity(url))
            if known is None:
                known = merged[same] = Result(number=len(merged) + 1, title=clean(hit.title, _TITLE_CHARS), url=url)
            known.snippet = max(known.snippet, clean(hit.snippet, _SNIPPET_CHARS), key=len)
            known.date = known.date or (day[0] if (day := _DAY.match(hit.date)) else "")
            known.engines += [engine for engine in hit.engines if engine not in known.engines]
        return list(merged.values())

    def _fetchable(self, url: str) -> str:
        """The address in its normal form; empty where fetch_page would refuse it."""
        try:
            return self._guard.url(url)
        except CallError:  # it explains to one who asked for this address, and nobody did
            return ""


def clean(text: str, most_chars: int) -> str:
    """Text without markup, control and invisible characters, on one line."""
    plain = unescape(_TAG.sub("", text[: most_chars * 10]))
    seen = "".join(" " if c.isspace() else c for c in plain if c.isspace() or unicodedata.category(c)[0] != "C")
    line = " ".join(seen.split())
    return line if len(line) <= most_chars else line[: most_chars - 1].rstrip() + "…"


def identity(url: str) -> str:
    """What two addresses of the same page have in common."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    kept = [(name, value) for name, value in parse_qsl(parts.query, True) if not _TRACKING.fullmatch(name.lower())]
    return f"{host}{port}{parts.path.rstrip('/')}?{urlencode(kept)}"


def _domain(site: str) -> str:
    """The domain of what a model writes: example.org, www.example.org/ or https://example.org."""
    written = site.strip().lower()
    if not written:
        return ""
    host = urlsplit(written if "//" in written else f"//{written}").netloc.removeprefix("www.")
    if not _SITE.fullmatch(host):
        raise CallError(f"site: {site[:100]!r} is no domain; write it as example.org")
    return host


def _within(url: str, domain: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == domain or host.endswith(f".{domain}")
