"""Tables in workbooks: one for each sheet, values as they were stored."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.documents.table_cells import Row, column_type, from_sheet
from memento_toolhub.servers.documents.table_grid import LOOKED_AT, Merged
from memento_toolhub.servers.documents.table_layout import Layout, Reading, header_of, write_rows

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

MOST_CELLS = 20_000_000
"""Of one sheet, blank ones between others included."""
_MOST_SHEETS = 200
_NO_VALUE = re.compile(rb'<c (?![^>]*t="str")[^>]*><f[^>]*>[^<]*</f>(?:<v ?/>|<v></v>)?</c>')
_NUMBERS_AND_TEXT = frozenset({"text", "number", "whole number"})
_BLOCK = 1 << 20


def open_book(path: Path) -> CalamineWorkbook:
    """The workbook in a file.

    Raises:
        ToolError: if it is encrypted or damaged.
    """
    from python_calamine import CalamineWorkbook, PasswordError

    with _damage_named(f"{path.name} is a damaged workbook"):
        try:
            return CalamineWorkbook.from_path(path)
        except PasswordError as error:
            raise ToolError(f"path: {path.name} is an encrypted workbook; ask for a copy without a password") from error


@contextmanager
def _damage_named(what: str) -> Iterator[None]:
    """Calamine's errors as errors of a tool, its panics too, which are no Exception and have no class to import."""
    from python_calamine import CalamineError

    try:
        yield
    except (CalamineError, OSError) as error:
        raise ToolError(f"path: {what} ({error}); get it anew") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ToolError(f"path: {what}; get it anew") from error


def lay_out(path: Path, reading: Reading, folder: Path) -> Iterator[tuple[str, Layout]]:
    """Write each sheet that has cells to a plain CSV file; with the sheet's name."""
    book = open_book(path)
    if len(book.sheet_names) > _MOST_SHEETS:
        raise ToolError(f"path: {path.name} has {len(book.sheet_names)} sheets; {_MOST_SHEETS} are the most")
    for number, about in enumerate(book.sheets_metadata):
        if "Chart" in str(about.typ):
            continue
        with _damage_named(f"sheet {number + 1} of {path.name} is damaged"):
            sheet = book.get_sheet_by_index(number)
        if sheet.start is None:
            continue
        if sheet.height * sheet.width > MOST_CELLS:
            raise ToolError(
                f"path: sheet {about.name} of {path.name} spans {sheet.height} rows and {sheet.width} columns; "
                f"{MOST_CELLS:,} cells are the most: save the part that is needed as CSV"
            )
        layout = _lay_out_sheet(sheet, reading, folder / f"{number}.csv")
        yield about.name, layout.noting("hidden sheet") if "Hidden" in str(about.visible) else layout


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


def formulas_without_value(path: Path) -> int:
    """How many formulas of an Excel file no program has computed yet, so that their cells read as empty."""
    if not zipfile.is_zipfile(path):
        return 0
    with zipfile.ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
        return sum(_count(archive, name) for name in sheets)


def _count(archive: zipfile.ZipFile, name: str) -> int:
    found, before = 0, b""
    with archive.open(name) as sheet:
        while block := sheet.read(_BLOCK):
            text = before + block
            end = text.rfind(b"</c>") + 4
            if end < 4:
                before = text[-_BLOCK:]
                continue
            found += len(_NO_VALUE.findall(text, 0, end))
            before = text[end:]
    return found
