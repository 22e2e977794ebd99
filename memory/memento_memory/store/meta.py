"""Small facts about the bank itself, by name."""

from __future__ import annotations

import apsw

from memento_memory.store.query import fetch_one


def get(db: apsw.Connection, name: str) -> str:
    """The value under this name, or ""."""
    row = fetch_one(db, "SELECT value FROM meta WHERE name = ?", (name,))
    return str(row[0]) if row else ""


def put(db: apsw.Connection, name: str, value: str) -> None:
    """Write a value in place of an earlier one."""
    db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))
