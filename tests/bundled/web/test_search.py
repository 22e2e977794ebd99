"""Searching: with a SearXNG on this machine, and with public engines where none can be reached."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from hypothesis import given
from hypothesis.strategies import text

from bundled.web.browsing import options
from bundled.web.site import Answer, Site, reply, site
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.web.needs import needs
from memento_toolhub.servers.web.search import Results, Search, clean, identity


def found(number: int, **more: Any) -> dict[str, Any]:
    """A result as SearXNG writes it."""
    return {
        "url": f"https://example.org/{number}",
        "title": f"Page {number}",
        "content": f"what page {number} says",
        "engine": "brave",
        "engines": ["brave"],
        "publishedDate": None,
        "score": 1.0,
        "category": "general",
        **more,
    }


def answers(*pages: list[dict[str, Any]], **more: Any) -> Any:
    """What SearXNG answers to the first, second ... page of a search; HTML where JSON is not asked for."""

    def route(handler: BaseHTTPRequestHandler) -> None:
        asked = parse_qs(urlsplit(handler.path).query)
        if asked.get("format") != ["json"]:
            return reply(handler, Answer("<html>a page for people</html>"))
        at = int(asked.get("pageno", ["1"])[0]) - 1
        results = pages[at] if at < len(pages) else []
        body = {"query": asked["q"][0], "number_of_results": 0, "results": results, "unresponsive_engines": [], **more}
        return reply(handler, Answer(json.dumps(body), media_type="application/json"))

    return route


def ask(
    here: Site, tmp_path: Path, query: str = "pumps", n: int = 10, time_range: Any = "", within: str = ""
) -> Results:
    engine = Search(options(tmp_path, MEMENTO_SEARXNG_URL=here.url("/searx/")))
    return anyio.run(engine.search, query, n, time_range, within)


def asked_for(here: Site) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(asked.path).query) for asked in here.asked]


def test_results_come_numbered_with_what_is_known_of_them(tmp_path: Path) -> None:
    dated = found(1, publishedDate="2024-03-05T00:00:00", engines=["brave", "mojeek"])
    with site({"/searx/search": answers([dated, found(2)])}) as here:
        results = ask(here, tmp_path, time_range="week")
        assert asked_for(here)[0] == {"q": ["pumps"], "format": ["json"], "time_range": ["week"], "pageno": ["1"]}
    assert results.backend == "searxng"
    assert [one.number for one in results.results] == [1, 2]
    first = results.results[0]
    assert (first.title, first.url, first.snippet) == ("Page 1", "https://example.org/1", "what page 1 says")
    assert (first.date, first.engines) == ("2024-03-05", ["brave", "mojeek"])
    assert results.results[1].date == ""


def test_the_same_page_found_twice_is_one_result(tmp_path: Path) -> None:
    again = found(
        1, url="http://www.example.org/1/?utm_source=x", content="what page 1 says, at length", engines=["bing"]
    )
    with site({"/searx/search": answers([found(1), again, found(2)])}) as here:
        results = ask(here, tmp_path).results
    assert [one.url for one in results] == ["https://example.org/1", "https://example.org/2"]
    assert results[0].engines == ["brave", "bing"]
    assert results[0].snippet == "what page 1 says, at length"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "ftp://example.org/x", "http://169.254.169.254/", "", "no", None],
)
def test_an_address_that_could_not_be_fetched_is_no_result(tmp_path: Path, url: str | None) -> None:
    with site({"/searx/search": answers([found(1, url=url), found(2)])}) as here:
        assert [one.url for one in ask(here, tmp_path).results] == ["https://example.org/2"]


def test_further_pages_are_asked_for_until_there_are_enough(tmp_path: Path) -> None:
    pages = [[found(number) for number in range(at, at + 10)] for at in (0, 10, 20)]
    with site({"/searx/search": answers(*pages)}) as here:
        assert len(ask(here, tmp_path, n=15).results) == 15
        assert [one["pageno"] for one in asked_for(here)] == [["1"], ["2"]]
        assert len(ask(here, tmp_path, n=50).results) == 30


@pytest.mark.parametrize("written", ["example.org", "https://www.example.org/path", "EXAMPLE.ORG"])
def test_a_search_within_a_site_gives_nothing_else(tmp_path: Path, written: str) -> None:
    elsewhere = [found(2, url="https://example.org.evil.example/2"), found(3, url="https://docs.example.org/3")]
    with site({"/searx/search": answers([found(1), *elsewhere])}) as here:
        results = ask(here, tmp_path, within=written)
    assert results.query == "pumps site:example.org"
    assert [one.url for one in results.results] == ["https://example.org/1", "https://docs.example.org/3"]


def test_snippets_hold_no_markup_and_nothing_invisible(tmp_path: Path) -> None:
    dirty = found(
        1, title="<b>Pumps</b> &amp; more\x1b[31m", content="a\u202eb\u200b <strong>c</strong>\n\n d < e" + "x" * 2000
    )
    with site({"/searx/search": answers([dirty])}) as here:
        (one,) = ask(here, tmp_path).results
    assert one.title == "Pumps & more[31m"
    assert one.snippet.startswith("ab c d < e")
    assert len(one.snippet) == 500


@given(text(max_size=300))
def test_cleaned_text_is_one_line_of_what_can_be_seen(written: str) -> None:
    line = clean(written, 100)
    assert len(line) <= 100
    assert line.isprintable()
    assert line == " ".join(line.split())


def test_engines_that_did_not_answer_are_named_where_nothing_was_found(tmp_path: Path) -> None:
    with site({"/searx/search": answers([], unresponsive_engines=[["google", "timeout"]])}) as here:
        results = ask(here, tmp_path)
    assert results.results == []
    assert results.notes == ["engines that did not answer: google: timeout"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer("Forbidden", 403), r"403; its JSON interface is disabled; add `json` under `search: formats:`"),
        (Answer("Too Many Requests", 429), r"429; its limiter"),
        (Answer("no", 404), r"404; check the address"),
        (Answer("oh", 500), r"500; look into its log"),
        (Answer("<html>results</html>"), r"not in JSON; if it is a SearXNG, add `json`"),
        (Answer("[]", media_type="application/json"), r"not as a SearXNG does"),
    ],
)
def test_a_searxng_that_cannot_be_used_says_what_to_change(tmp_path: Path, answer: Answer, said: str) -> None:
    with site({"/searx/search": answer}) as here, pytest.raises(CallError, match=f"MEMENTO_SEARXNG_URL: .*{said}"):
        ask(here, tmp_path)


def test_a_searxng_that_is_not_there_is_named(tmp_path: Path) -> None:
    with site() as here:
        gone = here
    with pytest.raises(CallError, match=rf"the SearXNG at {gone.host} does not answer"):
        ask(gone, tmp_path)


def test_a_searxng_may_ask_for_a_password_which_nothing_repeats(tmp_path: Path) -> None:
    with site({"/search": answers([found(1)])}) as here:
        url = f"http://ann:s%40cret@{here.host}"
        anyio.run(Search(options(tmp_path, MEMENTO_SEARXNG_URL=url)).search, "pumps", 1, "", "")
        assert here.asked[0].headers["authorization"] == "Basic YW5uOnNAY3JldA=="
        here.routes["/search"] = Answer("no", 401)
        with pytest.raises(CallError) as caught:
            anyio.run(Search(options(tmp_path, MEMENTO_SEARXNG_URL=url)).search, "pumps", 1, "", "")
    assert "cret" not in str(caught.value)
    assert "cret" not in str(needs({"MEMENTO_SEARXNG_URL": url}))


def test_a_searxng_that_sends_on_to_another_private_host_is_not_followed(tmp_path: Path) -> None:
    with site({"/search": answers([found(1)])}) as other, site() as here:
        here.routes["/searx/search"] = Answer(status=302, headers={"location": other.url("/search")})
        with pytest.raises(CallError, match="does not answer"):
            ask(here, tmp_path)
        assert other.asked == []


@pytest.mark.parametrize("url", ["localhost:8888", "ftp://localhost", "http://"])
def test_an_address_that_is_none_is_named(tmp_path: Path, url: str) -> None:
    with pytest.raises(CallError, match="MEMENTO_SEARXNG_URL: is no web address"):
        anyio.run(Search(options(tmp_path, MEMENTO_SEARXNG_URL=url)).search, "pumps", 1, "", "")
    assert not next(need for need in needs({"MEMENTO_SEARXNG_URL": url}) if need.name == "SearXNG").ok


@pytest.mark.parametrize(("query", "within", "field"), [(" \n", "", "query"), ("pumps", "not a site", "site")])
def test_a_question_that_cannot_be_asked_is_refused(tmp_path: Path, query: str, within: str, field: str) -> None:
    with site() as here, pytest.raises(CallError, match=f"^{field}: "):
        ask(here, tmp_path, query, within=within)
    assert here.asked == []


def test_without_a_network_the_public_engines_say_so(tmp_path: Path) -> None:
    """The proxy that nobody listens on makes it so on every machine."""
    with site() as here:
        nobody = here.url("")
    engine = Search(options(tmp_path, MEMENTO_SEARCH_PROXY=nobody))
    with pytest.raises(CallError, match=r"no search engine could be reached.*offline.*MEMENTO_SEARXNG_URL"):
        anyio.run(engine.search, "pumps", 3, "", "")


def test_addresses_of_one_page_are_told_from_those_of_others() -> None:
    same = ["http://example.org/a", "https://www.example.org/a/", "https://example.org/a?utm_source=b#c"]
    assert len({identity(url) for url in same}) == 1
    others = [
        "https://example.org/",
        "https://example.org/b",
        "https://example.org/a?page=2",
        "https://example.org:81/a",
    ]
    assert len({identity(url) for url in [same[0], *others]}) == 5
