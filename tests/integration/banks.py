"""Looking into bank files from outside, and making them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import apsw

from memento_memory.bank import CaseBank
from memento_memory.store.database import vec0_path
from memento_memory.transfer import import_cases

_TABLES = (
    "meta",
    "cases",
    "case_tags",
    "episodes",
    "slates",
    "outcomes",
    "case_vectors",
    "unembedded",
    "vector_log",
    "tool_calls",
)


def rows(bank: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a query finds in a bank, read through a connection of its own."""
    connection = _open(bank)
    try:
        return list(connection.execute(sql, values))
    finally:
        connection.close()


def number(bank: Path, sql: str) -> int:
    """The one number a query finds."""
    return int(rows(bank, sql)[0][0])


def dump(bank: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a bank."""
    return {table: sorted(rows(bank, f"SELECT * FROM {table}"), key=repr) for table in _TABLES}


def problems(bank: Path) -> list[str]:
    """What is wrong with a bank in which no case was ever forgotten; nothing when it is intact."""
    connection = _open(bank)
    try:
        found = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
        found += [f"foreign key: {row}" for row in connection.execute("PRAGMA foreign_key_check")]
        found += [f"{name} without a full-text entry" for (name,) in connection.execute(_WITHOUT_WORDS)]
        # With rank 1, FTS5 also compares its index with the text of the cases.
        connection.execute("INSERT INTO case_words (case_words, rank) VALUES ('integrity-check', 1)")
        found += [f"{name} has neither a vector nor waits for one" for (name,) in connection.execute(_LOST)]
    except apsw.CorruptError as error:
        found.append(str(error))
    finally:
        connection.close()
    return found


_WITHOUT_WORDS = "SELECT id FROM cases WHERE key NOT IN (SELECT id FROM case_words_docsize)"
_LOST = """
    SELECT id FROM cases WHERE (SELECT count(*) FROM case_vectors WHERE case_key = key)
        + (SELECT count(*) FROM unembedded WHERE case_key = key) <> 1
"""


def make_bank(path: Path, cases: int) -> None:
    """Make a bank of so many different cases, without vectors."""
    lines = [
        f'{{"task": "Check shelf {i} of the archive", "plan": "1. Walk to shelf {i}\\n2. Count"}}' for i in range(cases)
    ]
    bank = CaseBank(path)
    try:
        assert import_cases(bank, lines).imported == cases
    finally:
        bank.close()


def digest(file: Path) -> str:
    """What the bytes of a file hash to."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _open(bank: Path) -> apsw.Connection:
    connection = apsw.Connection(str(bank))
    connection.set_busy_timeout(30_000)
    connection.enable_load_extension(True)
    connection.load_extension(vec0_path())
    return connection
