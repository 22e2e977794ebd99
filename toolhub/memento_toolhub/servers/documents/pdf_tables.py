"""The tables of a PDF page: by their ruled lines, or by the gaps between columns where nothing is ruled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from statistics import median
from typing import Any

from memento_toolhub.servers.documents.pages import MOST_TEXT
from memento_toolhub.servers.documents.sheets import markdown_table

_GAP = 1.0  # of the height of letters; spaces between words are narrower
_LETTER_GAP = 0.15  # of the height of letters, between two words
_SAME_LINE = 0.4  # of the height of letters, between the lower ends of words
_FAR = 3.0  # heights of letters between two lines that belong to no table together
_LEAST_LINES = 3
_MOST_PROSE = 30  # characters of a cell on average: more are prose, as on a page set in two columns


@dataclass(frozen=True, slots=True)
class _Cell:
    """Words of a line that stand close to one another, from left to right in points."""

    left: float
    right: float
    text: str


def tables(page: BytesIO) -> list[str]:
    """Each table on the only page of a PDF: as Markdown where its cells are sure, else as text that keeps its gaps."""
    import pdfplumber

    with pdfplumber.open(page) as document:
        sheet = document.pages[0]
        ruled = [table for table in sheet.find_tables() if len(table.rows) > 1 and len(table.columns) > 1]
        found = [_markdown([cell or "" for cell in row] for row in table.extract()) for table in ruled]
        words = sheet.extract_words(x_tolerance_ratio=_LETTER_GAP)
        return [*found, *_unruled([word for word in words if not _within(word, ruled)])]


def _markdown(rows: Iterable[list[str]]) -> str:
    return markdown_table(rows, MOST_TEXT)[0]


def _within(word: dict[str, Any], ruled: Sequence[Any]) -> bool:
    across, down = (word["x0"] + word["x1"]) / 2, (word["top"] + word["bottom"]) / 2
    return any(t.bbox[0] <= across <= t.bbox[2] and t.bbox[1] <= down <= t.bbox[3] for t in ruled)


def _unruled(words: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines below one another that each have gaps."""
    run: list[list[_Cell]] = []
    bottom = 0.0
    for line in _lines(words):
        cells = _cells(line)
        height = line[0]["bottom"] - line[0]["top"]
        if len(cells) < 2 or line[0]["top"] - bottom > _FAR * height:
            yield from _table(run)
            run = []
        if len(cells) > 1:
            run.append(cells)
        bottom = line[0]["bottom"]
    yield from _table(run)


def _lines(words: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    line: list[dict[str, Any]] = []
    for word in sorted(words, key=lambda word: float(word["bottom"])):
        if line and word["bottom"] - line[0]["bottom"] > _SAME_LINE * (word["bottom"] - word["top"]):
            yield sorted(line, key=lambda word: float(word["x0"]))
            line = []
        line.append(word)
    if line:
        yield sorted(line, key=lambda word: float(word["x0"]))


def _cells(line: Sequence[dict[str, Any]]) -> list[_Cell]:
    cells: list[_Cell] = []
    for word in line:
        if cells and word["x0"] - cells[-1].right < _GAP * (word["bottom"] - word["top"]):
            cells[-1] = _Cell(cells[-1].left, word["x1"], f"{cells[-1].text} {word['text']}")
        else:
            cells.append(_Cell(word["x0"], word["x1"], word["text"]))
    return cells


def _table(run: Sequence[Sequence[_Cell]]) -> Iterator[str]:
    cells = [cell for line in run for cell in line]
    if len(run) < _LEAST_LINES or sum(len(cell.text) for cell in cells) > _MOST_PROSE * len(cells):
        return
    columns: list[tuple[float, float]] = []
    for cell in sorted(cells, key=lambda cell: cell.left):
        if columns and cell.left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], cell.right))
        else:
            columns.append((cell.left, cell.right))
    if all(len(line) == len(columns) for line in run):
        yield _markdown([cell.text for cell in line] for line in run)
    else:
        letter = median((cell.right - cell.left) / len(cell.text) for cell in cells)
        lines = "\n".join(_spaced(line, columns[0][0], letter) for line in run)
        yield f"```text\n{lines}\n```"


def _spaced(line: Sequence[_Cell], left: float, letter: float) -> str:
    """A line with its cells about where they stand on the page."""
    text = ""
    for cell in line:
        text = text.ljust(max(len(text) + 2 * bool(text), round((cell.left - left) / letter))) + cell.text
    return text
