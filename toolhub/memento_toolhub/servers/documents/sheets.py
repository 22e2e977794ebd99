"""Workbooks of Excel and OpenDocument: opened for both kinds of tools, and sheet by sheet as Markdown tables."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from memento_toolhub.servers.documents.document import Document, Source, UnreadableError
from memento_toolhub.servers.documents.pages import chosen, deeper, gathered
from memento_toolhub.servers.documents.sheet_asides import asides
from memento_toolhub.servers.documents.table_grid import letter

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

BOOKS = frozenset({"xlsx", "xlsb", "xls", "ods"})
MOST_ROWS = 5_000
"""Of one sheet; more is for SQL."""
_MOST_SHEET_CHARS = 500_000
_BLOCK = 1 << 20
_NO_VALUE = re.compile(rb'<c (?![^>]*t="str")[^>]*><f[^>]*>[^<]*</f>(?:<v ?/>|<v></v>)?</c>')


def opened_book(source: Source) -> CalamineWorkbook:
    """The workbook in a file.

    Raises:
        UnreadableError: if it is encrypted or damaged.
    """
    from python_calamine import CalamineWorkbook, PasswordError

    try:
        with _damage_named(f"{source.name} is a damaged workbook"):
            return CalamineWorkbook.from_filelike(source.whole())
    except PasswordError as error:
        raise UnreadableError(f"{source.name} is an encrypted workbook; ask for a copy without a password") from error


def sheet_at(book: CalamineWorkbook, at: int, file: str) -> CalamineSheet:
    """A sheet with its cells.

    Raises:
        UnreadableError: if it is damaged.
    """
    with _damage_named(f"sheet {at + 1} of {file} is damaged"):
        return book.get_sheet_by_index(at)


@contextmanager
def _damage_named(what: str) -> Iterator[None]:
    """Calamine's errors in words, its panics too, which are no Exception and have no class to import."""
    from python_calamine import CalamineError, PasswordError

    try:
        yield
    except PasswordError:
        raise
    except (CalamineError, OSError) as error:
        raise UnreadableError(f"{what} ({error}); get it anew") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableError(f"{what}; get it anew") from error


def formula_notes(source: Source) -> list[str]:
    """What to say of an Excel file with formulas that no program has computed yet: their cells read as empty."""
    if not zipfile.is_zipfile(source.whole()):
        return []
    with zipfile.ZipFile(source.whole()) as archive:
        sheets = [name for name in archive.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
        missing = sum(_count(archive, name) for name in sheets)
    return [
        f"{source.name}: {missing} formulas have no stored value and read as empty; open the file in a spreadsheet "
        "program and save it, then they have"
    ] * bool(missing)


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


def is_hidden(about: object) -> bool:
    """Whether a sheet's metadata says that it is not shown."""
    return "Hidden" in str(getattr(about, "visible", ""))


def read(source: Source, pages: str) -> Document:
    """The sheets asked for, by number or name."""
    book, notes = opened_book(source), [*formula_notes(source), *asides(source)]
    names = book.sheet_names
    wanted = chosen(pages, len(names), "sheet", names)
    found = gathered("sheet", len(names), wanted, (_sheet(book, number - 1, source.name, notes) for number in wanted))
    listed = ", ".join(f"{at} {name}" for at, name in enumerate(names, 1))
    return replace(found, notes=(*found.notes, *notes, f"sheets: {listed}"))


def _sheet(book: CalamineWorkbook, at: int, file: str, notes: list[str]) -> str:
    about = book.sheets_metadata[at]
    title = f"Sheet: {about.name}" + " (hidden)" * is_hidden(about)
    sheet = sheet_at(book, at, file)
    if sheet.start and sheet.start != (0, 0):
        notes.append(f"sheet {about.name} begins at cell {letter(sheet.start[1])}{sheet.start[0] + 1}")
    rows = sheet.to_python(skip_empty_area=True, nrows=MOST_ROWS + 1)
    table, shown = markdown_table(([_cell(value) for value in row] for row in rows), _MOST_SHEET_CHARS)
    if shown < sheet.height:
        notes.append(f"sheet {about.name}: the first {shown} of {sheet.height} rows; ask query_table for the others")
    return deeper(title, table or "(empty)")


def markdown_table(rows: Iterable[list[str]], most_chars: int) -> tuple[str, int]:
    """Rows as a Markdown table, the first as its head, and how many are in it."""
    lines: list[str] = []
    count = length = width = 0
    for row in rows:
        if count == MOST_ROWS or length > most_chars:
            break
        width = width or len(row)
        cells = [*row, *[""] * (width - len(row))]
        line = f"| {' | '.join(map(_escaped, cells))} |"
        lines.append(line)
        if not count:
            lines.append("|" + " --- |" * width)
        count += 1
        length += len(line)
    return "\n".join(lines), count


def _escaped(cell: str) -> str:
    return "<br>".join(cell.replace("|", "\\|").split("\n")) if "|" in cell or "\n" in cell else cell


def _cell(value: object) -> str:
    """A value as a person would write it: whole numbers without a point, moments as ISO 8601."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, bool):
        return str(value).upper()
    return str(value)
