"""Lessons in the bank file: what was learned from several cases, which cases those are, and when it was shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw

from memento_memory.case import Evidence
from memento_memory.store import meta
from memento_memory.store.query import fetch_all, fetch_number, fetch_one

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

_COLUMNS = "key, id, namespace, text, source, theme, created_at, updated_at, dropped_at, dropped_reason"
_BASE_RATE = "base_rate:"  # and the namespace
_NOTICED = 0.005
_AMONG = "IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Row:
    """A lesson as it is written down.

    Attributes:
        theme: digest of what it is about; one lesson in use for each.
    """

    key: int
    id: str
    namespace: str
    text: str
    source: str
    theme: str
    created_at: float
    updated_at: float
    dropped_at: float | None
    dropped_reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a lesson rests on, and how it did.

    Attributes:
        cases: id of each linked case that is still in use, its row key, and whether it is a success.
        won, lost: evidence-weighted counts of these cases.
        shown: episodes in which it was shown.
        shown_won, shown_lost: evidence-weighted outcomes of these.
    """

    cases: tuple[tuple[str, int, bool], ...] = ()
    won: float = 0.0
    lost: float = 0.0
    shown: int = 0
    shown_won: float = 0.0
    shown_lost: float = 0.0


def has_any(db: apsw.Connection, namespaces: Sequence[str]) -> bool:
    """Whether any lesson is in use there; quick."""
    sql = f"SELECT EXISTS (SELECT 1 FROM lessons WHERE dropped_at IS NULL AND namespace {_AMONG})"
    return bool(fetch_number(db, sql, (_listed(namespaces),)))


def rows(db: apsw.Connection, namespaces: Sequence[str] = (), *, dropped: bool = False) -> list[Row]:
    """The lessons in use, or those that were dropped, of some namespaces or of all, oldest first."""
    where = f"AND namespace {_AMONG}" if namespaces else ""
    sql = f"SELECT {_COLUMNS} FROM lessons WHERE dropped_at IS {'NOT ' if dropped else ''}NULL {where} ORDER BY key"
    return [Row(*row) for row in fetch_all(db, sql, (_listed(namespaces),) if namespaces else ())]


def by_id(db: apsw.Connection, lesson_id: str) -> Row | None:
    """The lesson of this name, dropped or not."""
    row = fetch_one(db, f"SELECT {_COLUMNS} FROM lessons WHERE id = ?", (lesson_id,))
    return Row(*row) if row else None


def by_keys(db: apsw.Connection, keys: Sequence[int]) -> list[Row]:
    """The lessons in use among these row keys."""
    sql = f"SELECT {_COLUMNS} FROM lessons WHERE dropped_at IS NULL AND key {_AMONG} ORDER BY key"
    return [Row(*row) for row in fetch_all(db, sql, (_listed(keys),))]


def records(db: apsw.Connection, keys: Sequence[int]) -> dict[int, Record]:
    """What each of these lessons rests on and how it did, by row key."""
    cases: dict[int, list[tuple[str, int, bool]]] = {key: [] for key in keys}
    won, lost = dict.fromkeys(keys, 0.0), dict.fromkeys(keys, 0.0)
    sql = (
        "SELECT lesson_key, id, cases.key, outcome = 'success', successes * decay, failures * decay FROM lesson_cases"
        f" JOIN cases ON cases.key = case_key WHERE lesson_key {_AMONG} AND forgotten_at IS NULL ORDER BY cases.key"
    )
    for lesson, case_id, case_key, succeeded, successes, failures in fetch_all(db, sql, (_listed(keys),)):
        cases[lesson].append((case_id, case_key, bool(succeeded)))
        won[lesson] += successes
        lost[lesson] += failures
    shown, good, bad = _showings(db, keys)
    return {key: Record(tuple(cases[key]), won[key], lost[key], shown[key], good[key], bad[key]) for key in keys}


def _showings(db: apsw.Connection, keys: Sequence[int]) -> tuple[dict[int, int], dict[int, float], dict[int, float]]:
    shown, good, bad = dict.fromkeys(keys, 0), dict.fromkeys(keys, 0.0), dict.fromkeys(keys, 0.0)
    sql = (
        "SELECT lesson_key, evidence, count(*), count(reward), coalesce(sum(reward), 0) FROM lesson_showings"
        f" JOIN episodes ON key = episode_key WHERE lesson_key {_AMONG} GROUP BY lesson_key, evidence"
    )
    for lesson, evidence, count, known, rewards in fetch_all(db, sql, (_listed(keys),)):
        shown[lesson] += count
        if evidence is not None:
            weight = Evidence(evidence).weight
            good[lesson] += weight * rewards
            bad[lesson] += weight * (known - rewards)
    return shown, good, bad


def of_cases(db: apsw.Connection, case_keys: Iterable[int]) -> dict[int, list[int]]:
    """Row keys of the lessons in use that rest on these cases, each with the cases in question."""
    sql = (
        "SELECT lesson_key, case_key FROM lesson_cases JOIN lessons ON key = lesson_key"
        f" WHERE dropped_at IS NULL AND case_key {_AMONG}"
    )
    found: dict[int, list[int]] = {}
    for lesson, case in fetch_all(db, sql, (_listed(list(case_keys)),)):
        found.setdefault(lesson, []).append(case)
    return found


def embeddings(db: apsw.Connection, namespaces: Sequence[str], model: str) -> tuple[list[int], Matrix]:
    """Row keys and embeddings, shape (n, d), of the lessons in use that this model embedded."""
    import numpy as np

    sql = (
        "SELECT key, embedding FROM lessons WHERE dropped_at IS NULL AND embedding IS NOT NULL AND model = ?"
        f" AND namespace {_AMONG} ORDER BY key"
    )
    found = fetch_all(db, sql, (model, _listed(namespaces)))
    if not found:
        return [], np.empty((0, 0), np.float32)
    return [key for key, _ in found], np.frombuffer(b"".join(v for _, v in found), np.float32).reshape(len(found), -1)


def embedded(db: apsw.Connection, namespace: str, model: str) -> set[int]:
    """Row keys of the lessons, dropped ones too, that have an embedding of this model."""
    sql = "SELECT key FROM lessons WHERE namespace = ? AND model = ? AND embedding IS NOT NULL"
    return {key for (key,) in fetch_all(db, sql, (namespace, model))}


def insert(db: apsw.Connection, lesson_id: str, namespace: str, now: float) -> int:
    """Make room for a new lesson, to be written with `write`; its row key."""
    sql = "INSERT INTO lessons (id, namespace, text, source, theme, created_at, updated_at) VALUES (?,?,'','',?,?,?)"
    db.execute(sql, (lesson_id, namespace, lesson_id, now, now))
    return int(db.last_insert_rowid())


def write(
    db: apsw.Connection,
    key: int,
    *,
    text: str,
    source: str,
    theme: str,
    case_keys: Sequence[int],
    embedded: tuple[str, bytes] | None,
    now: float,
) -> None:
    """Write what a lesson says and rests on, in place of what it was, and put it in use.

    Args:
        embedded: the model, and the embedding of the tasks it is about; None where there is none.
    """
    model, embedding = embedded or ("", None)
    db.execute(
        "UPDATE lessons SET text = ?, source = ?, theme = ?, model = ?, embedding = ?, updated_at = ?,"
        " dropped_at = NULL, dropped_reason = '' WHERE key = ?",
        (text, source, theme, model, embedding, now, key),
    )
    db.execute("DELETE FROM lesson_cases WHERE lesson_key = ?", (key,))
    sql = f"INSERT INTO lesson_cases (lesson_key, case_key) SELECT ?, key FROM cases WHERE key {_AMONG}"
    db.execute(sql, (key, _listed(case_keys)))


def drop(db: apsw.Connection, key: int, reason: str, now: float) -> None:
    """Take a lesson out of use; it is kept, with the reason."""
    db.execute("UPDATE lessons SET dropped_at = ?, dropped_reason = ? WHERE key = ?", (now, reason, key))


def shown(db: apsw.Connection, episode_key: int, lesson_ids: Sequence[str]) -> None:
    """Note that lessons are shown for an episode; run it in the transaction that opens it."""
    sql = (
        f"INSERT OR IGNORE INTO lesson_showings (episode_key, lesson_key) SELECT ?, key FROM lessons WHERE id {_AMONG}"
    )
    db.execute(sql, (episode_key, _listed(lesson_ids)))


def base_rate(db: apsw.Connection, namespace: str) -> float:
    """Share of successes among the cases of a namespace whose outcome is known, with one of each assumed."""
    sql = (
        "SELECT count(*) FILTER (WHERE outcome = 'success'), count(*) FILTER (WHERE outcome <> 'unknown')"
        " FROM cases WHERE forgotten_at IS NULL AND namespace = ?"
    )
    ((successes, known),) = fetch_all(db, sql, (namespace,))
    return float((1 + successes) / (2 + known))


def known_base_rate(db: apsw.Connection, namespace: str) -> float:
    """The same as it was put down last, for counting many cases takes a while; counted where it never was."""
    text = meta.get(db, f"{_BASE_RATE}{namespace}")
    return float(text) if text else base_rate(db, namespace)


def is_news(db: apsw.Connection, namespace: str, rate: float) -> bool:
    """Whether a share of successes is noticeably another one than was put down."""
    text = meta.get(db, f"{_BASE_RATE}{namespace}")
    return not text or abs(float(text) - rate) >= _NOTICED


def put_base_rate(db: apsw.Connection, namespace: str, rate: float) -> None:
    """Put down the share of successes of a namespace."""
    meta.put(db, f"{_BASE_RATE}{namespace}", repr(rate))


def _listed(values: Sequence[str] | Sequence[int]) -> str:
    return json.dumps(list(values))
