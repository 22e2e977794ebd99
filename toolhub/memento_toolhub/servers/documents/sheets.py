"""Workbooks of Excel and OpenDocument, sheet by sheet, as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.documents.choice import chosen
from memento_toolhub.servers.documents.document import Document, Source, deeper, gathered

MOST_ROWS = 5_000
"""Of one sheet; more is for SQL."""
_MOST_SHEET_CHARS = 500_000


def read(source: Source, pages: str) -> Document:
    """The sheets asked for, by number or name."""
    from python_calamine import CalamineWorkbook, PasswordError

    try:
        book = CalamineWorkbook.from_filelike(source.whole())
    except PasswordError as error:
        raise ToolError(
            f"path_or_url: {source.name} is an encrypted workbook; ask for a copy without a password"
        ) from error
    hidden = {sheet.name for sheet in book.sheets_metadata if "Hidden" in str(sheet.visible)}
    wanted = chosen(pages, len(book.sheet_names), "sheet", book.sheet_names)
    notes: list[str] = []
    parts = (_sheet(book, number - 1, hidden, notes) for number in wanted)
    found = gathered("sheet", len(book.sheet_names), wanted, parts)
    names = ", ".join(f"{at} {name}" for at, name in enumerate(book.sheet_names, 1))
    return replace(found, notes=(*found.notes, *notes, f"sheets: {names}"))


def _sheet(book: Any, at: int, hidden: set[str], notes: list[str]) -> str:
    name = book.sheet_names[at]
    title = f"Sheet: {name}" + (" (hidden)" if name in hidden else "")
    sheet = book.get_sheet_by_index(at)
    rows = sheet.to_python(skip_empty_area=True, nrows=MOST_ROWS + 1)
    table, shown = markdown_table(([_cell(value) for value in row] for row in rows), _MOST_SHEET_CHARS)
    if shown < sheet.height:
        notes.append(f"sheet {name}: the first {shown} of {sheet.height} rows; ask query_table for the others")
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
