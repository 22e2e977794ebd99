"""How far tasks have been solved, in the bank file."""

from __future__ import annotations

import apsw

from memento_memory.store.query import fetch_all, fetch_one


def put(db: apsw.Connection, episode_key: int, status: str, state: str, now: float) -> None:
    """Write a run's state in the place of an earlier one."""
    db.execute(
        "INSERT INTO runs (episode_key, status, state, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT (episode_key)"
        " DO UPDATE SET status = excluded.status, state = excluded.state, updated_at = excluded.updated_at",
        (episode_key, status, state, now),
    )


def of_episode(db: apsw.Connection, plan_id: str) -> tuple[str, str, float] | None:
    """Status, state and when it was written, of the run that began with this episode."""
    sql = "SELECT status, state, updated_at FROM runs JOIN episodes ON key = episode_key WHERE plan_id = ?"
    return fetch_one(db, sql, (plan_id,))


def with_status(db: apsw.Connection, status: str, limit: int) -> list[str]:
    """Plan ids of the runs of a status, the latest first."""
    sql = (
        "SELECT plan_id FROM runs JOIN episodes ON key = episode_key WHERE status = ? ORDER BY updated_at DESC LIMIT ?"
    )
    return [plan_id for (plan_id,) in fetch_all(db, sql, (status, limit))]
