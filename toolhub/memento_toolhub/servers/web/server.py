"""The web as MCP tools: search, pages and crawls."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal
from urllib.parse import urldefrag

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations
from pydantic import Field

from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.rest import DEFAULT_CHARS, MaxChars, Rests, offer_read_more
from memento_toolhub.servers.kit.tool_server import ToolServer
from memento_toolhub.servers.web.crawl import MOST_DEPTH, MOST_PAGES, Crawl, Plan, crawl
from memento_toolhub.servers.web.hits import TimeRange
from memento_toolhub.servers.web.page import NOT_RUN, Page, page_of
from memento_toolhub.servers.web.polite import PoliteFetcher
from memento_toolhub.servers.web.rendering import Renderer
from memento_toolhub.servers.web.search import MOST_RESULTS, Results, Search

_INSTRUCTIONS = "Searches the web and reads its pages. Only public addresses are fetched, as robots.txt asks."
_STILL_LITTLE = "there is little text on the page even after its scripts ran"
_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)

Url = Annotated[str, Field(max_length=4000, description="http or https address")]
Query = Annotated[
    str, Field(max_length=1000, description="what is looked for: the passages that bear on it come first")
]
Render = Annotated[
    Literal["auto", "always", "never"],
    Field(description="run the page's scripts in a browser: auto does where there is little text without them"),
]


Whole = Annotated[
    bool,
    Field(description="all text of the page, not only its main text: boxes, captions, comments, data for programs"),
]


class FetchedPage(Page):
    """A page, and whether a browser rendered it."""

    rendered: bool = Field(default=False, description="whether its scripts were run in a browser")


def build(options: Options) -> MCPServer:
    """The server; nothing is fetched or started before a tool is called."""
    server = ToolServer("web", instructions=_INSTRUCTIONS)
    rests = Rests()
    polite = PoliteFetcher.of(options)
    _offer_search(server, Search(options))
    _offer_fetch(server, polite, Renderer.of(options, polite), rests)
    _offer_crawl(server, polite, rests)
    offer_read_more(server, rests)
    return server


def _offer_search(server: MCPServer, engine: Search) -> None:
    @server.tool(title="Search the web", annotations=_READS)
    async def search_web(
        query: Annotated[str, Field(min_length=1, max_length=500, description="words to search for")],
        n: Annotated[int, Field(ge=1, le=MOST_RESULTS, description="results to return")] = 10,
        time_range: Annotated[TimeRange, Field(description="how old results may be; empty: any age")] = "",
        site: Annotated[str, Field(max_length=253, description="a domain to stay within, such as example.org")] = "",
    ) -> Results:
        """Search the web: titles, addresses and snippets, the best first. Read a result with fetch_page."""
        return await engine.search(query, n, time_range, site)


def _offer_fetch(server: MCPServer, polite: PoliteFetcher, renderer: Renderer, rests: Rests) -> None:
    @server.tool(title="Read a web page", annotations=_READS)
    async def fetch_page(
        url: Url,
        ctx: Context,
        query: Query = "",
        max_chars: MaxChars = DEFAULT_CHARS,
        render: Render = "auto",
        whole: Whole = False,
    ) -> FetchedPage:
        """Read a web page as Markdown, without its menus and advertisements, with its title, date and links. With a
        query, the passages that bear on it come first. Pages made by scripts are rendered in a browser."""

        async def on_bytes(got: int, announced: int | None) -> None:
            await ctx.report_progress(got, announced, f"{got} bytes")

        fetched = await polite.get(url, on_bytes=on_bytes)
        shown = partial(page_of, query=query, rests=rests, max_chars=max_chars, whole=whole)
        page = FetchedPage(**dict(await shown(fetched)))
        if render == "never" or (render == "auto" and not page.needs_javascript):
            return page
        await ctx.report_progress(len(fetched.body), None, "rendering")
        try:
            made = await renderer.render(fetched, urldefrag(url).fragment)
            after = await shown(made.page)
        except CallError as error:
            if render == "always":
                raise
            page.notes = [*page.notes, f"its scripts were not run: {error}"]
            return page
        found = [_STILL_LITTLE if note == NOT_RUN else note for note in after.notes]
        return FetchedPage(
            **{**dict(after), "needs_javascript": True, "notes": [*found, *made.notes], "rendered": True}
        )


def _offer_crawl(server: MCPServer, polite: PoliteFetcher, rests: Rests) -> None:
    @server.tool(name="crawl", title="Read a part of a site", annotations=_READS)
    async def crawl_site(
        url: Url,
        ctx: Context,
        depth: Annotated[int, Field(ge=0, le=MOST_DEPTH, description="links to follow from the first page")] = 1,
        limit: Annotated[int, Field(ge=1, le=MOST_PAGES, description="pages to read at most")] = 10,
        query: Query = "",
        path_prefix: Annotated[
            str, Field(max_length=500, description="follow only paths that begin with this, such as /docs/")
        ] = "",
        max_chars: MaxChars = DEFAULT_CHARS,
    ) -> Crawl:
        """Read a page and those of the same site it links to, breadth first: a list of pages with excerpts, and their
        texts. Takes a second or more for each page; use fetch_page for a single one."""
        plan = Plan(url, depth, limit, path_prefix, query)
        return await crawl(plan, polite, rests, max_chars, ctx.report_progress)
