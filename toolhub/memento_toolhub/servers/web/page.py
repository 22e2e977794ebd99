"""A web page as Markdown."""

from __future__ import annotations

import re

import anyio.to_thread
from pydantic import BaseModel, Field

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.fetcher import Fetched
from memento_toolhub.servers.kit.relevance import relevant
from memento_toolhub.servers.kit.rest import DEFAULT_CHARS, Piece, Rests
from memento_toolhub.servers.web.charset import decoded
from memento_toolhub.servers.web.extract import Extract, extracted, links_of

__all__ = ["NOT_RUN", "Link", "Page", "is_html", "links_of", "page_of"]

NOT_RUN = "the page is empty until its scripts run, and they did not; the text may be missing"
_MOST_LINKS = 30
_SHOWN_BESIDE = 150
_HTML = frozenset(("text/html", "application/xhtml+xml"))
_TEXT = re.compile(r"text/.*|application/(?:.*\+)?(?:json|xml|yaml|x-yaml|javascript|x-ndjson|toml)|image/svg\+xml")
_LOOKS_LIKE_HTML = re.compile(rb"\s*(?:<!--(?:[^-]|-(?!->))*-->\s*)*<(?:!doctype html|html|head|body)\b", re.IGNORECASE)


class Link(BaseModel):
    """A link of a page."""

    url: str
    text: str


class Page(Piece):
    """A page's text and what it says of itself."""

    url: str = Field(description="address of the page, after redirects")
    title: str = ""
    author: str = ""
    date: str = Field(default="", description="when it was made or changed as far as it says so, YYYY-MM-DD")
    links: list[Link] = Field(
        default=[], description=f"links of the page that are not in its text, the first {_MOST_LINKS}"
    )
    fetched_at: str = Field(default="", description="when it was fetched or last found unchanged, UTC")
    from_cache: bool = Field(default=False, description="whether it was kept from an earlier call")
    needs_javascript: bool = Field(default=False, description="whether it is empty until its scripts run")
    notes: list[str] = Field(default=[], description="what is to be known about the result")


async def page_of(
    fetched: Fetched, query: str = "", *, rests: Rests, max_chars: int = DEFAULT_CHARS, whole: bool = False
) -> Page:
    """The page of what was fetched (or rendered by a browser: HTML as body, media type text/html, charset utf-8).

    Args:
        whole: all of its text rather than that of its article.

    Raises:
        CallError: if it is no page.
    """
    known = {"url": fetched.url, "fetched_at": f"{fetched.at:%Y-%m-%dT%H:%M:%SZ}", "from_cache": fetched.from_cache}
    if not is_html(fetched):
        piece = rests.cut(await _ordered(await anyio.to_thread.run_sync(_plain_text, fetched), query), max_chars)
        return Page.model_validate({**piece.model_dump(), **known})
    found = await extracted(fetched)
    text, notes = _chosen(found, query, whole)
    piece = rests.cut(await _ordered(text, query), max_chars)
    links = [Link(url=to, text=said) for to, said in found.links if said and f"]({to})" not in text][:_MOST_LINKS]
    return Page.model_validate(
        {
            **piece.model_dump(),
            **known,
            "title": found.title,
            "author": found.author,
            "date": found.date,
            "links": links,
            "needs_javascript": found.needs_javascript,
            "notes": notes,
        }
    )


def is_html(fetched: Fetched) -> bool:
    """Whether it is an HTML page, by what its server says, or where that is nothing by how it begins."""
    return fetched.media_type in _HTML or (
        fetched.media_type in ("", "text/plain", "application/octet-stream", "text/xml", "application/xml")
        and bool(_LOOKS_LIKE_HTML.match(fetched.body[:4_096]))
    )


async def _ordered(text: str, query: str) -> str:
    return await anyio.to_thread.run_sync(relevant, text, query) if query.strip() else text


def _chosen(found: Extract, query: str, whole: bool) -> tuple[str, list[str]]:
    """The article, unless it is next to nothing or lacks what is looked for and the rest of the page has it."""
    if found.needs_javascript:
        return found.text, [NOT_RUN]
    if not found.text:
        return "", ["the page has no text" + ("; see its links" if found.links else "")]
    words = set(re.findall(r"\w{3,}", query.lower()))
    article, there = found.article.lower(), found.whole.lower()
    if whole or found.text == found.whole or any(word in there and word not in article for word in words):
        return found.whole, []
    shown = found.beside[:_SHOWN_BESIDE]
    left_out = f"{len(found.beside)} characters beside its main text are left out; whole=true has them: {shown}"
    return found.article, [left_out] if shown else []


def _plain_text(fetched: Fetched) -> str:
    media_type = fetched.media_type
    if not _TEXT.fullmatch(media_type) and (media_type or b"\0" in fetched.body[:4_096]):
        raise CallError(
            f"url: {fetched.url} is no page but {media_type or 'a binary file'}; "
            "read_document of the documents server reads many kinds of files from an address"
        )
    return decoded(fetched.body, fetched.charset)
