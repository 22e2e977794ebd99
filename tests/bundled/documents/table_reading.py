"""Tables read in this very process, which is what the tools do in another one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from memento_toolhub.servers.documents import table_work
from memento_toolhub.servers.documents.table_layout import Reading
from memento_toolhub.servers.documents.table_work import Described

_ANY = Reading()


def described(*paths: Path, reading: Reading = _ANY) -> list[Described]:
    """The tables of some files."""
    with tempfile.TemporaryDirectory() as folder:
        return table_work.describe(paths, reading, Path(folder))[0]


def only(path: Path, reading: Reading = _ANY) -> Described:
    """The only table of a file."""
    (table,) = described(path, reading=reading)
    return table


def rows(sql: str, *paths: Path, reading: Reading = _ANY) -> list[list[Any]]:
    """The rows of a query."""
    with tempfile.TemporaryDirectory() as folder:
        return table_work.query(paths, reading, sql, 1000, Path(folder))[0].rows


def written(folder: Path, text: str, name: str = "table.csv", encoding: str = "utf-8") -> Path:
    """A text file."""
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path
