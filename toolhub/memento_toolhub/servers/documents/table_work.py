"""From files to answers: what a process of its own does for the table tools."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from memento_toolhub.servers.documents import table_sheets, table_text
from memento_toolhub.servers.documents.document import MOST_BYTES, Source, UnreadableError, blamed_on
from memento_toolhub.servers.documents.inside import ARCHIVES, reached
from memento_toolhub.servers.documents.kinds import KINDS, TEXTS
from memento_toolhub.servers.documents.places import INSIDE, Place, reopenable, size_of
from memento_toolhub.servers.documents.sheet_asides import asides
from memento_toolhub.servers.documents.sheets import BOOKS, formula_notes
from memento_toolhub.servers.documents.table_answer import Answer, ask, json_value
from memento_toolhub.servers.documents.table_database import Database, Draft, Loaded, literal, quoted, readable_errors
from memento_toolhub.servers.documents.table_layout import Layout, Reading
from memento_toolhub.servers.kit.call_error import CallError
from memento_toolhub.servers.kit.roots import opened

_MOST_BYTES = 2_000_000_000  # of text
_SAMPLE = 4096
_READ = "list_tables reads XLSX, XLS, XLSB, ODS, CSV, TSV, JSON lines and Parquet"
SAMPLE_ROWS = 3
_MOST_SAMPLE_CHARS = 80
_MOST_CHECKED = 60
_MOST_HINT = 2_000
_MONEY = r"(?:[$€£¥₹%]|USD|EUR|GBP|CHF|JPY)?"
_GAP = r"[ \x{00a0}\x{202f}]"
_GROUPED = rf"\d{{1,3}}(?:(?:[.,']|{_GAP})\d{{3}})*"
_AMOUNT = rf"[-+(]*{_MONEY}{_GAP}*[-+]?(?:{_GROUPED}|\d+)(?:[.,]\d+)?{_GAP}*{_MONEY}\)?"
_MOST_TRIED = 10_000  # cells of a column


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


def describe(places: Sequence[Place], reading: Reading, folder: Path) -> tuple[list[Described], list[str]]:
    """All tables of some files, and what is to be known of the files."""
    with Database.opened() as database:
        loaded, notes = _load(database, places, reading, folder)
        database.lock()
        return [_described(database, table) for table in loaded], notes


def query(places: Sequence[Place], reading: Reading, sql: str, max_rows: int, folder: Path) -> tuple[Answer, list[str]]:
    """The answer to one SELECT over the tables of some files, and what is to be known of the files."""
    with Database.opened() as database:
        loaded, notes = _load(database, places, reading, folder)
        database.lock()
        return ask(database.connection, sql, max_rows, _hint(database, loaded)), notes


def _load(
    database: Database, places: Sequence[Place], reading: Reading, folder: Path
) -> tuple[list[Loaded], list[str]]:
    loaded: list[Loaded] = []
    notes: list[str] = []
    for number, place in enumerate(places):
        inside = folder / str(number)
        inside.mkdir()
        with opened(place.path) as stream, blamed_on("path"):
            whole = Source(stream, place.path.name, size_of(stream))
            key, source, unwrapped, inner_folder = reached(whole, place.inner)
            kind = _kind(INSIDE.join([place.path.name, *place.inner]), key, source, inner_folder)
            path = reopenable(stream, place.path)
            if source is not whole and kind not in BOOKS:
                path = _written(source, folder / f"{number}.member")
            for draft in _drafts(database, kind, source, path, reading, inside):
                named = _named_apart(draft, source.name, database.taken)
                loaded.append(database.load(replace(named, notes=(*unwrapped, *named.notes))))
                for written in inside.iterdir():
                    written.unlink()
            if kind in BOOKS:
                notes += [*formula_notes(source), *asides(source)]
    if not loaded:
        raise CallError(f"path: {places[0].name} holds no table: every sheet is empty")
    return loaded, notes


def _written(source: Source, target: Path) -> Path:
    """A file taken out of an archive, for what opens files by name."""
    with target.open("wb") as file:
        shutil.copyfileobj(source.whole(), file)
    return target


def _drafts(
    database: Database, kind: str, source: Source, path: Path, reading: Reading, folder: Path
) -> Iterator[Draft]:
    """The tables of a file that a path leads to; each may use files of the folder until the next is asked for."""
    stem = PurePath(source.name).stem
    if kind in BOOKS:
        for name, layout in table_sheets.lay_out(source, reading, folder):
            yield Draft(name, (), f"sheet {name!r} of {source.name}", layout.scan, layout.notes)
    elif kind == "text":
        layout = table_text.lay_out(path, source.name, reading, folder / "table.csv")
        scan, notes = _typed(database, layout, source.name)
        yield Draft(stem, (source.name,), source.name, scan, (*layout.notes, *notes))
    else:
        reader = {"json": "read_json({}, sample_size=-1)", "parquet": "read_parquet({})"}[kind]
        yield Draft(stem, (source.name,), source.name, f"SELECT * FROM {reader.format(literal(str(path)))}")


def _kind(written: str, key: str, source: Source, folder: str) -> str:
    """One of BOOKS, parquet, json and text.

    Raises:
        UnreadableError: if it is none of them or too large.
    """
    if folder or key in ARCHIVES:
        inside = written if folder else f"{written}{INSIDE}"
        raise UnreadableError(
            f"{written} holds files and is no table; read_document lists them: give the path of one, such as "
            f"{inside}table.csv"
        )
    kind, start = key, source.head(_SAMPLE).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<") or kind not in {*BOOKS, *TEXTS, "parquet"}:
        said = "HTML or XML" if kind in TEXTS else KINDS[kind].name
        raise UnreadableError(
            f"{source.name} is no table but {said}; call read_document, which reads it with the tables in it; {_READ}"
        )
    if kind in TEXTS:
        records = start.startswith((b"{", b"[{")) or (kind == "json" and start.startswith(b"["))
        kind = "json" if records else "text"
    most = MOST_BYTES if kind in BOOKS else _MOST_BYTES
    if source.size > most:
        raise UnreadableError(
            f"{source.name} has {source.size:,} bytes; {most:,} are the most: split it, or save sheets as CSV"
        )
    return kind


def _typed(database: Database, layout: Layout, name: str) -> tuple[str, list[str]]:
    """The reading of a text table with the types that hold for all its rows, and how dates were read."""
    if not layout.rows:
        return layout.guessed_scan({f"c{at}": "VARCHAR" for at in range(len(layout.header.names))}, {}), []
    with readable_errors(f"path: {name}"):
        columns, day, moment = database.connection.execute(
            f"SELECT Columns, DateFormat, TimestampFormat FROM {layout.sniffer}"
        ).fetchall()[0]
    types = {column["name"]: column["type"] for column in columns}
    formats = {key: value for key, value in (("dateformat", day), ("timestampformat", moment)) if value}
    unusual = [form for form in formats.values() if not form.startswith("%Y")]
    dates = [name for name, kind in types.items() if kind in ("DATE", "TIMESTAMP")]
    return layout.guessed_scan(types, formats), [
        f"dates were read as {form}{_other_order(database, layout, form, dates)}" for form in unusual
    ]


def _other_order(database: Database, layout: Layout, form: str, dates: Sequence[str]) -> str:
    """What to say of dates that may have their day and month the other way round."""
    swapped = form.translate(str.maketrans("dm", "md"))
    texts = layout.reader({f"c{at}": "VARCHAR" for at in range(len(layout.header.names))})
    fits = ", ".join(f"bool_and(try_strptime({name}, {literal(swapped)}) IS NOT NULL)" for name in dates)
    found = database.connection.execute(f"SELECT {fits} FROM {texts}").fetchall()[0] if dates else ()
    return f", but {swapped} fits as well: find out which is meant" if found and all(found) else ""


def _named_apart(draft: Draft, file: str, taken: set[str]) -> Draft:
    """A sheet whose name another file has as well is called by its file too."""
    return replace(draft, name=f"{PurePath(file).stem}_{draft.name}") if draft.name.casefold() in taken else draft


def _described(database: Database, table: Loaded) -> Described:
    with readable_errors(f"path: {table.draft.origin}"):
        columns = database.columns(table.name)
        (rows,) = database.connection.execute(f"SELECT count(*) FROM {quoted(table.name)}").fetchall()[0]
        first = database.connection.execute(f"SELECT * FROM {quoted(table.name)} LIMIT {SAMPLE_ROWS}").fetchall()
        doubts = _numbers_in_text(database, table, [name for name, kind in columns if kind == "VARCHAR"])
    return Described(
        table.written,
        table.draft.origin,
        rows,
        tuple((database.shown(name), kind) for name, kind in columns),
        [[_short(json_value(cell)) for cell in row] for row in first],
        (*table.draft.notes, *doubts),
    )


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else str(value)
    return f"{text[:_MOST_SAMPLE_CHARS]}…" if len(text) > _MOST_SAMPLE_CHARS else value


def _numbers_in_text(database: Database, table: Loaded, names: Sequence[str]) -> Iterator[str]:
    """Columns read as text that mostly hold numbers."""
    for name in names[:_MOST_CHECKED]:
        column = quoted(name)
        number = f"TRY_CAST({column} AS DOUBLE)"
        numbers, filled, other = database.connection.execute(
            f"SELECT count({number}), count({column}), any_value({column}) FILTER ({number} IS NULL) "
            f"FROM {quoted(table.name)}"
        ).fetchall()[0]
        if numbers and numbers * 2 >= filled:
            others = f", {filled - numbers} not, such as {literal(_short(other))}" if numbers < filled else ""
            yield f"text: {numbers} cells of {column} are numbers{others}; to compute: TRY_CAST({column} AS DOUBLE)"
        elif filled:
            yield from _amounts(database, table, column, filled)


def _amounts(database: Database, table: Loaded, column: str, filled: int) -> Iterator[str]:
    """A column of text that mostly holds numbers with a sign of money or percent, and how they are computed with."""
    amounts, commas, some = database.connection.execute(
        f"SELECT count(*), count(*) FILTER (regexp_matches(a, ',[0-9]{{1,2}}\\D*$')), any_value(a) FROM "
        f"(SELECT trim({column}) AS a FROM {quoted(table.name)} WHERE a <> '' LIMIT {_MOST_TRIED}) "
        f"WHERE regexp_full_match(a, {literal(_AMOUNT)})"
    ).fetchall()[0]
    if amounts * 2 > min(filled, _MOST_TRIED):
        bare = f"regexp_replace(replace({column}, '(', '-'), '[^-0-9{',' if commas else '.'}]', '', 'g')"
        bare = f"replace({bare}, ',', '.')" if commas else bare
        yield f"text: cells of {column} are such as {literal(_short(some))}; to compute: TRY_CAST({bare} AS DOUBLE)"


def _hint(database: Database, loaded: Sequence[Loaded]) -> str:
    """The tables there are, for an error message."""
    tables = []
    for table in loaded:
        columns = database.columns(table.name)
        tables.append(f"{table.written}({', '.join(database.shown(name) for name, _ in columns)})")
    text = "; ".join(tables)
    text = text if len(text) <= _MOST_HINT else f"{text[:_MOST_HINT]}… (see list_tables)"
    return f"\nTables and their columns: {text}"
