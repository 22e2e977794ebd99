"""What an HTML page says: its article, its whole text, and its links."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urldefrag, urljoin

from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.fetcher import Fetched
from memento_toolhub.servers.web.charset import decoded
from memento_toolhub.servers.web.plain import json_ld, make_plain

if TYPE_CHECKING:
    from lxml.html import HtmlElement

T = TypeVar("T")

_BOUNDS = Bounds(seconds=60.0, memory_mb=2048)
_MOST_FORMATTED = 2_000_000
_MOST_LINKS = 2_000
_LONGEST_LINK = 1_000
_LINK_TEXT_CHARS = 120
_UNSEEN = ("script", "style", "noscript", "template", "svg", "iframe", "object", "canvas", "head")
_AROUND = ("nav", "footer", "dialog")
_FEW_CHARS = 250
_GAP = re.compile(r"\s+")
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What lxml reads, and then refuses to write."""
_REFRESH = re.compile(r"url\s*=\s*['\"]?([^'\"\s]+)", re.IGNORECASE)
_MARKUP = re.compile(r"\]\([^)]*\)|</?su[bp]>|^\s*\d+\.\s|[\W_]", re.MULTILINE)
_MOST_COMPARED = 200_000
_LONG_GAP = re.compile(r"\s{100,}")
_WANTS_SCRIPTS = re.compile(r"(?:enable|requires?|need|turn on|activate)[^.]{0,40}javascript|javascript[^.]{0,40}(?:"
                            r"required|disabled|enable)", re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Extract:
    """What a page says.

    Attributes:
        title, author: empty where they are not said.
        date: of its last change or its making, as YYYY-MM-DD; empty where it is not said.
        article: its main text as Markdown; empty where none stands out.
        whole: all of its text as Markdown, without menus, and its JSON-LD; a page of megabytes as plain text.
        beside: what the whole has and the article has not, without markup.
        links: absolute http addresses, each once, in the page's order, with what the link says.
        needs_javascript: whether it is empty until its scripts run.
    """

    title: str
    author: str
    date: str
    article: str
    whole: str
    beside: str
    links: tuple[tuple[str, str], ...]
    needs_javascript: bool

    @property
    def text(self) -> str:
        """The article, or where it is next to nothing the whole page."""
        return self.article if len(self.article) >= min(_FEW_CHARS, len(self.whole) / 2) else self.whole


async def extracted(page: Fetched) -> Extract:
    """What an HTML page says, found out in a process of its own.

    Raises:
        CallError: if it is damaged or too much.
    """
    return await run_apart(_tried, extract, page.body, page.charset, page.url, bounds=_BOUNDS)


async def links_of(page: Fetched) -> tuple[str, ...]:
    """The absolute http addresses an HTML page links to, without fragments, each once, in the page's order.

    Raises:
        CallError: if it is damaged or too much.
    """
    return await run_apart(_tried, _addresses, page.body, page.charset, page.url, bounds=_BOUNDS)


def _tried(function: Callable[[bytes, str, str], T], body: bytes, charset: str, url: str) -> T:
    try:
        return function(body, charset, url)
    except MemoryError:
        raise
    except ModuleNotFoundError as error:
        raise CallError(f"{error.name} is not installed; install it with: pip install 'memento-cbr[web]'") from None
    except Exception as error:  # of whatever a library stumbles over, and not all of it can leave this process
        raise CallError(f"url: {url} is damaged HTML that cannot be read ({error})"[:500]) from None


def extract(body: bytes, charset: str, url: str) -> Extract:
    """What an HTML page says."""
    from lxml import etree

    text = decoded(body, charset)
    tree = _tree(text)
    make_plain(tree)
    large = len(text) > _MOST_FORMATTED
    said, article = ({}, "") if large else _main_text(deepcopy(tree), url)
    links = tuple(_links(tree, url))
    given = json_ld(tree)
    scripts, noscript = bool(tree.xpath("//script")), " ".join(tree.xpath("//noscript//text()"))
    title = said.get("title") or " ".join(tree.xpath("string(//title)").split())
    etree.strip_elements(tree, *_UNSEEN, etree.Comment, with_tail=False)
    seen = " ".join(tree.body.text_content().split())
    etree.strip_elements(tree, *_AROUND, with_tail=False)
    whole = _tidy("\n".join(map(str.strip, tree.body.itertext()))) if large else _markdown(tree, url)
    whole = "\n\n".join(filter(None, (whole, given)))
    return Extract(
        title=title[:300],
        author=(said.get("author") or "")[:300],
        date=said.get("date") or "",
        article=article,
        whole=whole,
        beside=_beside(f"{title}\n{article}", whole),
        links=links,
        needs_javascript=scripts and _is_shell(seen, noscript),
    )


def _main_text(tree: HtmlElement, url: str) -> tuple[dict[str, Any], str]:
    """What the page says of itself, and its article as Markdown."""
    import trafilatura
    from trafilatura.settings import DEFAULT_CONFIG

    # What the text mentions is no date of the page.
    said = trafilatura.extract_metadata(tree, default_url=url, extensive=False)
    config = deepcopy(DEFAULT_CONFIG)
    # A short article would be given up for a text without its tables and with the menus.
    config.set("DEFAULT", "MIN_EXTRACTED_SIZE", "1")
    article = trafilatura.extract(
        tree,
        url=url,
        output_format="markdown",
        include_links=True,
        include_formatting=True,
        include_comments=False,
        config=config,
    )
    return said.as_dict() if said is not None else {}, _tidy(article or "")


def _beside(article: str, whole: str) -> str:
    """The lines of the whole whose letters do not stand in the article."""
    letters = _MARKUP.sub("", article[: 2 * _MOST_COMPARED])
    lines = (line.strip("#|*-+: ") for line in whole[:_MOST_COMPARED].splitlines())
    return " / ".join(line for line in lines if _MARKUP.sub("", line) not in letters)


def _is_shell(seen: str, noscript: str) -> bool:
    wants = bool(_WANTS_SCRIPTS.search(f"{seen[:2_000]} {noscript[:2_000]}"))
    return len(seen) < (4 * _FEW_CHARS if wants else _FEW_CHARS // 3)


def _links(tree: HtmlElement, url: str) -> Iterator[tuple[str, str]]:
    bases = tree.xpath("//base/@href")
    base = _joined(url, bases[0]) or url if bases else url
    met = set()
    for written, said in chain(_led_on_to(tree), ((a.get("href"), a.text_content()) for a in tree.iter("a", "area"))):
        address = "" if (written or "#").startswith("#") else _joined(base, written)
        if address and address not in met and address != url:
            met.add(address)
            yield address, " ".join(said.split())[:_LINK_TEXT_CHARS]
        if len(met) >= _MOST_LINKS:
            return


def _led_on_to(tree: HtmlElement) -> Iterator[tuple[str | None, str]]:
    """Where the page sends its reader on, and its frames."""
    for meta in tree.iter("meta"):
        found = _REFRESH.search(meta.get("content") or "")
        if found and (meta.get("http-equiv") or "").lower() == "refresh":
            yield found[1], "the page goes on here"
    for frame in tree.iter("frame", "iframe"):
        yield frame.get("src"), f"frame: {frame.get('title') or frame.get('name') or 'without a name'}"


def _joined(base: str, written: str) -> str:
    """An absolute http address without its fragment; empty where it is none, or too long to be passed on."""
    try:
        address = urldefrag(urljoin(base, written.strip())).url
    except ValueError:
        return ""
    return address if address.startswith(("http://", "https://")) and len(address) <= _LONGEST_LINK else ""


def _markdown(tree: HtmlElement, url: str) -> str:
    from lxml import etree, html
    from markdownify import markdownify

    tree.make_links_absolute(url, handle_failures="discard")
    _shorten_gaps(tree)
    try:
        written = html.tostring(tree.body, encoding="unicode")
        markdown = markdownify(written, heading_style="ATX", strip=["img"], sub_symbol="<sub>", sup_symbol="<sup>")
    except RecursionError:
        markdown = "\n".join(etree.XPath("//text()")(tree.body))
    return _tidy(markdown)


def _shorten_gaps(tree: HtmlElement) -> None:
    """Take out the white space that means nothing; the conversion takes quadratic time in it."""
    for element in tree.iter():
        within_pre = next(element.iterancestors("pre"), None) is not None
        element.text = _shortened(element.text, within_pre or element.tag == "pre")
        element.tail = _shortened(element.tail, within_pre)


def _shortened(text: str | None, as_written: bool) -> str:
    return _LONG_GAP.sub("\n", text or "") if as_written else _GAP.sub(" ", text or "")


def _tidy(markdown: str) -> str:
    lines = "\n".join(line.rstrip() for line in markdown.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def _addresses(body: bytes, charset: str, url: str) -> tuple[str, ...]:
    return tuple(address for address, _ in _links(_tree(decoded(body, charset)), url))


def _tree(text: str) -> HtmlElement:
    from lxml import etree, html

    # lxml refuses text that says how its bytes were encoded.
    sound = re.sub(r"^\s*<\?xml[^>]*\?>", "", _NO_TEXT.sub(" ", text)).strip()
    try:
        tree = html.document_fromstring(sound, ensure_head_body=True)
    except etree.ParserError:  # there is not one element in it
        return html.document_fromstring("<p></p>", ensure_head_body=True)
    for element in tree.iter():  # a character may have been written as its number
        if element.text and _NO_TEXT.search(element.text):
            element.text = _NO_TEXT.sub(" ", element.text)
        if element.tail and _NO_TEXT.search(element.tail):
            element.tail = _NO_TEXT.sub(" ", element.tail)
    return tree
