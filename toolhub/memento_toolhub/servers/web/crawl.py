"""Several pages of one site, breadth first."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
from pydantic import BaseModel, Field

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.fetcher import Fetched
from memento_toolhub.servers.kit.rest import Piece, Rests
from memento_toolhub.servers.web.page import Page, links_of, page_of
from memento_toolhub.servers.web.polite import PoliteFetcher
from memento_toolhub.servers.web.search import clean, identity

MOST_PAGES = 50
MOST_DEPTH = 4
_EXCERPT_CHARS = 400
_PASSAGE_CHARS = 1_000
_PAGE_CHARS = 300_000
_ALL_CHARS = 3_000_000
_WAITING = 2_000
_SHOWN_LEFT = 20
_WORD = re.compile(r"\w{3,}")
_SENTENCE_END = re.compile(r"(?<=[.!?]) ")
_NO_PAGES = re.compile(
    r".*\.(7z|avi|bmp|css|dmg|exe|gif|gz|ico|iso|jpe?g|js|m4a|mkv|mov|mp[34]|ogg|png|rar|svg|tar|tgz|ttf|wav|web[mp]"
    r"|woff2?|xz|zip)",
    re.IGNORECASE,
)

Told = Callable[[float, float, str], Awaitable[None]]
"""Told before each page how many were read, how many will be at most, and which is next."""


class CrawledPage(BaseModel):
    """One page of a crawl."""

    url: str
    title: str = ""
    depth: int = Field(description="links followed to get there")
    excerpt: str = Field(default="", description="how its text begins, or with a query what bears on it most")
    chars: int = Field(default=0, description="length of its text")
    error: str = Field(default="", description="why it could not be read")


class Crawl(Piece):
    """The pages of a crawl; `text` is that of all of them, one after the other."""

    pages: list[CrawledPage]
    unread: list[str] = Field(default=[], description="addresses that were found and not read, the first 20")
    unread_count: int = 0
    notes: list[str] = Field(default=[])


@dataclass(frozen=True, slots=True)
class Plan:
    """What to crawl.

    Attributes:
        url: of the first page.
        depth: links to follow from there at most.
        limit: pages to read at most.
        path_prefix: what the paths of further pages begin with.
        query: what the texts are ordered by; may be empty.
        seconds: after which what is there has to do.
    """

    url: str
    depth: int
    limit: int
    path_prefix: str = ""
    query: str = ""
    seconds: float = 100.0


async def crawl(plan: Plan, polite: PoliteFetcher, rests: Rests, max_chars: int, told: Told) -> Crawl:
    """The pages of a site from one on.

    Raises:
        CallError: if the first page cannot be read; an error with another is told with that page.
    """
    walk = _Walk(plan, polite, told)
    with anyio.move_on_after(plan.seconds) as time:
        await walk.all()
    if time.cancelled_caught:
        if not walk.pages:
            raise CallError(f"url: the first page was not there within {plan.seconds:g} s; try another site")
        walk.notes.append(f"stopped after {plan.seconds:g} s; ask for fewer pages or a part of the site")
    waiting = [url for url, _ in walk.waiting]
    cut = rests.cut("\n\n".join(walk.texts), max_chars)
    return Crawl(
        **cut.model_dump(), pages=walk.pages, unread=waiting[:_SHOWN_LEFT], unread_count=len(waiting), notes=walk.notes
    )


@dataclass(slots=True)
class _Walk:
    plan: Plan
    polite: PoliteFetcher
    told: Told
    pages: list[CrawledPage] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    waiting: deque[tuple[str, int]] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)
    site: str = ""

    async def all(self) -> None:
        """Read page after page until there is none left or a limit is reached."""
        self._await(self.plan.url, 0)
        while self.waiting and len(self.pages) < self.plan.limit:
            if sum(map(len, self.texts)) >= _ALL_CHARS:
                self.notes.append(f"stopped at {_ALL_CHARS} characters of text; ask for a part of the site")
                return
            url, depth = self.waiting[0]  # taken off once read, so that what is left out is known
            await self.told(len(self.pages), self.plan.limit, url)
            await self._visit(url, depth)
            self.waiting.popleft()

    async def _visit(self, url: str, depth: int) -> None:
        try:
            fetched = await self.polite.get(url)
            if not self._belongs(fetched, url):
                return
            page = await page_of(fetched, self.plan.query, rests=Rests(), max_chars=_PAGE_CHARS)
            links = await links_of(fetched) if depth < self.plan.depth else ()
        except CallError as error:
            if not self.pages and not self.site:
                raise
            self.pages.append(CrawledPage(url=url, depth=depth, error=str(error)[:_EXCERPT_CHARS]))
            return
        self._keep(page, depth)
        for link in links:
            if self._is_wanted(link):
                self._await(link, depth + 1)

    def _belongs(self, fetched: Fetched, url: str) -> bool:
        """Whether what was fetched is a page of the site that was not read yet."""
        if not self.site:
            self.site = _site(fetched.url)
        if _site(fetched.url) != self.site:
            self.notes.append(f"{url} leads to another site, {fetched.url}, and was left out")
            return False
        if fetched.url == url:
            return True
        known = identity(fetched.url) in self.seen and identity(fetched.url) != identity(url)
        self.seen.add(identity(fetched.url))
        return not known

    def _keep(self, page: Page, depth: int) -> None:
        error = "its text is made by scripts; fetch_page can render it" if page.needs_javascript else ""
        excerpt = _excerpt(page.text, self.plan.query)
        self.pages.append(
            CrawledPage(
                url=page.url,
                title=page.title,
                depth=depth,
                excerpt=excerpt,
                chars=len(page.text) + page.chars_left,
                error=error,
            )
        )
        self.texts.append(f"# {page.title or page.url}\n<{page.url}>\n\n{page.text}")

    def _is_wanted(self, link: str) -> bool:
        path = urlsplit(link).path or "/"
        return _site(link) == self.site and path.startswith(self.plan.path_prefix) and not _NO_PAGES.fullmatch(path)

    def _await(self, url: str, depth: int) -> None:
        if (same := identity(url)) not in self.seen and len(self.waiting) < _WAITING:
            self.seen.add(same)
            self.waiting.append((url, depth))


def _excerpt(text: str, query: str) -> str:
    """How the text begins; with a query, from the sentence of its first passage that shares most words with it."""
    sentences = _SENTENCE_END.split(clean(text, _PASSAGE_CHARS))
    words = set(_WORD.findall(query.lower()))
    shared = [len(words.intersection(_WORD.findall(sentence.lower()))) for sentence in sentences]
    return clean(" ".join(sentences[shared.index(max(shared)) :]), _EXCERPT_CHARS)


def _site(url: str) -> str:
    """The host and port, which http and https of one site share where they are the usual ones."""
    parts = urlsplit(url)
    return (parts.hostname or "") + (f":{parts.port}" if parts.port not in (None, 80, 443) else "")
