"""Cells of HTML tables that reach over several rows, which Markdown does not have."""

from __future__ import annotations

from typing import Any

_MOST_SPAN = 1_000
_MOST_FILLED = 100_000


def without_rowspans(html: str) -> str:
    """The same page with an empty cell wherever one from a row above reaches down, so that columns stay in line."""
    if "rowspan" not in html.lower():
        return html
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "html.parser")
    left = _MOST_FILLED
    for rows in soup.find_all(["table", "thead", "tbody", "tfoot"]):
        left = _fill(soup, rows, left)
    return str(soup)


def _fill(soup: Any, rows: Any, left: int) -> int:
    """Fill the rows of one part of a table with so many cells at most; how many more there may be."""
    reaching: dict[int, int] = {}
    for row in rows.find_all("tr", recursive=False):
        covered, column = set(reaching), 0
        reaching = {at: further - 1 for at, further in reaching.items() if further > 1}
        for cell in row.find_all(["td", "th"], recursive=False):
            while column in covered and left > 0:
                cell.insert_before(soup.new_tag("td"))
                column, left = column + 1, left - 1
            width, height = _span(cell, "colspan"), _span(cell, "rowspan")
            if height > 1 and left > 0:
                reaching |= dict.fromkeys(range(column, min(column + width, _MOST_SPAN)), height - 1)
            column += width
            del cell["rowspan"]
    return left


def _span(cell: Any, name: str) -> int:
    written = str(cell.get(name) or "")
    return min(int(written), _MOST_SPAN) or 1 if written.isascii() and written.isdecimal() and len(written) < 9 else 1
