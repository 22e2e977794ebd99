"""Parts of an HTML page that would be lost, or change their meaning, on the way to Markdown."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_MOST_JSON = 20_000
_MOST_SPAN = 1_000
_MOST_FILLED = 100_000
_SIGNS = {"msup": "^", "msub": "_", "mfrac": "/"}


def make_plain(tree: HtmlElement) -> None:
    """Write formulas as TeX, pictures that are all of a cell as their words, and give each cell a column of its own."""
    for math in list(tree.iter("math")):
        annotation = math.xpath(".//annotation[contains(@encoding, 'tex')]/text()")
        _put(math, f" {math.get('alttext') or ' '.join(annotation) or _in_a_line(math)} ")
    for cell in tree.iter("td", "th"):
        if not cell.text_content().strip():
            for image in list(cell.iter("img")):
                _put(image, image.get("alt") or "")
    for anchor in tree.iter("a"):
        if (anchor.get("href") or "").startswith("#"):
            del anchor.attrib["href"]
    left = _MOST_FILLED
    for rows in tree.iter("table", "thead", "tbody", "tfoot"):
        left = _fill_rowspans(rows, left)


def json_ld(tree: HtmlElement) -> str:
    """What the page tells programs about itself as JSON-LD, as Markdown; empty where that is nothing."""
    found = []
    for script in tree.xpath("//script[@type='application/ld+json']"):
        with suppress(ValueError, RecursionError):
            found.append(json.dumps(json.loads(script.text or ""), ensure_ascii=False))
    told = "\n".join(found)[:_MOST_JSON]
    return f"## Data of the page (JSON-LD)\n\n```json\n{told}\n```" if told else ""


def _in_a_line(math: HtmlElement) -> str:
    for name, sign in _SIGNS.items():
        for pair in math.iter(name):
            if len(pair) == 2:
                pair.text, pair[0].tail, pair[1].tail = "(", f"){sign}(", ")"
    return str(math.text_content())


def _put(element: HtmlElement, text: str) -> None:
    """Put a text in the place of an element."""
    span = element.makeelement("span")
    span.text, span.tail = text, element.tail
    element.getparent().replace(element, span)


def _fill_rowspans(rows: HtmlElement, left: int) -> int:
    """Put an empty cell wherever one from a row above reaches down, at most so many; how many more there may be."""
    reaching: dict[int, int] = {}
    for row in rows.findall("tr"):
        covered, column = set(reaching), 0
        reaching = {at: further - 1 for at, further in reaching.items() if further > 1}
        for cell in [*row.iterchildren("td", "th")]:
            while column in covered and left > 0:
                cell.addprevious(cell.makeelement("td"))
                column, left = column + 1, left - 1
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            if height > 1 and left > 0:
                reaching |= dict.fromkeys(range(column, min(column + width, _MOST_SPAN)), height - 1)
            column += width
            cell.attrib.pop("rowspan", None)
    return left


def _span(cell: HtmlElement, name: str) -> int:
    written = (cell.get(name) or "")[:9]
    return min(int(written), _MOST_SPAN) or 1 if written.isascii() and written.isdecimal() else 1
