"""Which tables a file holds, told by its content, and how each of them is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.documents import containers, table_sheets, table_text
from memento_toolhub.servers.documents.document import Source
from memento_toolhub.servers.documents.kinds import is_text
from memento_toolhub.servers.documents.table_database import Draft, readable_errors
from memento_toolhub.servers.documents.table_layout import Layout, Reading
from memento_toolhub.servers.documents.table_sql import literal

if TYPE_CHECKING:
    import duckdb

MOST_BYTES = 2_000_000_000
MOST_BOOK_BYTES = 200_000_000
_SAMPLE = 4096
_BOOKS = ("xlsx", "xls", "xlsb", "ods")
_READ = "list_tables reads XLSX, XLS, XLSB, ODS, CSV, TSV, JSON lines and Parquet"
_UNREAD = {
    b"%PDF-": "a PDF; read_document reads it",
    b"\x1f\x8b": "a gzip file; unpack it first",
    b"SQLite format 3\0": "an SQLite database, which is not read; save its tables as CSV",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; read_document lists what is in it",
    b"Rar!": "a RAR archive; unpack it first",
}


@dataclass(frozen=True, slots=True)
class TableFile:
    """The tables of a file, read one after the other.

    Attributes:
        drafts: of the tables; each may use files of the folder given until the next is asked for.
        notes: what is to be known of the whole file.
    """

    drafts: Iterable[Draft]
    notes: Sequence[str] = ()


def opened(connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading, folder: Path) -> TableFile:
    """The tables of a file.

    Raises:
        ToolError: if it holds none that can be read, is too large, encrypted or damaged.
    """
    kind = kind_of(path)
    if kind in _BOOKS:
        missing = table_sheets.formulas_without_value(path) if kind == "xlsx" else 0
        notes = [
            f"{path.name}: {missing} formulas have no stored value and read as empty; open the file in a spreadsheet "
            "program and save it, then they have"
        ]
        return TableFile(_sheets(path, reading, folder), notes * bool(missing))
    if kind == "text":
        return TableFile(_text(connection, path, reading, folder))
    reader = {"json": "read_json({}, sample_size=-1)", "parquet": "read_parquet({})"}[kind]
    scan = f"SELECT * FROM {reader.format(literal(str(path)))}"
    return TableFile([Draft(path.stem, (path.name,), path.name, scan)])


def kind_of(path: Path) -> str:
    """One of xlsx, xls, xlsb, ods, parquet, json and text.

    Raises:
        ToolError: if it is none of them or too large, or a bomb.
    """
    size = path.stat().st_size
    if size == 0:
        raise ToolError(f"path: {path.name} is empty (0 bytes)")
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
        source = Source(file, path.name, size)
        kind = _of_head(head, path.name) or _of_container(source, "zip" if head.startswith(b"PK") else "ole")
    most = MOST_BOOK_BYTES if kind in _BOOKS else MOST_BYTES
    if size > most:
        raise ToolError(f"path: {path.name} has {size:,} bytes; {most:,} are the most: split it, or save sheets as CSV")
    return kind


def _of_head(head: bytes, name: str) -> str:
    for start, reason in _UNREAD.items():
        if head.startswith(start):
            raise ToolError(f"path: {name} is {reason}")
    if head.startswith((b"PK\3\4", b"PK\5\6", b"\xd0\xcf\x11\xe0")):
        return ""
    if head.startswith(b"PAR1"):
        return "parquet"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200]
    if start.startswith(b"<"):
        raise ToolError(f"path: {name} is HTML or XML, whatever its name; read_document reads it")
    if start.startswith((b"{", b"[{")) or (start.startswith(b"[") and name.lower().endswith(".json")):
        return "json"
    if not is_text(head):
        raise ToolError(f"path: {name} is a binary file, no table; {_READ}")
    return "text"


def _of_container(source: Source, container: str) -> str:
    try:
        kind = {"zip": containers.zip_kind, "ole": containers.ole_kind}[container](source)
    except ToolError as error:
        raise ToolError(str(error).replace("path_or_url:", "path:", 1)) from error
    if kind not in _BOOKS:
        raise ToolError(f"path: {source.name} is {kind}, no workbook; {_READ}")
    return kind


def _sheets(path: Path, reading: Reading, folder: Path) -> Iterator[Draft]:
    for name, layout in table_sheets.lay_out(path, reading, folder):
        yield Draft(name, (), f"sheet {name!r} of {path.name}", layout.scan, layout.notes)


def _text(connection: duckdb.DuckDBPyConnection, path: Path, reading: Reading, folder: Path) -> Iterator[Draft]:
    layout = table_text.lay_out(path, reading, folder / "table.csv")
    scan, notes = _typed(connection, layout, path.name)
    yield Draft(path.stem, (path.name,), path.name, scan, (*layout.notes, *notes))


def _typed(connection: duckdb.DuckDBPyConnection, layout: Layout, name: str) -> tuple[str, list[str]]:
    """The reading of a text table with the types that hold for all its rows, and how dates were read."""
    if not layout.rows:
        return layout.guessed_scan({f"c{at}": "VARCHAR" for at in range(len(layout.header.names))}, {}), []
    with readable_errors(f"path: {name}"):
        columns, day, moment = connection.execute(
            f"SELECT Columns, DateFormat, TimestampFormat FROM {layout.sniffer}"
        ).fetchall()[0]
    types = {column["name"]: column["type"] for column in columns}
    formats = {key: value for key, value in (("dateformat", day), ("timestampformat", moment)) if value}
    unusual = [form for form in formats.values() if not form.startswith("%Y")]
    return layout.guessed_scan(types, formats), [f"dates were read as {form}" for form in unusual]
