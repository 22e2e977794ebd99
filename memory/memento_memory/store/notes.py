"""Notes in the bank file: their text, the passages it was cut into, and the passages' vectors.

Every change counts up a number in `meta`, so that what was read of the passages can be kept until one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

import apsw

from memento_memory.passages import Piece
from memento_memory.store import meta
from memento_memory.store.query import fetch_all, fetch_number, fetch_one

_CHANGES = "notes_changes"
_NOTE = "namespace, name, (SELECT count(*) FROM note_passages WHERE note_key = notes.key), length(text), added_at"
_WITHIN = "namespace IN (SELECT value FROM json_each(?))"

NoteRow = tuple[str, str, int, int, float]  # namespace, name, number of passages, characters, when it was added


def changes(db: apsw.Connection) -> int:
    """How often notes changed so far; 0 where there never was one."""
    return int(meta.get(db, _CHANGES) or 0)


def put(db: apsw.Connection, namespace: str, name: str, text: str, pieces: Sequence[Piece], now: float) -> bool:
    """Keep a note in place of one of the same name; returns whether there was one.

    Passages that stay the same keep their vectors.
    """
    old = _key(db, namespace, name)
    vectors = {} if old is None else _vectors_of(db, old)
    remove(db, namespace, name)
    key = fetch_number(
        db,
        "INSERT INTO notes (namespace, name, text, added_at) VALUES (?, ?, ?, ?) RETURNING key",
        (namespace, name, text, now),
    )
    db.executemany(
        "INSERT INTO note_passages (note_key, heading, text, model, embedding) VALUES (?, ?, ?, ?, ?)",
        [(key, piece.heading, piece.text, *vectors.get(piece, ("", None))) for piece in pieces],
    )
    _count_change(db)
    return old is not None


def remove(db: apsw.Connection, namespace: str, name: str) -> bool:
    """Delete a note with its passages; returns whether there was one."""
    db.execute("DELETE FROM notes WHERE namespace = ? AND name = ?", (namespace, name))
    if not db.changes():
        return False
    _count_change(db)
    return True


def text(db: apsw.Connection, namespace: str, name: str) -> str | None:
    """The text of a note, or None."""
    found = fetch_one(db, "SELECT text FROM notes WHERE namespace = ? AND name = ?", (namespace, name))
    return None if found is None else str(found[0])


def names(db: apsw.Connection, namespace: str) -> list[str]:
    """The names of a namespace's notes, sorted."""
    sql = "SELECT name FROM notes WHERE namespace = ? ORDER BY name"
    return [name for (name,) in fetch_all(db, sql, (namespace,))]


def one(db: apsw.Connection, namespace: str, name: str) -> NoteRow | None:
    """What is known of a note, or None."""
    found = fetch_one(db, f"SELECT {_NOTE} FROM notes WHERE namespace = ? AND name = ?", (namespace, name))
    return None if found is None else cast("NoteRow", found)


def all_(db: apsw.Connection, namespaces: Sequence[str]) -> list[NoteRow]:
    """What is known of all notes, or of those of some namespaces, sorted by namespace and name."""
    where, values = (f"WHERE {_WITHIN}", (json.dumps(list(namespaces)),)) if namespaces else ("", ())
    found = fetch_all(db, f"SELECT {_NOTE} FROM notes {where} ORDER BY namespace, name", values)
    return cast("list[NoteRow]", found)


def passages(db: apsw.Connection, namespaces: Sequence[str]) -> list[tuple[str, Piece, str, bytes | None]]:
    """Note, passage, model and vector of all passages of some namespaces, in the order of the notes and their texts."""
    sql = (
        "SELECT name, p.heading, p.text, p.model, p.embedding FROM notes JOIN note_passages p ON note_key = notes.key"
        f" WHERE {_WITHIN} ORDER BY namespace, name, p.key"
    )
    rows = fetch_all(db, sql, (json.dumps(list(namespaces)),))
    return [(name, Piece(heading, body), model, vector) for name, heading, body, model, vector in rows]


def without_vector(db: apsw.Connection, model: str, after: int, limit: int) -> list[tuple[int, Piece]]:
    """Row key and passage of those beyond a row key that have no vector of this model."""
    sql = (
        "SELECT key, heading, text FROM note_passages"
        " WHERE key > ? AND (embedding IS NULL OR model <> ?) ORDER BY key LIMIT ?"
    )
    return [(key, Piece(heading, body)) for key, heading, body in fetch_all(db, sql, (after, model, limit))]


def put_vectors(db: apsw.Connection, model: str, rows: Sequence[tuple[int, Piece, bytes]]) -> int:
    """Give passages their vectors; returns how many were still there, for row keys of deleted ones are used again."""
    done = 0
    for key, piece, vector in rows:
        db.execute(
            "UPDATE note_passages SET model = ?, embedding = ? WHERE key = ? AND heading = ? AND text = ?",
            (model, vector, key, piece.heading, piece.text),
        )
        done += db.changes()
    if done:
        _count_change(db)
    return done


def _key(db: apsw.Connection, namespace: str, name: str) -> int | None:
    found = fetch_one(db, "SELECT key FROM notes WHERE namespace = ? AND name = ?", (namespace, name))
    return None if found is None else int(found[0])


def _vectors_of(db: apsw.Connection, note: int) -> dict[Piece, tuple[str, bytes]]:
    sql = "SELECT heading, text, model, embedding FROM note_passages WHERE note_key = ? AND embedding IS NOT NULL"
    return {Piece(heading, body): (model, vector) for heading, body, model, vector in fetch_all(db, sql, (note,))}


def _count_change(db: apsw.Connection) -> None:
    meta.put(db, _CHANGES, str(changes(db) + 1))
