"""Tables laid out as plain CSV files, which DuckDB reads without guessing."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from memento_toolhub.servers.documents.document import UnreadableError
from memento_toolhub.servers.documents.table_cells import Cell, Row, column_type, kind, written
from memento_toolhub.servers.documents.table_database import literal, quoted
from memento_toolhub.servers.documents.table_grid import Header, Merged, find_header, letter, letters, named_by
from memento_toolhub.servers.kit.call_error import CallError

MOST_WRITTEN = 2_000_000_000
"""Bytes of one laid-out table."""
FIND_HEADER = -1
NO_HEADER = 0
_MOST_OTHERS = 5  # further tables of a sheet that are named
_LEAST_LINE = 2_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """How files shall be read.

    Attributes:
        header_row: the row that holds the column names, counted from 1; or FIND_HEADER, or NO_HEADER.
        encoding: Python's name of the encoding of text files; "" to find it.
    """

    header_row: int = FIND_HEADER
    encoding: str = ""

    @property
    def keeps_blank(self) -> bool:
        """Whether each row and column keeps its place."""
        return self.header_row == NO_HEADER


@dataclass(frozen=True, slots=True)
class Layout:
    """A table in a file of comma-separated fields, doubled quotes, no header, empty for no value.

    Attributes:
        path: of the file.
        header: names of the columns.
        kinds: how many cells of each kind a column has; empty where nobody counted.
        rows: how many there are.
        widest: fields of the longest row met.
        uneven: rows with another number of fields than there are names.
        longest: characters of the longest row.
        notes: what the reader should know.
    """

    path: Path
    header: Header
    kinds: tuple[Counter[str], ...] = ()
    rows: int = 0
    widest: int = 0
    uneven: int = 0
    longest: int = 0
    notes: tuple[str, ...] = ()

    def noting(self, *notes: str) -> Layout:
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    @property
    def scan(self) -> str:
        """The SQL that reads the columns with the types counted, without those that have neither name nor value."""
        types = {f"c{at}": column_type(kinds) for at, kinds in enumerate(self.kinds)}
        return f"SELECT {self._named(self._kept())} FROM {self.reader(types)}"

    def guessed_scan(self, types: Mapping[str, str], formats: Mapping[str, str]) -> str:
        """The SQL that reads the columns with types and formats that were found otherwise."""
        return f"SELECT {self._named(range(len(self.header.names)))} FROM {self.reader(types, formats)}"

    def reader(self, types: Mapping[str, str], formats: Mapping[str, str] | None = None) -> str:
        """The call of DuckDB's reader, columns called c0, c1 and so on."""
        columns = ", ".join(f"{name}: {literal(sql)}" for name, sql in types.items())
        others = "".join(f", {key}={literal(value)}" for key, value in (formats or {}).items())
        return f"read_csv({self.source}, auto_detect=false, columns={{{columns}}}{others})"

    @property
    def sniffer(self) -> str:
        """The call of DuckDB's guessing over all rows."""
        names = ", ".join(literal(f"c{at}") for at in range(len(self.header.names)))
        return f"sniff_csv({self.source}, sample_size=-1, names=[{names}])"

    @property
    def source(self) -> str:
        """The file and its dialect, as arguments of DuckDB's functions."""
        line = max(_LEAST_LINE, self.longest * 4 + 1000)
        dialect = """delim=',', quote='"', escape='"', comment='', header=false, skip=0, nullstr='', new_line='\\n'"""
        return f"{literal(str(self.path))}, {dialect}, max_line_size={line}"

    def _kept(self) -> list[int]:
        if not self.header.found and self.header.first == 0:
            return list(range(len(self.header.names)))
        named = {at for at, name in enumerate(self.header.names) if name != f"column_{letter(at)}"}
        return [at for at, kinds in enumerate(self.kinds) if kinds or (self.header.found and at in named)]

    def _named(self, kept: Iterable[int]) -> str:
        return ", ".join(f"c{at} AS {quoted(self.header.names[at])}" for at in kept)


def header_of(head: Sequence[Row], header_row: int, width: int, merged: Merged | None = None) -> Header:
    """The header asked for: the row found (-1), none (0), or a row counted from 1.

    Raises:
        CallError: if there is no such row among the first.
    """
    if header_row == FIND_HEADER:
        return find_header(head[:60], width, merged)
    if header_row == NO_HEADER:
        return Header(0, letters(width), False)
    if header_row > len(head):
        raise CallError(f"header_row: a table has only {len(head)} rows; give a row from 1 to {len(head)}, 0 or -1")
    return named_by(head, [header_row - 1], width, merged)


def write_rows(
    rows: Iterable[Row],
    header: Header,
    target: Path,
    *,
    keep_blank: bool,
    merged: Merged | None = None,
    count: bool = False,
) -> Layout:
    """Write the rows below the header, all as wide as it is, without blank ones, labels of merged cells repeated."""
    width = len(header.names)
    pen = _Pen(width, tuple(Counter() for _ in range(width)) if count else ())
    labels = _Labels(merged or Merged())
    others: list[tuple[int, int]] = []
    after_blank = False
    with target.open("w", encoding="utf-8", newline="") as file:
        put = csv.writer(file, lineterminator="\n").writerow
        for at, met in enumerate(rows):
            if at < header.first:
                continue
            row = labels.repeated(at, met)
            filled = any(cell is not None and cell != "" for cell in row)
            if filled and after_blank and header.found and pen.is_head(row):
                others.append((at + 1, pen.rows))
            after_blank = not filled
            if keep_blank or filled:
                put(pen.fields(row))
                pen.check(file)
    shown = f"row {header.rows[0] + 1}" if len(header.rows) == 1 else f"rows {[at + 1 for at in header.rows]}"
    notes = [f"column names: {shown}" if header.found else "no column names found: columns are called by letters"]
    notes += [
        f"another table seems to begin in row {row}: header_row={row} reads it; the rows before it are rowid < {count}"
        for row, count in others[:_MOST_OTHERS]
    ]
    if pen.uneven:
        notes.append(f"rows with more or fewer fields than {width}: {pen.uneven}")
    return Layout(target, header, pen.kinds, pen.rows, pen.widest, pen.uneven, pen.longest, tuple(notes))


@dataclass(slots=True)
class _Pen:
    """Counts what is written."""

    width: int
    kinds: tuple[Counter[str], ...]
    rows: int = 0
    widest: int = 0
    uneven: int = 0
    longest: int = 0

    def fields(self, row: Row) -> list[str]:
        self.rows += 1
        size = len(row)
        self.widest = max(self.widest, size)
        self.uneven += size != self.width
        if self.kinds:
            for counter, cell in zip(self.kinds, row, strict=False):
                if cell is not None:
                    counter[kind(cell)] += 1
            texts = list(map(written, row))
        else:
            texts = list(map(str, row))
        if size != self.width:
            texts = [*texts[: self.width], *[""] * (self.width - size)]
        self.longest = max(self.longest, sum(map(len, texts)) + 3 * self.width)
        return texts

    def is_head(self, row: Row) -> bool:
        """Whether a row has labels only, one at least below cells that so far are all numbers or dates."""
        filled = [at for at, cell in enumerate(row) if cell is not None]
        return (
            len(filled) > 1
            and all(isinstance(row[at], str) for at in filled)
            and any(kinds and "text" not in kinds for kinds in (self.kinds[at] for at in filled if self.kinds))
        )

    def check(self, file: TextIO) -> None:
        if self.rows % 10_000 == 0 and file.tell() > MOST_WRITTEN:
            raise UnreadableError(f"a table is larger than {MOST_WRITTEN:,} bytes as text; split the file first")


class _Labels:
    """Texts of cells merged over several rows, which belong to all of them."""

    def __init__(self, merged: Merged) -> None:
        self._down = merged.down
        self._columns = sorted({column for _, column in merged.down})
        self._open: dict[int, tuple[int, Cell]] = {}

    def repeated(self, at: int, row: Row) -> Row:
        """A row with the labels that reach into it."""
        if not self._columns:
            return row
        cells = list(row)
        for column in self._columns:
            if (last := self._down.get((at, column))) is not None and column < len(cells):
                self._open[column] = (last, cells[column])
            last, label = self._open.get(column, (-1, None))
            if at <= last and column < len(cells) and cells[column] is None and isinstance(label, str):
                cells[column] = label
        return cells
