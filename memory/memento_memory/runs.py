"""Runs: how far a task has been solved, written down so that a crash loses nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memento_memory.plan import Plan
from memento_memory.store import episodes, runs
from memento_memory.store.database import Database


@dataclass(frozen=True, slots=True)
class Run:
    """The state of a run as it was last written.

    Attributes:
        plan_id: the episode of its first cycle.
        status: running, solved, failed, gave_up or cancelled.
        state: JSON object; who runs it knows what is in it.
        updated_at: seconds since the epoch.
    """

    plan_id: str
    status: str
    state: Mapping[str, Any]
    updated_at: float


def save(database: Database, plan_id: str, status: str, state: Mapping[str, Any]) -> None:
    """Write a run down; on disk on return.

    Raises:
        NotFoundError: if there is no episode of this name.
    """
    text = json.dumps(state, ensure_ascii=False)
    with database.writing() as db:
        runs.put(db, episodes.named(db, plan_id)[0], status, text, time.time())


def load(database: Database, plan_id: str) -> Run | None:
    """The run that began with this episode, or None."""
    with database.reading() as db:
        found = runs.of_episode(db, plan_id)
    return Run(plan_id, found[0], json.loads(found[1]), found[2]) if found else None


def latest(database: Database, status: str, limit: int = 20) -> list[str]:
    """Plan ids of the runs of a status, the latest first."""
    with database.reading() as db:
        return runs.with_status(db, status, limit)


def adopt(database: Database, plan_id: str, plan: Plan) -> None:
    """Note the plan that is carried out for an episode, in the place of the draft that was offered.

    Raises:
        NotFoundError: if there is no episode of this name.
    """
    with database.writing() as db:
        episodes.set_draft(db, episodes.named(db, plan_id)[0], plan)
