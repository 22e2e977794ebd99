"""A database in memory that holds the tables of some files, and nothing else can be reached from."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memento_toolhub.servers.kit.call_error import CallError

if TYPE_CHECKING:
    import duckdb

MEMORY_MB = 2048
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
            CallError: if it does not fit into the memory, or cannot be read.
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
        raise CallError(
            f"{field}: more than the {MEMORY_MB} MB of memory it may have would be needed; "
            "filter or aggregate sooner, name fewer columns, or split the file"
        ) from error
    except duckdb.Error as error:
        raise CallError(f"{field}: {str(error)[:3000]}{hint}") from error


def checked(connection: duckdb.DuckDBPyConnection, sql: str, hint: str) -> duckdb.Statement:
    """The only statement of a text, if it is a SELECT.

    Raises:
        CallError: if it cannot be parsed, or is anything else.
    """
    import duckdb

    with readable_errors("sql", hint):
        statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise CallError(f"sql: give one SELECT statement, not {len(statements)}")
    kind = statements[0].type
    if kind == duckdb.StatementType.MULTI:
        raise CallError("sql: list the values that PIVOT makes columns of: PIVOT t ON a IN (1, 2) USING sum(b)")
    if kind != duckdb.StatementType.SELECT:
        raise CallError(f"sql: only SELECT is allowed (WITH, DESCRIBE and SUMMARIZE too), not {kind.name}")
    return statements[0]
