"""The tools over tables: which ones files hold, and SQL over them."""

from __future__ import annotations

import codecs
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from memento_toolhub.servers.documents import table_work
from memento_toolhub.servers.documents.places import Place, split
from memento_toolhub.servers.documents.table_answer import MOST_NAME, Answer, shortened
from memento_toolhub.servers.documents.table_layout import FIND_HEADER, Reading
from memento_toolhub.servers.kit.apart import Bounds, run_apart
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.options import Options
from memento_toolhub.servers.kit.rest import Rests

_BOUNDS = Bounds(seconds=180, memory_mb=6144)
_MOST_FILES = 20
_MOST_CHARS = 40_000
_MOST_BARE_CHARS = 15_000  # of tables without their columns, beyond those
_MOST_COLUMNS = (200, 50, 10, 0)  # shown of a table; the first that fits
_MOST_NOTE = 500
_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

TablePath = Annotated[
    str,
    Field(
        description="XLSX, XLS, XLSB, ODS, CSV, TSV, JSON, JSON lines or Parquet file; one in an archive as "
        "pack.zip!/data.csv"
    ),
]
MorePaths = Annotated[
    list[str], Field(max_length=_MOST_FILES - 1, description="further files, to join their tables with those of path")
]
HeaderRow = Annotated[
    int,
    Field(
        ge=-1,
        le=1000,
        description="row that holds the column names, counted from 1; -1: find it; 0: none, so that columns are called "
        "A, B, C, no blank row is left out and rowid + 1 is the row number (for sheets that are no plain table)",
    ),
]


Encoding = Annotated[
    str,
    Field(
        max_length=40, description="of text files, such as cp1252, where the notes show a wrong guess; empty: find it"
    ),
]


class Column(BaseModel):
    """A column of a table."""

    name: str = Field(description="as SQL has to write it, in double quotes where needed")
    type: str = Field(description="DuckDB's type")


class Table(BaseModel):
    """A table that query_table can ask."""

    name: str = Field(description="as SQL has to write it")
    origin: str = Field(description="the sheet or file it comes from")
    rows: int = Field(description="number of rows")
    columns: list[Column]
    sample: list[list[Any]] = Field(description="the first rows, long texts shortened")
    notes: list[str] = Field(description="what was guessed or is unusual")


class Tables(BaseModel):
    """The tables of files."""

    tables: list[Table]
    notes: list[str] = Field(default_factory=list, description="about the files")


class Rows(BaseModel):
    """The answer to a query."""

    columns: list[Column]
    rows: list[list[Any]] = Field(description="values in the order of columns; dates as ISO 8601, no value as null")
    row_count: int = Field(description="rows of the whole answer; at least so many where complete is false")
    truncated: bool = Field(description="whether rows has not all of them")
    complete: bool = Field(default=True, description="whether rows and rest together are all rows")
    rest: str = Field(default="", description="handle of the other rows as CSV, for read_more; empty: there are none")
    chars_left: int = Field(default=0, description="characters of the rest")
    notes: list[str] = Field(default_factory=list, description="about the files and the answer")


def offer_tables(server: MCPServer, options: Options, rests: Rests) -> None:
    """Publish the tools over tables."""

    @server.tool(title="List tables", annotations=_READ_ONLY)
    async def list_tables(
        ctx: Context,
        path: TablePath,
        more_paths: MorePaths = [],  # noqa: B006
        header_row: HeaderRow = FIND_HEADER,
        encoding: Encoding = "",
    ) -> Tables:
        """Show the tables of spreadsheets (each sheet), CSV, JSON lines or Parquet files: names and types to use in
        query_table's SQL, number of rows, first rows, and what was guessed about header, separator or encoding."""
        places, reading = _places(options, path, more_paths), _reading(header_row, encoding)
        await ctx.report_progress(0, 1, f"reading {_named(places)}")
        with _folder() as folder:
            found, notes = await run_apart(table_work.describe, places, reading, folder, bounds=_BOUNDS)
        await ctx.report_progress(1, 1, f"{len(found)} tables")
        return _listing(found, notes)

    @server.tool(title="Query tables with SQL", annotations=_READ_ONLY)
    async def query_table(
        ctx: Context,
        path: TablePath,
        sql: Annotated[
            str, Field(max_length=20_000, description="one SELECT of DuckDB's SQL, names as list_tables gives them")
        ],
        more_paths: MorePaths = [],  # noqa: B006
        max_rows: Annotated[int, Field(ge=1, le=1000, description="rows to return; the rest by read_more")] = 100,
        header_row: HeaderRow = FIND_HEADER,
        encoding: Encoding = "",
    ) -> Rows:
        """Compute over the tables of spreadsheets, CSV, JSON lines or Parquet files with one SQL SELECT (filter, join,
        group, sum, sort): exact where reading the file would be long or error-prone. list_tables gives the names."""
        places, reading = _places(options, path, more_paths), _reading(header_row, encoding)
        await ctx.report_progress(0, 1, f"reading {_named(places)}")
        with _folder() as folder:
            answer, notes = await run_apart(table_work.query, places, reading, sql, max_rows, folder, bounds=_BOUNDS)
        await ctx.report_progress(1, 1, f"{answer.seen} rows")
        rest = rests.cut(answer.rest, 0)
        notes = [*_bounded(notes, 20), *_remarks(answer)]
        return Rows(
            columns=[Column(name=name, type=kind) for name, kind in answer.columns],
            rows=answer.rows,
            row_count=answer.seen,
            truncated=len(answer.rows) < answer.seen or not answer.complete or answer.left_out > 0,
            complete=answer.complete,
            rest=rest.rest,
            chars_left=rest.chars_left,
            notes=notes,
        )


def _remarks(answer: Answer) -> Iterator[str]:
    if not answer.complete:
        yield f"the answer has more than the {answer.seen} rows kept; filter or aggregate"
    if answer.left_out:
        yield f"{answer.left_out} more columns are only in rest, which has all rows; or name fewer in the SELECT"
    if answer.cut_cells:
        yield f"{answer.cut_cells} long cells were shortened; ask for their parts with substr()"


def _places(options: Options, path: str, more_paths: Sequence[str]) -> list[Place]:
    more = [_place(options, other, "more_paths") for other in more_paths]
    return list(dict.fromkeys([_place(options, path, "path"), *more]))


def _place(options: Options, written: str, field: str) -> Place:
    where, *inner = split(written)
    return Place(options.roots.file(where, field=field), tuple(inner))


def _reading(header_row: int, encoding: str) -> Reading:
    try:
        if encoding:
            b"a\n".decode(encoding, "replace")  # there are codecs that are for no text, or refuse all
        return Reading(header_row, encoding and codecs.lookup(encoding).name)
    except (LookupError, ValueError) as error:
        raise CallError(
            f"encoding: {encoding!r} is unknown or not for text; leave it empty, or give one such as cp1252"
        ) from error


def _named(places: Sequence[Place]) -> str:
    return places[0].name + (f" and {len(places) - 1} more" if len(places) > 1 else "")


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for what a process leaves that may be killed."""
    with tempfile.TemporaryDirectory(prefix="memento-tables-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _listing(found: Sequence[table_work.Described], notes: Sequence[str]) -> Tables:
    """The tables, in less and less detail where they are many."""
    tables: list[Table] = []
    left = _MOST_CHARS
    for one in found:
        for most in _MOST_COLUMNS:
            table = _table(one, most)
            if (length := len(table.model_dump_json())) <= left:
                break
        else:
            if length > left + _MOST_BARE_CHARS:
                break
        left -= length
        tables.append(table)
    more = len(found) - len(tables)
    too_many = f"{more} more tables have no room here: SELECT table_name FROM duckdb_tables()"
    return Tables(tables=tables, notes=[*_bounded(notes, 20), *[too_many] * bool(more)])


def _table(one: table_work.Described, most_columns: int) -> Table:
    columns = [Column(name=shortened(name), type=shortened(kind)) for name, kind in one.columns[:most_columns]]
    left_out = len(one.columns) - len(columns)
    more = [f"{left_out} more columns: SELECT column_name, column_type FROM (DESCRIBE {one.name})"] * bool(left_out)
    long = sum(len(name) > MOST_NAME for name, _ in one.columns[:most_columns])
    more += [f"{long} column names are shortened here; DESCRIBE {one.name} has them whole"] * bool(long)
    return Table(
        name=one.name,
        origin=shortened(one.origin, _MOST_NOTE),
        rows=one.rows,
        columns=columns,
        sample=[row[: len(columns)] for row in one.sample] if columns else [],
        notes=[*_bounded(one.notes, 20 if columns else 3), *more],
    )


def _bounded(notes: Sequence[str], most: int) -> list[str]:
    more = [f"and {len(notes) - most} more notes"] * (len(notes) > most)
    return [*(shortened(note, _MOST_NOTE) for note in notes[:most]), *more]
