"""From files to answers: what a process of its own does for the table tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ToolError

from memento_toolhub.servers.documents import table_files
from memento_toolhub.servers.documents.table_database import (
    Answer,
    Draft,
    Loaded,
    ask,
    json_value,
    load,
    lock,
    opened,
    readable_errors,
    reserved_words,
)
from memento_toolhub.servers.documents.table_layout import Reading
from memento_toolhub.servers.documents.table_sql import literal, quoted, shown

if TYPE_CHECKING:
    import duckdb

SAMPLE_ROWS = 3
_MOST_SAMPLE_CHARS = 80
_MOST_CHECKED = 60
_MOST_HINT = 2_000


@dataclass(frozen=True, slots=True)
class Described:
    """A table and what is in it.

    Attributes:
        name: as SQL writes it.
        origin: where it comes from, in words.
        rows: how many it has.
        columns: name, as SQL writes it, and type of each.
        sample: the first rows, as JSON values.
        notes: what was guessed about it.
    """

    name: str
    origin: str
    rows: int
    columns: tuple[tuple[str, str], ...]
    sample: list[list[Any]]
    notes: tuple[str, ...]


def describe(paths: Sequence[Path], reading: Reading, folder: Path) -> tuple[list[Described], list[str]]:
    """All tables of some files, and what is to be known of the files."""
    with opened() as connection:
        reserved = reserved_words(connection)
        loaded, notes = _load(connection, paths, reading, folder, reserved)
        lock(connection)
        return [_described(connection, table, reserved) for table in loaded], notes


def query(paths: Sequence[Path], reading: Reading, sql: str, max_rows: int, folder: Path) -> tuple[Answer, list[str]]:
    """The answer to one SELECT over the tables of some files, and what is to be known of the files."""
    with opened() as connection:
        reserved = reserved_words(connection)
        loaded, notes = _load(connection, paths, reading, folder, reserved)
        lock(connection)
        return ask(connection, sql, max_rows, _hint(connection, loaded, reserved)), notes


def _load(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    reading: Reading,
    folder: Path,
    reserved: frozenset[str],
) -> tuple[list[Loaded], list[str]]:
    taken: set[str] = set()
    loaded: list[Loaded] = []
    notes: list[str] = []
    for number, path in enumerate(paths):
        inside = folder / str(number)
        inside.mkdir()
        file = table_files.opened(connection, path, reading, inside)
        notes.extend(file.notes)
        for draft in file.drafts:
            loaded.append(load(connection, _named_apart(draft, path, taken), taken, reserved))
            for written in inside.iterdir():
                written.unlink()
    if not loaded:
        raise ToolError(f"path: {paths[0].name} holds no table: every sheet is empty")
    return loaded, notes


def _named_apart(draft: Draft, path: Path, taken: set[str]) -> Draft:
    """A sheet whose name another file has as well is called by its file too."""
    return replace(draft, name=f"{path.stem}_{draft.name}") if draft.name.casefold() in taken else draft


def _described(connection: duckdb.DuckDBPyConnection, table: Loaded, reserved: frozenset[str]) -> Described:
    with readable_errors(f"path: {table.draft.origin}"):
        columns = connection.execute(f"DESCRIBE {quoted(table.name)}").fetchall()
        (rows,) = connection.execute(f"SELECT count(*) FROM {quoted(table.name)}").fetchall()[0]
        first = connection.execute(f"SELECT * FROM {quoted(table.name)} LIMIT {SAMPLE_ROWS}").fetchall()
        doubts = _numbers_in_text(connection, table, [name for name, kind, *_ in columns if kind == "VARCHAR"])
    return Described(
        table.written,
        table.draft.origin,
        rows,
        tuple((shown(name, reserved), kind) for name, kind, *_ in columns),
        [[_short(json_value(cell)) for cell in row] for row in first],
        (*table.draft.notes, *doubts),
    )


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else str(value)
    return f"{text[:_MOST_SAMPLE_CHARS]}…" if len(text) > _MOST_SAMPLE_CHARS else value


def _numbers_in_text(connection: duckdb.DuckDBPyConnection, table: Loaded, names: Sequence[str]) -> Iterator[str]:
    """Columns read as text that mostly hold numbers."""
    for name in names[:_MOST_CHECKED]:
        column = quoted(name)
        number = f"TRY_CAST({column} AS DOUBLE)"
        numbers, filled, other = connection.execute(
            f"SELECT count({number}), count({column}), any_value({column}) FILTER ({number} IS NULL) "
            f"FROM {quoted(table.name)}"
        ).fetchall()[0]
        if numbers and numbers * 2 >= filled:
            others = f", {filled - numbers} not, such as {literal(_short(other))}" if numbers < filled else ""
            yield f"text: {numbers} cells of {column} are numbers{others}; to compute: TRY_CAST({column} AS DOUBLE)"


def _hint(connection: duckdb.DuckDBPyConnection, loaded: Sequence[Loaded], reserved: frozenset[str]) -> str:
    """The tables there are, for an error message."""
    tables = []
    for table in loaded:
        columns = connection.execute(f"DESCRIBE {quoted(table.name)}").fetchall()
        tables.append(f"{table.written}({', '.join(shown(name, reserved) for name, *_ in columns)})")
    text = "; ".join(tables)
    text = text if len(text) <= _MOST_HINT else f"{text[:_MOST_HINT]}… (see list_tables)"
    return f"\nTables and their columns: {text}"
