"""What a page says in ways that Markdown has no word for."""

from __future__ import annotations

import pytest

from memento_toolhub.servers.web.extract import Extract, extract

TEXT = "<p>" + "A pump moves water uphill, and how well it does so depends on its kind and its seals. " * 4 + "</p>"


def said(body: str, head: str = "") -> Extract:
    return extract(f"<html><head>{head}</head><body>{body}</body></html>".encode(), "utf-8", "http://h.example/a/b")


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("10<sup>6</sup> litres of H<sub>2</sub>O", "10<sup>6</sup> litres of H<sub>2</sub>O"),
        ("<math alttext='{a^{2}}'><mi>a</mi><mn>2</mn></math>", "{a^{2}}"),
        ("E:<math><mi>c</mi><annotation encoding='application/x-tex'>c^2</annotation></math>", "E: c^2"),
        ("<math><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math>", "m(c)^(2)"),
        ("<math><mfrac><mn>1</mn><mn>12</mn></mfrac></math>", "(1)/(12)"),
        ("<table><tr><td>Paid<td><img src=t.png alt=yes></table>", "| Paid | yes |"),
        ("said so<a href='#note1'>[1]</a>", "said so[1]"),
        ("<button>How much is it?</button>", "How much is it?"),
        ("<form><b>Reds 31</b></form>", "Reds 31"),
    ],
)
def test_what_is_said_without_words_keeps_its_meaning(html: str, shown: str) -> None:
    assert shown in said(f"<div>{html}</div>").whole


def test_a_cell_that_reaches_down_leaves_the_others_in_their_columns() -> None:
    rows = (
        "<tr><td>1990<td rowspan=2 colspan=2>both<td>a</tr><tr><td>1991<td>b</tr><tr><td>1992<td>x<td>y<td>c</tr>",
        "<tr><td rowspan=0>odd<td rowspan=x>e</tr><tr><td>f<td>g</tr>",
    )
    found = said(f"{TEXT}<table>{''.join(rows)}</table>")
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in found.whole.splitlines() if "|" in line]
    assert shown[2:] == [
        ["1990", "both", "", "a"],
        ["1991", "", "", "b"],
        ["1992", "x", "y", "c"],
        ["odd", "e"],
        ["f", "g"],
    ]


def test_frames_and_where_the_page_goes_on_are_the_first_links() -> None:
    framed = "<frameset><frame src=menu.html name=menu><frame src=/main.html></frameset>"
    assert said(framed).links == (
        ("http://h.example/a/menu.html", "frame: menu"),
        ("http://h.example/main.html", "frame: without a name"),
    )
    moved = said("<a href=/x>x</a><iframe title=times src=t>", '<meta http-equiv=Refresh content="0; URL=/new">')
    assert [text for _, text in moved.links] == ["the page goes on here", "frame: times", "x"]
    assert moved.links[0][0] == "http://h.example/new"


def test_the_data_of_a_page_belong_to_its_text() -> None:
    data = '<script type="application/ld+json">{"recipeYield": "8 servings"}</script>'
    found = said(TEXT, data + '<script type="application/ld+json">{broken</script>')
    assert '{"recipeYield": "8 servings"}' in found.whole
    assert "servings" not in found.article
    assert "broken" not in found.whole


def test_what_is_beside_the_article_is_known() -> None:
    found = said(f"<article><h1>Pumps</h1>{TEXT}</article><aside><h2>Facts</h2><p>Founded 1887</p></aside>")
    assert "1887" not in found.article
    assert found.beside == "Facts / Founded 1887"
