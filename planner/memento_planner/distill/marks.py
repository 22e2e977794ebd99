"""Whether anything changed in a namespace since it was distilled last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from memento_memory.store import meta
from memento_memory.store.query import fetch_all, fetch_number

if TYPE_CHECKING:
    from memento_memory.store.database import Database

_VERSION = "1"  # of the way lessons are drawn; another one draws them anew


@dataclass(frozen=True, slots=True)
class Mark:
    """How a namespace is now, in a few numbers, and whether it was like that the last time."""

    namespace: str
    text: str
    is_old: bool


def namespaces(database: Database) -> list[str]:
    """The namespaces that have cases or lessons."""
    sql = (
        "SELECT namespace FROM cases WHERE forgotten_at IS NULL"
        " UNION SELECT namespace FROM lessons WHERE dropped_at IS NULL ORDER BY 1"
    )
    with database.reading() as db:
        return [name for (name,) in fetch_all(db, sql)]


def mark(database: Database, namespace: str, writer: str) -> Mark:
    """How a namespace is now.

    Args:
        writer: who words the lessons.
    """
    sql = (
        "SELECT count(*), coalesce(sum(key), 0), coalesce(max(updated_at), 0) FROM cases"
        " WHERE forgotten_at IS NULL AND namespace = ?"
    )
    with database.reading() as db:
        ((count, keys, updated_at),) = fetch_all(db, sql, (namespace,))
        embedded = fetch_number(db, "SELECT count(*) FROM case_vectors WHERE namespace = ?", (namespace,))
        text = f"{_VERSION} {count} {keys} {updated_at!r} {embedded} {writer}"
        return Mark(namespace, text, meta.get(db, _name(namespace)) == text)


def put(database: Database, mark: Mark) -> None:
    """Write down how a namespace was when it was distilled."""
    with database.writing() as db:
        meta.put(db, _name(mark.namespace), mark.text)


def _name(namespace: str) -> str:
    return f"distilled:{namespace}"
