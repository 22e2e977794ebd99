"""Cells of sheets and text files: what they hold, and how that is handed to DuckDB."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

Cell: TypeAlias = bool | int | float | str | date | datetime | time | timedelta | None
Row: TypeAlias = Sequence[Cell]
_EXACT_INT = 2**53
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([ T]\d.*)?|\d\d?[./-]\d\d?[./-](\d\d|\d{4})")
_DURATION = re.compile(r"PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S")


def from_sheet(value: object) -> Cell:
    """A cell as calamine gives it: blank text is no value, and OpenDocument writes durations as text."""
    if isinstance(value, str):
        if not value.strip():
            return None
        if found := _DURATION.fullmatch(value):
            hours, minutes, seconds = map(int, found.groups())
            return timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return value
    if isinstance(value, bool | int | float | date | time | timedelta):
        return value
    return None if value is None else str(value)


def from_text(field: str) -> Cell:
    """A field of a text file with the kind it seems to have; a date is only known to be one."""
    field = field.strip()
    if _NUMBER.fullmatch(field) and len(field) < 300:
        return float(field)
    if _DATE.fullmatch(field):
        return date.min
    return field or None


def column_type(kinds: Mapping[str, int]) -> str:
    """The SQL type that holds every kind of cell counted in a column; text where kinds differ."""
    kinds_ = frozenset(kinds)
    for fitting, sql in _TYPES:
        if kinds_ <= fitting:
            return sql
    return "VARCHAR"


_TYPES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset(), "VARCHAR"),
    (frozenset({"boolean"}), "BOOLEAN"),
    (frozenset({"whole number"}), "BIGINT"),
    (frozenset({"whole number", "number"}), "DOUBLE"),
    (frozenset({"date"}), "DATE"),
    (frozenset({"date", "date and time"}), "TIMESTAMP"),
    (frozenset({"time"}), "TIME"),
    (frozenset({"duration"}), "INTERVAL"),
)


def kind(cell: Cell) -> str:
    """What a filled cell holds, in words."""
    match cell:
        case bool():
            return "boolean"
        case int() | float():
            return "whole number" if abs(cell) <= _EXACT_INT and cell == int(cell) else "number"
        case datetime():
            return "date and time"
        case date():
            return "date"
        case time():
            return "time"
        case timedelta():
            return "duration"
        case _:
            return "text"


def written(cell: Cell) -> str:
    """A cell as DuckDB reads it from CSV, whatever the type of its column."""
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case float() if abs(cell) <= _EXACT_INT and cell.is_integer():
            return str(int(cell))
        case datetime():
            return cell.isoformat(" ")
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return _hours(cell)
        case _:
            return str(cell)


def _hours(duration: timedelta) -> str:
    seconds, micros = divmod(abs(duration) // timedelta(microseconds=1), 1_000_000)
    sign = "-" if duration < timedelta(0) else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}" + (f".{micros:06}" if micros else "")
