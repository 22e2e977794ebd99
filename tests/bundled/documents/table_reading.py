"""Tables read in this very process, which is what the tools do in another one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

from memento_toolhub.servers.documents import table_work
from memento_toolhub.servers.documents.places import Place
from memento_toolhub.servers.documents.table_answer import Answer
from memento_toolhub.servers.documents.table_layout import Reading
from memento_toolhub.servers.documents.table_work import Described

_ANY = Reading()


def places(*paths: Path) -> list[Place]:
    """Whole files."""
    return [Place(path.resolve()) for path in paths]


def described(*paths: Path, reading: Reading = _ANY) -> list[Described]:
    """The tables of some files."""
    with tempfile.TemporaryDirectory() as folder:
        return table_work.describe(places(*paths), reading, Path(folder))[0]


@overload
def work(at: Sequence[Place]) -> tuple[list[Described], list[str]]: ...
@overload
def work(at: Sequence[Place], sql: str) -> tuple[Answer, list[str]]: ...
def work(at: Sequence[Place], sql: str = "") -> tuple[list[Described] | Answer, list[str]]:
    """The tables at some places, or the answer of a query over them."""
    with tempfile.TemporaryDirectory() as folder:
        if sql:
            return table_work.query(at, _ANY, sql, 1000, Path(folder))
        return table_work.describe(at, _ANY, Path(folder))


def only(path: Path, reading: Reading = _ANY) -> Described:
    """The only table of a file."""
    (table,) = described(path, reading=reading)
    return table


def rows(sql: str, *paths: Path, reading: Reading = _ANY) -> list[list[Any]]:
    """The rows of a query."""
    with tempfile.TemporaryDirectory() as folder:
        return table_work.query(places(*paths), reading, sql, 1000, Path(folder))[0].rows


def written(folder: Path, text: str, name: str = "table.csv", encoding: str = "utf-8") -> Path:
    """A text file."""
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path
