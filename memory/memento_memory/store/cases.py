"""Cases in the bank file: rows in, domain objects out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import apsw

from memento_memory.case import Case, Evidence, Outcome, Result, Task
from memento_memory.errors import NotFoundError
from memento_memory.plan import Plan, Subtask
from memento_memory.store.query import fetch_all, fetch_one

_COLUMNS = (
    "key, id, namespace, task, context, plan, outcome, reward, evidence, notes, host, model, successes, failures, "
    "shown, used, created_at, updated_at, forgotten_at, forgotten_reason, quarantined_at, confirmed, pinned, decay, "
    "(SELECT json_group_array(tag) FROM case_tags WHERE case_key = cases.key)"
)
ACTIVE = "forgotten_at IS NULL"


def plan_to_text(plan: Plan) -> str:
    """A plan as the JSON that is stored."""
    return json.dumps(plan.to_json(), ensure_ascii=False, separators=(",", ":"))


def plan_from_text(text: str) -> Plan:
    """A stored plan; it was checked when it was written."""
    return Plan(
        tuple(
            Subtask(item["id"], item["description"], tuple(item["depends_on"]), item["tool"])
            for item in json.loads(text)
        )
    )


def _case(row: tuple[Any, ...]) -> tuple[int, Case]:
    (
        key,
        id_,
        namespace,
        task,
        context,
        plan,
        outcome,
        reward,
        evidence,
        notes,
        host,
        model,
        successes,
        failures,
    ) = row[:14]
    shown, used, created_at, updated_at, forgotten_at = row[14:19]
    reason, quarantined_at, confirmed, pinned, decay, tags = row[19:]
    case = Case(
        id=id_,
        namespace=namespace,
        task=Task(task, context),
        plan=plan_from_text(plan),
        result=Result(Outcome(outcome), reward, Evidence(evidence), notes),
        tags=tuple(sorted(json.loads(tags))),
        host=host,
        model=model,
        successes=successes,
        failures=failures,
        shown=shown,
        used=used,
        created_at=created_at,
        updated_at=updated_at,
        forgotten_at=forgotten_at,
        forgotten_reason=reason,
        quarantined_at=quarantined_at,
        confirmed=bool(confirmed),
        pinned=bool(pinned),
        decay=decay,
    )
    return key, case


def by_id(db: apsw.Connection, case_id: str) -> tuple[int, Case] | None:
    """The case with its row key, forgotten or not."""
    row = fetch_one(db, f"SELECT {_COLUMNS} FROM cases WHERE id = ?", (case_id,))
    return _case(row) if row else None


def named(db: apsw.Connection, case_id: str) -> tuple[int, Case]:
    """The case with its row key, forgotten or not.

    Raises:
        NotFoundError: if there is none of this name.
    """
    found = by_id(db, case_id)
    if found is None:
        raise NotFoundError("case_id", f"there is no case {case_id!r}; `memento cases list` shows what there is")
    return found


def keys_of(db: apsw.Connection, case_ids: Sequence[str]) -> dict[str, int]:
    """Row keys of the cases with these ids."""
    sql = "SELECT id, key FROM cases WHERE id IN (SELECT value FROM json_each(?))"
    return dict(fetch_all(db, sql, (json.dumps(list(case_ids)),)))


def by_keys(db: apsw.Connection, keys: Sequence[int]) -> dict[int, Case]:
    """The active cases among these row keys."""
    sql = f"SELECT {_COLUMNS} FROM cases WHERE {ACTIVE} AND key IN (SELECT value FROM json_each(?))"
    return dict(map(_case, fetch_all(db, sql, (json.dumps(list(keys)),))))


def states(db: apsw.Connection, keys: Sequence[int]) -> dict[int, str]:
    """The indexed texts of the active cases among these row keys."""
    sql = f"SELECT key, state FROM cases WHERE {ACTIVE} AND key IN (SELECT value FROM json_each(?))"
    return dict(fetch_all(db, sql, (json.dumps(list(keys)),)))


def by_content(db: apsw.Connection, content_hash: str, *, forgotten: bool = False) -> tuple[int, Case] | None:
    """The case with this content, among the active or the forgotten ones."""
    state = "IS NOT NULL" if forgotten else "IS NULL"
    sql = f"SELECT {_COLUMNS} FROM cases WHERE content_hash = ? AND forgotten_at {state}"
    row = fetch_one(db, sql, (content_hash,))
    return _case(row) if row else None


def with_plan(db: apsw.Connection, namespace: str, plan: Plan, limit: int = 50) -> list[tuple[int, Case]]:
    """Active cases with the same plan skeleton, newest first."""
    sql = (
        f"SELECT {_COLUMNS} FROM cases WHERE skeleton = ? AND namespace = ? AND forgotten_at IS NULL"
        " ORDER BY key DESC LIMIT ?"
    )
    return list(map(_case, fetch_all(db, sql, (plan.skeleton, namespace, limit))))


def insert(db: apsw.Connection, case: Case) -> int:
    """Append a case and return its row key."""
    result = case.result
    db.execute(
        "INSERT INTO cases (id, namespace, task, context, state, plan, outcome, reward, evidence, notes, host, model,"
        " successes, failures, shown, used, created_at, updated_at, forgotten_at, content_hash, skeleton)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(
                case.id,
                case.namespace,
                case.task.text,
                case.task.context,
                case.task.state,
                plan_to_text(case.plan),
            ),
            *(
                result.outcome.value,
                result.reward,
                result.evidence.value,
                result.notes,
                case.host,
                case.model,
            ),
            *(case.successes, case.failures, case.shown, case.used),
            *(case.created_at, case.updated_at, case.forgotten_at, case.content_hash),
            case.plan.skeleton,
        ),
    )
    key = db.last_insert_rowid()
    add_tags(db, key, case.tags)
    return key


def update(db: apsw.Connection, key: int, case: Case) -> None:
    """Write back what may change of a case: its result, counts, tags and time."""
    result = case.result
    db.execute(
        "UPDATE cases SET outcome = ?, reward = ?, evidence = ?, notes = ?, successes = ?, failures = ?, updated_at = ?"
        " WHERE key = ?",
        (
            *(result.outcome.value, result.reward, result.evidence.value, result.notes),
            *(case.successes, case.failures, case.updated_at, key),
        ),
    )
    add_tags(db, key, case.tags)


def add_tags(db: apsw.Connection, key: int, tags: Sequence[str]) -> None:
    """Tag a case; tags it has already stay."""
    for tag in tags:
        db.execute("INSERT OR IGNORE INTO case_tags (tag, case_key) VALUES (?, ?)", (tag, key))


def set_forgotten(db: apsw.Connection, key: int, at: float | None, reason: str = "") -> None:
    """Lay or lift a tombstone; triggers keep the indexes in step.

    What is brought back from quarantine counts as confirmed, and what is brought back after an eviction is pinned:
    otherwise the next curation would take it out again.
    """
    db.execute(
        "UPDATE cases SET forgotten_at = :at, forgotten_reason = :reason, quarantined_at = NULL,"
        " confirmed = confirmed OR (:at IS NULL AND quarantined_at IS NOT NULL),"
        " pinned = pinned OR (:at IS NULL AND forgotten_reason GLOB 'evicted*') WHERE key = :key",
        {"at": at, "reason": reason, "key": key},
    )


def quarantine(db: apsw.Connection, key: int, at: float, reason: str) -> None:
    """Take a case out of every index and keep it until it is confirmed (brought back) or forgotten by hand."""
    db.execute(
        "UPDATE cases SET forgotten_at = ?, quarantined_at = ?, forgotten_reason = ? WHERE key = ?",
        (at, at, reason, key),
    )


def pin(db: apsw.Connection, key: int, pinned: bool) -> None:
    """Keep a case from eviction, or no longer."""
    db.execute("UPDATE cases SET pinned = ? WHERE key = ?", (pinned, key))


def quarantined(db: apsw.Connection, namespaces: Sequence[str] = ()) -> list[tuple[int, Case]]:
    """The cases in quarantine, latest first."""
    where = "AND namespace IN (SELECT value FROM json_each(?))" if namespaces else ""
    sql = (
        f"SELECT {_COLUMNS} FROM cases WHERE quarantined_at IS NOT NULL {where} ORDER BY quarantined_at DESC, key DESC"
    )
    return list(map(_case, fetch_all(db, sql, (json.dumps(list(namespaces)),) if namespaces else ())))


def remove(db: apsw.Connection, key: int) -> None:
    """Delete a case for good."""
    db.execute("DELETE FROM cases WHERE key = ?", (key,))


def purge(db: apsw.Connection, before: float) -> int:
    """Delete for good what was forgotten before this time, but for quarantined cases; return how many."""
    db.execute("DELETE FROM cases WHERE forgotten_at < ? AND quarantined_at IS NULL", (before,))
    return int(db.changes())


def count_shown(db: apsw.Connection, keys: Sequence[int]) -> None:
    """Count one more showing for each of the cases."""
    db.execute(
        "UPDATE cases SET shown = shown + 1 WHERE key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(keys)),),
    )


def count_used(db: apsw.Connection, key: int, change: int) -> None:
    """Count one use more (or, taken back, one less)."""
    db.execute("UPDATE cases SET used = max(used + ?, 0) WHERE key = ?", (change, key))


def page(
    db: apsw.Connection,
    *,
    after: int = 0,
    limit: int = 500,
    namespaces: Sequence[str] = (),
    outcome: str = "",
    tag: str = "",
    forgotten: bool = False,
    newest_first: bool = False,
) -> list[tuple[int, Case]]:
    """One page of cases in the order of their row keys; call again with the last key for the next."""
    where = ["forgotten_at IS NOT NULL" if forgotten else ACTIVE]
    values: list[Any] = []
    if newest_first:
        where.append("(? = 0 OR key < ?)")
        values += [after, after]
    else:
        where.append("key > ?")
        values.append(after)
    if namespaces:
        where.append("namespace IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(namespaces)))
    if outcome:
        where.append("outcome = ?")
        values.append(outcome)
    if tag:
        where.append("key IN (SELECT case_key FROM case_tags WHERE tag = ?)")
        values.append(tag)
    order = "DESC" if newest_first else "ASC"
    sql = f"SELECT {_COLUMNS} FROM cases WHERE {' AND '.join(where)} ORDER BY key {order} LIMIT ?"
    return list(map(_case, fetch_all(db, sql, (*values, limit))))


def with_prefix(db: apsw.Connection, prefix: str, limit: int) -> list[str]:
    """Ids of active cases that begin like this, newest first."""
    sql = f"SELECT id FROM cases WHERE {ACTIVE} AND id GLOB ? ORDER BY key DESC LIMIT ?"
    return [id_ for (id_,) in fetch_all(db, sql, (_literal(prefix) + "*", limit))]


def tags_with_prefix(db: apsw.Connection, prefix: str, limit: int) -> list[str]:
    """Tags that begin like this."""
    sql = "SELECT DISTINCT tag FROM case_tags WHERE tag GLOB ? ORDER BY tag LIMIT ?"
    return [tag for (tag,) in fetch_all(db, sql, (_literal(prefix) + "*", limit))]


def _literal(prefix: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in prefix)
