"""Tables in workbooks: one for each sheet, values as they were stored."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from memento_toolhub.servers.documents.document import Source, UnreadableError
from memento_toolhub.servers.documents.sheets import is_hidden, opened_book, sheet_at
from memento_toolhub.servers.documents.table_cells import Row, column_type, from_sheet
from memento_toolhub.servers.documents.table_grid import LOOKED_AT, Merged
from memento_toolhub.servers.documents.table_layout import Layout, Reading, header_of, write_rows

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

MOST_CELLS = 20_000_000
"""Of one sheet, blank ones between others included."""
_MOST_SHEETS = 200
_NUMBERS_AND_TEXT = frozenset({"text", "number", "whole number"})


def lay_out(source: Source, reading: Reading, folder: Path) -> Iterator[tuple[str, Layout]]:
    """Write each sheet that has cells to a plain CSV file; with the sheet's name."""
    book = opened_book(source)
    if len(book.sheet_names) > _MOST_SHEETS:
        raise UnreadableError(f"{source.name} has {len(book.sheet_names)} sheets; {_MOST_SHEETS} are the most")
    for number, about in enumerate(book.sheets_metadata):
        if "Chart" in str(about.typ):
            continue
        sheet = sheet_at(book, number, source.name)
        if sheet.start is None:
            continue
        if sheet.height * sheet.width > MOST_CELLS:
            raise UnreadableError(
                f"sheet {about.name} of {source.name} spans {sheet.height} rows and {sheet.width} columns; "
                f"{MOST_CELLS:,} cells are the most: save the part that is needed as CSV"
            )
        layout = _lay_out_sheet(sheet, reading, folder / f"{number}.csv")
        yield about.name, layout.noting("hidden sheet") if is_hidden(about) else layout


def _lay_out_sheet(sheet: CalamineSheet, reading: Reading, target: Path) -> Layout:
    merged = Merged.of(sheet.merged_cell_ranges or ())
    head = list(islice(_rows(sheet), max(LOOKED_AT, reading.header_row)))
    header = header_of(head, reading.header_row, _width(sheet), merged)
    layout = write_rows(_rows(sheet), header, target, keep_blank=reading.keeps_blank, merged=merged, count=True)
    repeated = any(row >= header.first for row, _ in merged.down)
    mixed = [
        f"{name} mixes {' and '.join(f'{n} {kind}' for kind, n in kinds.most_common())}: read as text"
        for name, kinds in zip(header.names, layout.kinds, strict=True)
        if not _NUMBERS_AND_TEXT.issuperset(kinds) and column_type(kinds) == "VARCHAR"
    ]
    return layout.noting(*["texts of merged cells stand in each row that they span"] * repeated, *mixed[:20])


def _width(sheet: CalamineSheet) -> int:
    """Columns from the first on; calamine's own total_width leaves the last one out."""
    return sheet.end[1] + 1 if sheet.end else 0


def _rows(sheet: CalamineSheet) -> Iterator[Row]:
    """All rows from the sheet's first on, each from its first column on."""
    before = [None] * (sheet.start[1] if sheet.start else 0)
    for row in sheet.iter_rows():
        yield [*before, *map(from_sheet, row)]
