"""Pages of a real site as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, lists, sampled_from

from bundled.shared_loop import run
from bundled.web.site import Answer, Site, page, site, zipped
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.fetcher import Fetched, Fetcher
from memento_toolhub.servers.kit.rest import DEFAULT_CHARS, Rests
from memento_toolhub.servers.web.extract import _tried, extract
from memento_toolhub.servers.web.page import Page, links_of, page_of

LONG = "A pump moves water uphill, and how well it does so depends on its kind, its seals and the height. "
TABLE = "<table><tr><th>Kind</th><th>Litres</th></tr><tr><td>hand pump</td><td>317</td></tr></table>"


@dataclass(frozen=True)
class Reader:
    """A site, and what is read of it."""

    up: Site

    def shown(
        self,
        answer: Answer,
        query: str = "",
        rests: Rests | None = None,
        max_chars: int = DEFAULT_CHARS,
        whole: bool = False,
    ) -> Page:
        """What a model gets of an answer."""
        rests = rests or Rests()
        return run(partial(page_of, self.fetched(answer), query, rests=rests, max_chars=max_chars, whole=whole))

    def fetched(self, answer: Answer) -> Fetched:
        self.up.routes["/page"] = answer
        return run(Fetcher((self.up.host,)).get, self.up.url("/page"))


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with site() as up:
        yield Reader(up)


def test_an_article_comes_as_markdown_with_what_the_page_says_of_itself(reader: Reader) -> None:
    head = '<meta name="author" content="Ann Lee"><meta property="article:published_time" content="2024-03-05">'
    answer = page(
        "Pumps", LONG * 3 + '<a href="/water">water</a>', f"<b>Note</b>{TABLE}", head=head, links={"/m": "Menu"}
    )
    found = reader.shown(answer)
    assert (found.title, found.author, found.date) == ("Pumps", "Ann Lee", "2024-03-05")
    assert found.url == reader.up.url("/page")
    assert found.text.startswith("# Pumps")
    assert f"[water]({reader.up.url('/water')})" in found.text
    assert "| hand pump | 317 |" in found.text
    assert "All rights kept" not in found.text
    assert [(link.url, link.text) for link in found.links] == [(reader.up.url("/m"), "Menu")]
    assert found.fetched_at.endswith("Z")
    assert not found.needs_javascript
    assert (found.notes, found.rest) == ([], "")


def test_a_short_article_keeps_its_table_and_leaves_out_the_menu(reader: Reader) -> None:
    html = f"<nav><a href=/m>Menu</a></nav><main><h1>Pumps</h1><p>There are three kinds of them.</p>{TABLE}</main>"
    found = reader.shown(Answer(f"<html><head><title>Pumps</title></head><body>{html}</body></html>"))
    assert "| hand pump | 317 |" in found.text
    assert "Menu" not in found.text


def test_a_year_in_the_text_is_not_taken_for_the_date_of_the_page(reader: Reader) -> None:
    answer = page("Pumps", LONG, "<table><tr><th>Year</th><th>Pumps</th></tr><tr><td>2021</td><td>12</td></tr></table>")
    assert reader.shown(answer).date == ""


def test_a_missing_package_is_not_blamed_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    with pytest.raises(CallError, match=r"^trafilatura is not installed; .*memento-cbr\[web\]"):
        _tried(extract, b"<p>Pumps</p>", "utf-8", "https://site.example/")


def test_a_long_page_comes_in_parts(reader: Reader) -> None:
    rests = Rests()
    found = reader.shown(
        page("Pumps", *[f"Step {number}: {LONG}" for number in range(100)]), rests=rests, max_chars=2_000
    )
    assert len(found.text) <= 2_000
    more = rests.more(found.rest, 50_000)
    assert found.chars_left == len(more.text)
    assert "Step 99: A pump" in more.text


def test_with_a_query_the_passages_about_it_come_first(reader: Reader) -> None:
    paragraphs = [LONG * 8, LONG * 8, "The seals are made of leather in Lisbon. " * 3, LONG * 8]
    found = reader.shown(page("Pumps", *paragraphs), "Where are leather seals made?", max_chars=500)
    assert "Lisbon" in found.text


def test_what_is_looked_for_is_found_beside_the_article_too(reader: Reader) -> None:
    beside = "<div class='sidebar'><p>Depth of the Kola well: 12262 m</p></div>"
    answer = Answer(f"<html><body>{beside}<article><p>{LONG * 9}</p></article></body></html>")
    assert "12262" not in reader.shown(answer).text
    assert "12262" in reader.shown(answer, "Kola depth").text


def test_what_stands_beside_the_article_is_named_and_can_be_had(reader: Reader) -> None:
    facts = "<aside><h2>Facts</h2><p>Founded 1887</p></aside>"
    answer = Answer(f"<html><title>Pumps</title><body><article><p>{LONG * 9}</p></article>{facts}</body></html>")
    (note,) = reader.shown(answer).notes
    assert note.endswith("whole=true has them: Facts / Founded 1887")
    everything = reader.shown(answer, whole=True)
    assert "Founded 1887" in everything.text
    assert everything.notes == []


def test_a_page_without_an_article_comes_whole(reader: Reader) -> None:
    items = "".join(f"<li><a href='/{number}'>Entry {number}</a></li>" for number in range(40))
    found = reader.shown(Answer(f"<html><head><title>List</title></head><body><ul>{items}</ul></body></html>"))
    assert found.title == "List"
    assert all(f"Entry {number}" in found.text for number in range(40))


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/json", '{"litres": 317}'),
        ("application/ld+json; charset=utf-8", '{"litres": 317}'),
        ("text/plain", "litres: 317"),
        ("text/csv", "kind,litres\nhand,317"),
        ("application/rss+xml", "<rss><item>317</item></rss>"),
        ("", "litres: 317"),
    ],
)
def test_text_of_other_kinds_comes_as_it_is(reader: Reader, media_type: str, body: str) -> None:
    assert reader.shown(Answer(body, media_type=media_type)).text == body


@pytest.mark.parametrize("media_type", ["application/xhtml+xml", "", "text/plain", "application/octet-stream"])
def test_a_page_is_known_by_how_it_begins(reader: Reader, media_type: str) -> None:
    body = f"<?xml version='1.0' encoding='utf-8'?>\n<!-- made by hand --> <html><body><p>{LONG}</p></body></html>"
    found = reader.shown(
        Answer(body.partition("?>")[2] if media_type != "application/xhtml+xml" else body, media_type=media_type)
    )
    assert found.text == LONG.strip()


@pytest.mark.parametrize("media_type", ["application/pdf", "image/png", "application/zip", ""])
def test_what_is_no_page_is_an_error_that_says_who_reads_it(reader: Reader, media_type: str) -> None:
    with pytest.raises(CallError, match="read_document"):
        reader.shown(Answer(b"%PDF-1.7\0\1\2", media_type=media_type))


def test_a_page_that_waits_for_scripts_says_so(reader: Reader) -> None:
    shell = '<html><body><div id="root"></div><script src="/app.js"></script></body></html>'
    asks = "<html><body><noscript>You need to enable JavaScript.</noscript><p>Please wait</p><script></script></body>"
    for body in (shell, asks):
        found = reader.shown(Answer(body))
        assert found.needs_javascript
        assert "scripts" in found.notes[0]
    assert not reader.shown(Answer("<p>Short.</p>")).needs_javascript
    assert not reader.shown(page("Pumps", LONG * 3, head="<script>1</script>")).needs_javascript


def test_an_empty_page_says_so(reader: Reader) -> None:
    for body in ("", " ", "<html></html>", "<!-- -->"):
        found = reader.shown(Answer(body))
        assert (found.text, found.notes) == ("", ["the page has no text"])


def test_a_compressed_page_in_old_letters_is_read(reader: Reader) -> None:
    answer = zipped(f"<html><body><p>{'Насос поднимает воду. ' * 20}</p></body></html>".encode("cp1251"))
    found = reader.shown(Answer(answer.body, headers=answer.headers, media_type="text/html; charset=windows-1251"))
    assert found.text.startswith("Насос поднимает воду.")


def test_links_are_whole_addresses_each_once_and_of_the_web(reader: Reader) -> None:
    body = (
        "<base href='/base/'><a href='a#1'>A</a><a href='a#2'>again</a><a href='//other.example/x'>X</a><a>none</a>"
        "<a href='mailto:a@b.c'>m</a><a href='javascript:x()'>j</a><a href='http://['>broken</a><a href='?q=1'>q</a>"
    )
    assert run(links_of, reader.fetched(Answer(body))) == (
        reader.up.url("/base/a"),
        "http://other.example/x",
        reader.up.url("/base/?q=1"),
    )


@pytest.mark.parametrize(
    "body",
    [
        "<p>" + " " * 300_000 + "deep",
        "<pre>deep" + " " * 300_000 + "</pre>",
        "<p>" + "deep water " * 200_000,
        "<div>" * 200 + "deep" + "</div>" * 200,
        "<table>" * 100 + "deep",
        "<frameset><frame src=a></frameset>",
        "<!---->" * 500 + "<html>deep",
        "<a href='x'>" * 500 + "deep",
        "\0<p>deep</p>",
        "\1<p>deep\x0c\x1f &#1; &#12; &#x1f;</p><pre>&#12;</pre>",
        "<p>deep<script>never closed",
        "deep &#0; &#xD800; &bad; &#99999999;",
        "<!doctype html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><p>deep &x;</p>",
    ],
)
def test_a_strange_page_is_read_as_far_as_it_goes(reader: Reader, body: str) -> None:
    found = reader.shown(Answer(body))
    assert "root:" not in found.text
    assert "deep" in found.text or "frame" in body


def test_code_keeps_its_lines(reader: Reader) -> None:
    code = "def pump():\n    return 317"
    assert code in reader.shown(Answer(f"<html><body><p>Short:</p><pre><code>{code}</code></pre></body></html>")).text


TAGS = ["<p>", "</p>", "<table>", "<tr><td>", "<a href='", "'>", "<ul><li>", "<script>", "</script>", "<!--", "-->"]


@settings(max_examples=60)
@given(lists(binary(max_size=12) | sampled_from([tag.encode() for tag in [*TAGS, "<b>", "<pre>", "&lt", "<svg>"]])))
def test_any_bytes_are_a_page(parts: list[bytes]) -> None:
    found = extract(b"".join(parts), "", "http://x.example/")
    assert all(to.startswith(("http://", "https://")) for to, _ in found.links)
