"""Crawling a real site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundled.shared_loop import run
from bundled.web.browsing import options
from bundled.web.site import Answer, Site, page, redirect, robots, silent, site
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.rest import Rests
from memento_toolhub.servers.web.crawl import Crawl, Plan, crawl
from memento_toolhub.servers.web.polite import PoliteFetcher

SAYS = "This page speaks of {} at some length, so that it is taken for a page that has something to say. "


def of(topic: str, *links: str) -> Answer:
    return page(topic.title(), SAYS.format(topic) * 3, links={link: f"on {link}" for link in links})


class Walker:
    """Crawls a site."""

    def __init__(self, scratch: Path, here: Site) -> None:
        self.scratch = scratch
        self.here = here
        self.told: list[tuple[float, float, str]] = []

    def __call__(self, rests: Rests | None = None, max_chars: int = 20_000, also: str = "", **more: Any) -> Crawl:
        plan = Plan(**{"url": self.here.url("/"), "depth": 1, "limit": 10, **more})
        polite = PoliteFetcher.of(options(self.scratch, self.here.host, *filter(None, [also])))
        return run(crawl, plan, polite, rests or Rests(), max_chars, self.tell)

    async def tell(self, done: float, most: float, at: str) -> None:
        self.told.append((done, most, at))


@pytest.fixture
def walk(tmp_path: Path, here: Site) -> Walker:
    return Walker(tmp_path, here)


@pytest.fixture
def here() -> Iterator[Site]:
    """Eleven pages: the start, two below it, the others further down; and links that lead out, back and nowhere."""
    with site() as up:
        up.routes.update(
            {
                "/": of(
                    "start", "/docs/a", "/b", "/#top", "/docs/a?utm_source=x", "https://example.com/", "/photo.jpg"
                ),
                "/docs/a": of("apples", "/docs/a/deep", "/", "/missing"),
                "/b": of("bees", "/docs/a", "/c"),
                "/c": of("cherries", "/d"),
                "/docs/a/deep": of("deep things"),
                "/d": of("dates"),
            }
        )
        yield up


def titles(found: Crawl) -> list[str]:
    return [one.title for one in found.pages]


def test_pages_come_breadth_first_and_each_once(here: Site, walk: Walker) -> None:
    found = walk(depth=2)
    assert titles(found) == ["Start", "Apples", "Bees", "Deep Things", "", "Cherries"]
    assert [one.depth for one in found.pages] == [0, 1, 1, 2, 2, 2]
    assert found.pages[4].url == here.url("/missing")
    assert "404" in found.pages[4].error
    assert sorted(here.paths()) == sorted(set(here.paths()))
    assert [(done, most) for done, most, _ in walk.told] == [(at, 10) for at in range(6)]


def test_nothing_of_another_site_and_no_pictures_are_fetched(here: Site, walk: Walker) -> None:
    found = walk(depth=4)
    assert all(one.url.startswith(here.url("/")) for one in found.pages)
    assert "/photo.jpg" not in here.paths()


def test_what_the_limit_leaves_out_is_named(here: Site, walk: Walker) -> None:
    found = walk(depth=2, limit=2)
    assert titles(found) == ["Start", "Apples"]
    assert found.unread == [here.url(path) for path in ("/b", "/docs/a/deep", "/missing")]
    assert found.unread_count == 3


def test_a_crawl_may_keep_below_a_path(here: Site, walk: Walker) -> None:
    assert titles(walk(depth=3, path_prefix="/docs/")) == ["Start", "Apples", "Deep Things"]


def test_all_texts_come_one_after_the_other_and_the_rest_by_a_handle(here: Site, walk: Walker) -> None:
    rests = Rests()
    found = walk(rests, 500)
    whole = found.text + rests.more(found.rest, 50_000).text
    assert found.chars_left > 0
    assert [whole.count(SAYS.format(topic).strip()) for topic in ("start", "apples", "bees")] == [3, 3, 3]
    assert whole.index("start at some") < whole.index("apples at some") < whole.index("bees at some")
    assert found.pages[1].excerpt.startswith("# Apples This page speaks of apples")


def test_with_a_query_what_bears_on_it_comes_first(here: Site, walk: Walker) -> None:
    long = [SAYS.format("nothing in particular") * 6, "The valve is opened at 317 litres.", SAYS.format("old days") * 6]
    here.routes["/docs/a"] = page("Apples", *long)
    found = walk(query="when is the valve opened")
    assert "317 litres" in found.pages[1].excerpt


def test_robots_txt_is_obeyed(here: Site, walk: Walker) -> None:
    here.routes["/robots.txt"] = robots("User-agent: *\nDisallow: /docs/\n")
    found = walk()
    assert "robots.txt" in found.pages[1].error
    assert "/docs/a" not in here.paths()
    assert titles(found)[2] == "Bees"


def test_redirects_are_read_once_and_not_followed_out_of_the_site(here: Site, walk: Walker) -> None:
    with site({"/": of("elsewhere")}) as other:
        here.routes["/docs/a"] = redirect("/b")
        here.routes["/b"] = of("bees", "/out")
        here.routes["/out"] = redirect(f"http://{other.host}/")
        found = walk(also=other.host, depth=2)
    assert titles(found) == ["Start", "Bees"]
    assert any("leads to another site" in note for note in found.notes)


def test_a_first_page_that_cannot_be_read_is_an_error(here: Site, walk: Walker) -> None:
    with pytest.raises(CallError, match="404"):
        walk(url=here.url("/nowhere"))
    with pytest.raises(CallError, match="url: "):
        walk(url="http://127.0.0.1:1/")


def test_when_time_is_up_what_was_read_is_the_result(here: Site, walk: Walker) -> None:
    here.routes["/b"] = silent
    found = walk(seconds=3.0)
    assert titles(found) == ["Start", "Apples"]
    assert found.unread == [here.url("/b")]
    assert "stopped after 3 s" in found.notes[0]


def test_a_page_made_by_scripts_says_so(here: Site, walk: Walker) -> None:
    here.routes["/b"] = Answer("<html><body><div id=app></div><script src=/app.js></script></body></html>")
    found = walk()
    assert "fetch_page can render it" in found.pages[2].error
