"""The web server through the protocol: in this process in both eras, and as a process of its own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from bundled.parts import needs
from bundled.shared_loop import in_the_loop
from bundled.web.browsing import BROWSERS, SANDBOX, options
from bundled.web.site import Answer, Site, page, site
from bundled.web.test_search import answers, found
from integration.processes import environment
from memento_toolhub.servers.web.needs import needs as needs_of
from memento_toolhub.servers.web.server import build

SAYS = "Water is pumped up the hill at 317 litres a minute, which nobody there thinks remarkable any more. "
MADE = """<!doctype html><html><head><title>Made</title></head><body><div id="app"></div><script>
fetch('/data.json').then((r) => r.json()).then((d) => {
  document.getElementById('app').innerHTML = '<article><h1>Made</h1><p>' + d.said.repeat(4) + '</p></article>';
});</script></body></html>"""


@asynccontextmanager
async def client_of(here: Site, tmp_path: Path, era: str = "auto", **more: str) -> AsyncIterator[Client]:
    settings = {"MEMENTO_SEARXNG_URL": here.url(), **more}
    async with Client(build(options(tmp_path, here.host, **settings)), mode=era) as client:  # type: ignore[arg-type]
        yield client


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured result of a call that has to succeed."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """The message of a call that has to fail."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return "".join(getattr(block, "text", "") for block in result.content)


def fill(here: Site) -> None:
    here.routes.update(
        {
            "/": page("Pumps", SAYS * 4, links={"/more": "more"}),
            "/more": page("More", SAYS.replace("pumped", "sent") * 4),
            "/made": Answer(MADE),
            "/data.json": Answer(json.dumps({"said": SAYS}), media_type="application/json"),
            "/search": answers([found(1), found(2)]),
        }
    )


@pytest.mark.parametrize("era", ["legacy", "auto"])
@in_the_loop
async def test_every_tool_answers_in_both_eras(tmp_path: Path, era: str) -> None:
    with site() as here:
        fill(here)
        async with client_of(here, tmp_path, era) as client:
            searched = await ask(client, "search_web", query="pumps", n=1)
            assert [one["url"] for one in searched["results"]] == ["https://example.org/1"]
            read = await ask(client, "fetch_page", url=here.url(), max_chars=500)
            assert (read["title"], read["rendered"]) == ("Pumps", False)
            more = await ask(client, "fetch_page", url=here.url(), query="litres a minute")
            assert "317 litres" in more["text"]
            crawled = await ask(client, "crawl", url=here.url(), max_chars=500)
            assert [one["title"] for one in crawled["pages"]] == ["Pumps", "More"]
            rest = await ask(client, "read_more", handle=crawled["rest"])
            assert "is sent up the hill" in crawled["text"] + rest["text"]


@in_the_loop
async def test_mistakes_are_named_with_what_to_do(tmp_path: Path) -> None:
    with site() as here:
        async with client_of(here, tmp_path) as client:
            assert "url: " in await refusal(client, "fetch_page", url="http://169.254.169.254/latest/meta-data/")
            assert "url: " in await refusal(client, "crawl", url="http://127.0.0.1:1/")
            assert "404" in await refusal(client, "fetch_page", url=here.url("/nowhere"))
            assert "check the address; it is that" in await refusal(client, "search_web", query="pumps")
            assert "time_range" in await refusal(client, "search_web", query="pumps", time_range="decade")
        gone = here
    async with client_of(gone, tmp_path) as client:
        assert (await refusal(client, "search_web", query="x")).startswith("MEMENTO_SEARXNG_URL: the SearXNG at")


@in_the_loop
async def test_the_tools_say_that_they_change_nothing_and_reach_out(tmp_path: Path) -> None:
    with site() as here:
        async with client_of(here, tmp_path) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"search_web", "fetch_page", "crawl", "read_more"}
    for name, tool in tools.items():
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.annotations.open_world_hint is (name != "read_more")
        assert tool.title
        assert tool.output_schema


@needs(*BROWSERS)
@in_the_loop
async def test_little_text_after_rendering_is_not_blamed_on_scripts_that_did_not_run(tmp_path: Path) -> None:
    html = "<html><body><p id=at></p><script>document.getElementById('at').textContent = 'Open'</script></body></html>"
    with site({"/short": Answer(html)}) as here:
        async with client_of(here, tmp_path) as client:
            found = await ask(client, "fetch_page", url=here.url("/short"))
    assert (found["rendered"], found["text"]) == (True, "Open")
    assert found["notes"] == ["there is little text on the page even after its scripts ran"]


@in_the_loop
async def test_without_a_browser_a_page_made_by_scripts_says_what_to_do(tmp_path: Path) -> None:
    with site() as here:
        fill(here)
        async with client_of(here, tmp_path, MEMENTO_BROWSER=str(tmp_path / "none")) as client:
            read = await ask(client, "fetch_page", url=here.url("/made"))
            assert "is no program that can be run" in read["notes"][-1]
            assert "MEMENTO_BROWSER" in await refusal(client, "fetch_page", url=here.url("/made"), render="always")


@in_the_loop
async def test_a_crawl_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def note(done: float, most: float | None, said: str | None) -> None:
        told.append((done, most, said))

    with site() as here:
        fill(here)
        async with client_of(here, tmp_path) as client:
            await client.call_tool("crawl", {"url": here.url(), "limit": 5}, progress_callback=note)
    assert told == [(0, 5, here.url()), (1, 5, here.url("/more"))]


@needs(*BROWSERS)
@in_the_loop
async def test_as_a_process_of_its_own_it_reads_what_scripts_made(tmp_path: Path) -> None:
    with site() as here:
        fill(here)
        arguments = ["-m", "memento_server", "tool", "web", "--allow-host", here.host, "--searxng", here.url()]
        env = environment(MEMENTO_CACHE=str(tmp_path), PATH=os.environ["PATH"], **SANDBOX)
        parameters = StdioServerParameters(command=sys.executable, args=arguments, env=env)
        async with Client(stdio_client(parameters)) as client:
            assert (await ask(client, "search_web", query="pumps"))["backend"] == "searxng"
            plain = await ask(client, "fetch_page", url=here.url("/made"), render="never")
            assert (plain["rendered"], plain["needs_javascript"]) == (False, True)
            assert "317 litres" not in plain["text"]
            rendered = await ask(client, "fetch_page", url=here.url("/made"))
    assert (rendered["rendered"], rendered["title"], rendered["notes"]) == (True, "Made", [])
    assert "317 litres" in rendered["text"]


def test_what_it_needs_is_told() -> None:
    told = {need.name: need for need in needs_of({"MEMENTO_BROWSER": "/nonexistent", **SANDBOX})}
    assert set(told) == {"trafilatura", "protego", "ddgs", "browser"}
    assert not told["browser"].ok
    assert "MEMENTO_BROWSER" in told["browser"].fix
    assert {need.name for need in needs_of({"MEMENTO_SEARXNG_URL": "http://localhost:8888"})} >= {"SearXNG"}
