"""Rows of cells as people lay them out, and where the table in them begins: column names and merged labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from memento_toolhub.servers.documents.table_cells import Cell, Row

LOOKED_AT = 60
"""Rows in which the column names are looked for."""
_MOST_NAME = 100


@dataclass(frozen=True, slots=True)
class Header:
    """Where a table starts.

    Attributes:
        first: index of the first row that holds data.
        names: one per column, unique whatever their case.
        found: whether a row of names was found, or given.
        rows: indexes of the rows that hold the names.
    """

    first: int
    names: tuple[str, ...]
    found: bool
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged cells of a sheet, indexes from 0.

    Attributes:
        down: last row of a range, by the row and column of its first cell.
        right: last column of a range, by the row and column of its first cell.
    """

    down: Mapping[tuple[int, int], int] = field(default_factory=dict)
    right: Mapping[tuple[int, int], int] = field(default_factory=dict)

    @classmethod
    def of(cls, ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> Merged:
        """Of ranges as (first row, first column), (last row, last column)."""
        ranges = list(ranges)
        return cls(
            {first: last[0] for first, last in ranges if last[0] > first[0]},
            {first: last[1] for first, last in ranges if last[1] > first[1]},
        )


def find_header(rows: Sequence[Row], width: int, merged: Merged | None = None) -> Header:
    """The row of column names in the first rows of a sheet or file, or columns called by their letters.

    It is the first row that is about as full as the table and holds labels only; a full row of data met before it ends
    the search. Titles and remarks above it fill fewer cells. Names over merged cells are joined with those below them.
    """
    merged = merged or Merged()
    rows = _without_strays(rows)
    usual = _usual(rows)
    for index, row in enumerate(rows):
        full = _filled(row) >= 0.9 * usual
        if _filled(row) < max(min(2, usual), 0.6 * usual):
            continue
        below = next((below for below in rows[index + 1 :] if _filled(below)), ())
        if _labels(row, below if full else row):
            return named_by(rows, _name_rows(rows, index, merged), width, merged)
        if full:
            break
    start = next((index for index, row in enumerate(rows) if _filled(row)), 0)
    return Header(start, letters(width), False)


def named_by(rows: Sequence[Row], name_rows: Sequence[int], width: int, merged: Merged | None = None) -> Header:
    """The header that some rows make, the upper ones' names before the lower ones'."""
    merged = merged or Merged()
    parts = [_spread(rows, index, width, merged) for index in name_rows]
    parts[-1] = [name(cell) for cell in _padded(rows[name_rows[-1]], width)]
    joined = [" ".join(dict.fromkeys(part for part in column if part)) for column in zip(*parts, strict=True)]
    return Header(name_rows[-1] + 1, unique(joined), True, tuple(name_rows))


def _name_rows(rows: Sequence[Row], index: int, merged: Merged) -> list[int]:
    """The row found and, where merged cells group columns, the other row that belongs to it."""
    after = next((below for below in rows[index + 2 : index + 3] if _filled(below)), ())
    groups = _grouping(rows, index, merged)
    if groups and index + 1 < len(rows) and _filled(rows[index + 1]) >= 2 and _labels(rows[index + 1], after):
        return [index, index + 1]
    if index and _grouping(rows, index - 1, merged) and _filled(rows[index - 1]) >= 2:
        return [index - 1, index]
    return [index]


def _grouping(rows: Sequence[Row], index: int, merged: Merged) -> bool:
    return any((index, column) in merged.right for column in range(len(rows[index])))


def _spread(rows: Sequence[Row], index: int, width: int, merged: Merged) -> list[str]:
    names = [name(cell) for cell in _padded(rows[index], width)]
    for column in range(width):
        for covered in range(column + 1, min(merged.right.get((index, column), column) + 1, width)):
            names[covered] = names[column]
    return names


def _usual(rows: Sequence[Row]) -> int:
    """Cells that most rows fill, of those that fill more than one."""
    counts = Counter(filled for filled in map(_filled, rows) if filled > 1)
    return max(counts, key=lambda filled: (counts[filled], filled), default=1)


def _without_strays(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows without lone values, no texts or years, right of a blank column: sums that people put aside."""
    columns = Counter(column for row in rows for column, cell in enumerate(row) if cell is not None)
    strays = {column for column, filled in columns.items() if column > 2 and filled == 1 and not columns[column - 1]}
    strays -= {column for row in rows for column, cell in enumerate(row) if isinstance(cell, str) or _period(cell)}
    if not strays or sum(map(bool, map(_filled, rows))) < 3:
        return rows
    return [[None if column in strays else cell for column, cell in enumerate(row)] for row in rows]


def _filled(row: Row) -> int:
    return sum(cell is not None for cell in row)


def _labels(row: Row, below: Row) -> bool:
    """Whether all cells can be names: text, or years and dates after a text where the row below has none there."""
    filled = [(column, cell) for column, cell in enumerate(row) if cell is not None]
    if not filled or not isinstance(filled[0][1], str):
        return False
    return all(
        isinstance(cell, str) or (_period(cell) and not _period(below[column] if column < len(below) else None))
        for column, cell in filled
    )


def _period(cell: Cell) -> bool:
    year = isinstance(cell, int | float) and not isinstance(cell, bool) and cell == int(cell) and 1800 <= cell <= 2200
    return year or isinstance(cell, date)


def name(cell: Cell) -> str:
    """A cell as the name of a column: one line of text."""
    if isinstance(cell, datetime) and cell.time() == time():
        cell = cell.date()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else " ".join(str(cell).split())[:_MOST_NAME]


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, the empty ones by their letter and the repeated ones numbered."""
    taken: set[str] = set()
    result = []
    for index, given in enumerate(names):
        wanted = given or f"column_{letter(index)}"
        made, number = wanted, 1
        while made.casefold() in taken:
            number += 1
            made = f"{wanted}_{number}"
        taken.add(made.casefold())
        result.append(made)
    return tuple(result)


def letter(index: int) -> str:
    """The letters of a column, as spreadsheets show them: 0 is A, 26 is AA."""
    letters_ = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters_ = chr(65 + rest) + letters_
    return letters_


def letters(width: int) -> tuple[str, ...]:
    """The letters of the first columns."""
    return tuple(map(letter, range(width)))


def _padded(row: Row, width: int) -> list[Cell]:
    return [*row[:width], *[None] * (width - len(row))]
