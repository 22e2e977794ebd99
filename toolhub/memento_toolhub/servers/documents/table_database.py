"""A database in memory that holds the tables of some files, and nothing else can be reached from."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ToolError

if TYPE_CHECKING:
    import duckdb

MEMORY_MB = 2048
MOST_SHOWN_CHARS = 40_000
_MOST_REST_CHARS = 5_000_000
_MOST_CELL_CHARS = 5_000
_EXACT_INT = 2**53
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": f"{MEMORY_MB}MB",
    "temp_directory": "",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_LOCKS = (
    "SET python_enable_replacements = false",
    "SET temp_directory = ''",  # files could be written there by COPY inside of WITH, which passes for a SELECT
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
    "BEGIN TRANSACTION READ ONLY",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A table to be loaded.

    Attributes:
        name: as people call it.
        aliases: other names it may be asked by.
        origin: where it comes from, in words.
        scan: the SELECT that reads it.
        notes: what was guessed.
    """

    name: str
    aliases: tuple[str, ...]
    origin: str
    scan: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A table in the database.

    Attributes:
        name: in the database.
        written: the name as SQL writes it.
        draft: what it was made of.
    """

    name: str
    written: str
    draft: Draft


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a query.

    Attributes:
        columns: name and type of each.
        rows: the first ones, as JSON values.
        seen: rows fetched.
        complete: whether those are all.
        rest: the rows after the first ones, as CSV with a header; "" where there are none.
        cut_cells: cells that were shortened.
    """

    columns: tuple[tuple[str, str], ...]
    rows: list[list[Any]]
    seen: int
    complete: bool
    rest: str
    cut_cells: int


class Database:
    """The tables in memory.

    Attributes:
        connection: to DuckDB.
        taken: names of tables and views so far, in lower case.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.taken: set[str] = set()
        words = connection.execute("SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'")
        self._reserved = frozenset(word for (word,) in words.fetchall())

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator[Database]:
        """An empty one, still able to read files."""
        import duckdb

        with duckdb.connect(":memory:", config=_SETTINGS) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield cls(connection)

    def shown(self, name: str) -> str:
        """A name as it has to be written: in quotes only where it needs them."""
        return name if name == plain(name, self._reserved) else quoted(name)

    def load(self, draft: Draft) -> Loaded:
        """Make a table and its other names; a name that is taken is numbered.

        Raises:
            ToolError: if it does not fit into the memory, or cannot be read.
        """
        wanted = plain(draft.name, self._reserved)
        name, number = wanted, 1
        while name.casefold() in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        with readable_errors(f"path: {draft.origin}"):
            self.connection.execute(f"CREATE TABLE {quoted(name)} AS {draft.scan}")
        self.taken.add(name.casefold())
        for alias in dict.fromkeys((draft.name, *draft.aliases)):
            if alias and alias.casefold() not in self.taken:
                self.connection.execute(f"CREATE VIEW {quoted(alias)} AS SELECT * FROM {quoted(name)}")
                self.taken.add(alias.casefold())
        return Loaded(name, self.shown(name), draft)

    def columns(self, name: str) -> list[tuple[str, str]]:
        """Names and types of a table's columns."""
        described = self.connection.execute(f"DESCRIBE {quoted(name)}").fetchall()
        return [(column, kind) for column, kind, *_ in described]

    def lock(self) -> None:
        """From here on no file, extension, setting or table can be reached or changed."""
        for statement in _LOCKS:
            self.connection.execute(statement)


def quoted(name: str) -> str:
    """Any name, as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Any text, as a string."""
    return "'" + text.replace("'", "''") + "'"


def plain(name: str, reserved: Container[str]) -> str:
    """A name that needs no quotes, as near as can be: Sales 2023 (€) becomes Sales_2023."""
    made = re.sub(r"\W+", "_", name).strip("_") or "table"
    if made[0].isdigit():
        made = f"t_{made}"
    return f"{made}_" if made.lower() in reserved else made


@contextlib.contextmanager
def readable_errors(field: str, hint: str = "") -> Iterator[None]:
    """DuckDB's errors as errors of a tool."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise ToolError(
            f"{field}: more than the {MEMORY_MB} MB of memory it may have would be needed; "
            "filter or aggregate sooner, name fewer columns, or split the file"
        ) from error
    except duckdb.Error as error:
        raise ToolError(f"{field}: {str(error)[:3000]}{hint}") from error


def checked(connection: duckdb.DuckDBPyConnection, sql: str, hint: str) -> duckdb.Statement:
    """The only statement of a text, if it is a SELECT.

    Raises:
        ToolError: if it cannot be parsed, or is anything else.
    """
    import duckdb

    with readable_errors("sql", hint):
        statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise ToolError(f"sql: give one SELECT statement, not {len(statements)}")
    kind = statements[0].type
    if kind == duckdb.StatementType.MULTI:
        raise ToolError("sql: list the values that PIVOT makes columns of: PIVOT t ON a IN (1, 2) USING sum(b)")
    if kind != duckdb.StatementType.SELECT:
        raise ToolError(f"sql: only SELECT is allowed (WITH, DESCRIBE and SUMMARIZE too), not {kind.name}")
    return statements[0]


def ask(connection: duckdb.DuckDBPyConnection, sql: str, max_rows: int, hint: str) -> Answer:
    """The answer of a locked database to one SELECT."""
    statement = checked(connection, sql, hint)
    with readable_errors("sql", hint):
        result = connection.execute(statement)
        columns = tuple((name, str(kind)) for name, kind, *_ in result.description or ())
        rows: list[list[Any]] = []
        rest, pen = _Rest([name for name, _ in columns]), _Shown()
        complete = True
        for row in iter(result.fetchone, None):
            if not rest.room:
                complete = False
                break
            if rest.rows or len(rows) == max_rows or pen.chars > MOST_SHOWN_CHARS:
                rest.add(row)
            else:
                rows.append([pen.value(cell) for cell in row])
    return Answer(columns, rows, len(rows) + rest.rows, complete, rest.text, pen.cut)


class _Shown:
    """Counts what is shown and cuts what is too long."""

    def __init__(self) -> None:
        self.chars = 0
        self.cut = 0

    def value(self, cell: object) -> Any:
        made = json_value(cell)
        text = made if isinstance(made, str) else str(made)
        if len(text) > _MOST_CELL_CHARS:
            self.cut += 1
            made = text = f"{text[:_MOST_CELL_CHARS]}…"
        self.chars += len(text) + 3
        return made


class _Rest:
    """Rows as CSV, up to a limit."""

    def __init__(self, names: Sequence[str]) -> None:
        self.rows = 0
        self._names = names
        self._file = io.StringIO()
        self._put = csv.writer(self._file, lineterminator="\n").writerow

    def add(self, row: Sequence[object]) -> None:
        if not self.rows:
            self._put(self._names)
        self.rows += 1
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
