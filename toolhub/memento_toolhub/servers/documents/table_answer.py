"""The answer to a query: as much of it as a message has room for, the rest as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from memento_toolhub.servers.documents.table_database import checked, readable_errors

if TYPE_CHECKING:
    import duckdb

MOST_NAME = 200
"""Characters that are shown of a column's name or type."""
_MOST_SHOWN_CHARS = 40_000  # of all rows, as JSON
_MOST_COLUMN_CHARS = 12_000  # of all columns, as JSON
_MOST_REST_CHARS = 5_000_000
_MOST_CELL_CHARS = 5_000
_FIELDS_CHARS = 24  # that JSON takes around a name and a type
_EXACT_INT = 2**53


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a query.

    Attributes:
        columns: name and type of each that is shown.
        left_out: columns after these, which only the rest has.
        rows: the first ones, as JSON values.
        seen: rows fetched.
        complete: whether those are all.
        rest: the rows after the first ones, or all where columns were left out, as CSV with a header; "" for none.
        cut_cells: cells that were shortened.
    """

    columns: tuple[tuple[str, str], ...]
    left_out: int
    rows: list[list[Any]]
    seen: int
    complete: bool
    rest: str
    cut_cells: int


def ask(connection: duckdb.DuckDBPyConnection, sql: str, max_rows: int, hint: str) -> Answer:
    """The answer of a locked database to one SELECT."""
    statement = checked(connection, sql, hint)
    with readable_errors("sql", hint):
        result = connection.execute(statement)
        columns = [(name, str(kind)) for name, kind, *_ in result.description or ()]
        shown = _shown_columns(columns)
        rest, pen = _Rest([name for name, _ in columns]), _Pen(len(shown), max_rows)
        whole = len(shown) == len(columns)
        seen, complete = 0, True
        for row in iter(result.fetchone, None):
            if not rest.room:
                complete = False
                break
            seen += 1
            if not pen.took(row) or not whole:
                rest.add(row)
    return Answer(tuple(shown), len(columns) - len(shown), pen.rows, seen, complete, rest.text, pen.cut)


def shortened(text: str, most: int = MOST_NAME) -> str:
    """A text up to a length."""
    return f"{text[:most]}…" if len(text) > most else text


def _shown_columns(columns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    shown: list[tuple[str, str]] = []
    left = _MOST_COLUMN_CHARS
    for name, kind in columns:
        column = shortened(name), shortened(kind)
        left -= _length(column) + _FIELDS_CHARS
        if left < 0:
            break
        shown.append(column)
    return shown


class _Pen:
    """The rows that are shown, and how many of their cells were too long."""

    def __init__(self, width: int, max_rows: int) -> None:
        self.rows: list[list[Any]] = []
        self.cut = 0
        self._width, self._max_rows, self._left = width, max_rows, _MOST_SHOWN_CHARS

    def took(self, row: Sequence[object]) -> bool:
        """Whether there was room for a row; the first is made to fit."""
        if not self._left or len(self.rows) == self._max_rows:
            return False
        values = [json_value(cell) for cell in row[: self._width]]
        made = [_cut(value, _MOST_CELL_CHARS) for value in values]
        if not self.rows and _length(made) > self._left:
            most = self._left // max(1, self._width) - 4
            made = [_cut(value, most) for value in values]
        length = _length(made)
        if self.rows and length > self._left:
            self._left = 0
            return False
        self._left = max(0, self._left - length)
        self.cut += sum(was is not now for was, now in zip(values, made, strict=True))
        self.rows.append(made)
        return True


def _cut(value: Any, most: int) -> Any:
    """A value that takes some characters of JSON at most, else the beginning of it as text."""
    if _length(value) <= most + 2:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text[:most]
    while _length(text) > most + 2:
        text = text[: len(text) * 3 // 4]
    return f"{text}…"


def _length(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False))


class _Rest:
    """Rows as CSV, up to a limit."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._file = io.StringIO()
        self._put = csv.writer(self._file, lineterminator="\n").writerow

    def add(self, row: Sequence[object]) -> None:
        if not self._file.tell():
            self._put(self._names)
        self._put("" if value is None else value for value in map(json_value, row))

    @property
    def room(self) -> bool:
        return self._file.tell() < _MOST_REST_CHARS

    @property
    def text(self) -> str:
        return self._file.getvalue()


def json_value(cell: object) -> Any:
    """A value of DuckDB as JSON has it: moments in ISO 8601, no NaN, integers and decimals exact or as text."""
    match cell:
        case None | bool() | str():
            return cell
        case int():
            return cell if abs(cell) <= _EXACT_INT else str(cell)
        case float():
            return cell if math.isfinite(cell) else None if math.isnan(cell) else str(cell)
        case Decimal():
            return float(cell) if cell.is_finite() and Decimal(repr(float(cell))) == cell else str(cell)
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
        case bytes():
            return cell.hex()
        case dict():
            return {str(json_value(key)): json_value(value) for key, value in cell.items()}
        case list() | tuple():
            return [json_value(value) for value in cell]
        case _:
            return str(cell)
