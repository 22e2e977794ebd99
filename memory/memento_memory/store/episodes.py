"""The episode log in the bank file: what was asked, what was shown, how it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import apsw

from memento_memory.case import Episode, Evidence, Outcome, Result, Shown, Slate, Task, task_hash
from memento_memory.errors import NotFoundError
from memento_memory.plan import Plan
from memento_memory.store import cases
from memento_memory.store.cases import plan_from_text, plan_to_text
from memento_memory.store.query import fetch_all, fetch_number, fetch_one

_ONE_EFFORT_S = 86_400.0  # a task tried again after longer than this is a new effort
_COLUMNS = (
    "key, plan_id, namespace, task, context, policy, ranking, void_probability, draft, plan, outcome, reward, "
    "evidence, notes, (SELECT id FROM cases WHERE cases.key = case_key), host, model, created_at, recorded_at, "
    "plan_drawn, calls, (SELECT plan_id FROM episodes before WHERE before.key = episodes.previous)"
)


def insert(db: apsw.Connection, episode: Episode, shown_keys: Sequence[int | None]) -> int:
    """Append an episode with its slate, whose cases have these row keys (None: gone), and count the showings."""
    slate = episode.slate
    db.execute(
        "INSERT INTO episodes (plan_id, namespace, task, context, policy, ranking, void_probability, draft, host,"
        " model, created_at, task_hash, previous) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " (SELECT key FROM episodes WHERE plan_id = ?))",
        (
            *(episode.plan_id, episode.namespace, episode.task.text, episode.task.context),
            *(slate.policy, slate.ranking, slate.void_probability),
            *(
                plan_to_text(episode.draft) if episode.draft else None,
                episode.host,
                episode.model,
                episode.created_at,
                task_hash(episode.namespace, episode.task),
                episode.previous,
            ),
        ),
    )
    key = db.last_insert_rowid()
    for position, (entry, case_key) in enumerate(zip(slate.shown, shown_keys, strict=True)):
        db.execute(
            "INSERT INTO slates (episode_key, position, case_id, case_key, similarity, value, repeat)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*(key, position, entry.case.id, case_key), *(entry.similarity, entry.value, entry.repeat)),
        )
    if slate.decision is not None:
        from memento_memory.store import decisions  # brings NumPy

        decisions.put(db, key, slate.decision)
    if there := [case_key for case_key in shown_keys if case_key is not None]:
        cases.count_shown(db, there)
    return key


def open_(db: apsw.Connection, episode: Episode) -> Episode:
    """Append an episode and return it as it can be read back: without the cases of its slate that are gone by now.

    The log keeps their names, for it tells what was drawn. A new plan soon after the same task failed continues that
    trajectory, whether the caller says so or not.
    """
    episode = replace(episode, previous=episode.previous or _failed_before(db, episode))
    keys = cases.keys_of(db, [shown.case.id for shown in episode.slate.shown])
    insert(db, episode, [keys.get(shown.case.id) for shown in episode.slate.shown])
    kept = tuple(shown for shown in episode.slate.shown if shown.case.id in keys)
    return replace(episode, slate=replace(episode.slate, shown=kept))


def _failed_before(db: apsw.Connection, episode: Episode) -> str:
    """The latest attempt at the same task, if it failed not long ago; its plan_id, or ""."""
    row = fetch_one(
        db,
        "SELECT plan_id, outcome, recorded_at FROM episodes WHERE task_hash = ? AND outcome IS NOT NULL"
        " ORDER BY key DESC LIMIT 1",
        (task_hash(episode.namespace, episode.task),),
    )
    recent = row is not None and row[2] >= episode.created_at - _ONE_EFFORT_S
    return str(row[0]) if row and recent and row[1] == Outcome.FAILURE.value else ""


def by_plan_id(db: apsw.Connection, plan_id: str) -> tuple[int, Episode] | None:
    """The episode with its row key."""
    row = fetch_one(db, f"SELECT {_COLUMNS} FROM episodes WHERE plan_id = ?", (plan_id,))
    if row is None:
        return None
    (
        key,
        plan_id,
        namespace,
        task,
        context,
        policy,
        ranking,
        void,
        draft,
        plan,
        outcome,
        reward,
        evidence,
        notes,
    ) = row[:14]
    case_id, host, model, created_at, recorded_at, plan_drawn, calls, previous = row[14:]
    result = Result(Outcome(outcome), reward, Evidence(evidence), notes) if outcome else None
    return key, Episode(
        plan_id=plan_id,
        namespace=namespace,
        task=Task(task, context),
        slate=Slate(_shown(db, key), void, policy, ranking),
        draft=plan_from_text(draft) if draft else None,
        result=result,
        plan=plan_from_text(plan) if plan else None,
        plan_drawn=bool(plan_drawn),
        calls=calls,
        case_id=case_id or "",
        previous=previous or "",
        host=host,
        model=model,
        created_at=created_at,
        recorded_at=recorded_at,
    )


def named(db: apsw.Connection, plan_id: str) -> tuple[int, Episode]:
    """The episode with its row key.

    Raises:
        NotFoundError: if there is none of this name.
    """
    found = by_plan_id(db, plan_id)
    if found is None:
        raise NotFoundError(
            "plan_id", f"there is no episode {plan_id!r}; use the plan_id that plan_with_memory returned"
        )
    return found


def _shown(db: apsw.Connection, key: int) -> tuple[Shown, ...]:
    rows = fetch_all(
        db,
        "SELECT case_id, similarity, value, repeat, used FROM slates WHERE episode_key = ? ORDER BY position",
        (key,),
    )
    found = []
    for case_id, similarity, value, repeat, used in rows:
        stored = cases.by_id(db, case_id)
        if stored is not None:
            flag = None if used is None else bool(used)
            found.append(Shown(stored[1], similarity, value, repeat=bool(repeat), used=flag))
    return tuple(found)


def result_with(db: apsw.Connection, key: int, evidence: Evidence) -> Result | None:
    """The outcome already recorded with this kind of evidence."""
    row = fetch_one(
        db,
        "SELECT outcome, reward, notes FROM outcomes WHERE episode_key = ? AND evidence = ?",
        (key, evidence.value),
    )
    return Result(Outcome(row[0]), row[1], evidence, row[2]) if row else None


def put_result(db: apsw.Connection, key: int, result: Result, now: float) -> None:
    """Write the outcome for its kind of evidence, in place of an earlier one."""
    db.execute(
        "INSERT OR REPLACE INTO outcomes (episode_key, evidence, outcome, reward, notes, recorded_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (key, result.evidence.value, result.outcome.value, result.reward, result.notes, now),
    )


def strongest(db: apsw.Connection, key: int) -> Result | None:
    """The outcome with the strongest evidence among those recorded."""
    rows = fetch_all(db, "SELECT evidence, outcome, reward, notes FROM outcomes WHERE episode_key = ?", (key,))
    results = [Result(Outcome(o), r, Evidence(e), n) for e, o, r, n in rows]
    return min(results, key=lambda result: result.evidence.rank, default=None)


def set_draft(db: apsw.Connection, key: int, plan: Plan) -> None:
    """Write the plan that is carried out in the place of the draft."""
    db.execute("UPDATE episodes SET draft = ? WHERE key = ?", (plan_to_text(plan), key))


def set_outcome(db: apsw.Connection, key: int, episode: Episode, case_key: int | None) -> None:
    """Write what the episode ended in: its result, the plan as executed and the case these went to."""
    result = episode.result
    db.execute(
        "UPDATE episodes SET outcome = ?, reward = ?, evidence = ?, notes = ?, plan = ?, plan_drawn = ?, case_key = ?,"
        " recorded_at = ? WHERE key = ?",
        (
            *(
                (result.outcome.value, result.reward, result.evidence.value, result.notes)
                if result
                else (None, None, None, "")
            ),
            *(plan_to_text(episode.plan) if episode.plan else None, episode.plan_drawn),
            *(case_key, episode.recorded_at, key),
        ),
    )


def set_used(db: apsw.Connection, key: int, case_ids: Sequence[str]) -> None:
    """Mark which cases of the slate helped, and that the others did not; counts follow."""
    rows: list[tuple[Any, ...]] = fetch_all(
        db, "SELECT position, case_id, case_key, used FROM slates WHERE episode_key = ?", (key,)
    )
    for position, case_id, case_key, before in rows:
        now = case_id in case_ids
        db.execute("UPDATE slates SET used = ? WHERE episode_key = ? AND position = ?", (now, key, position))
        if case_key is not None and bool(before) is not now:
            cases.count_used(db, case_key, 1 if now else -1)


def of_case(db: apsw.Connection, case_key: int) -> int:
    """How many episodes ended in this case."""
    return fetch_number(db, "SELECT count(*) FROM episodes WHERE case_key = ?", (case_key,))


def failures_of(db: apsw.Connection, namespaces: Sequence[str], task: Task) -> tuple[float, float]:
    """How often this very task failed while nothing, and while some case, was shown, weighted by evidence."""
    sql = (
        "SELECT e.evidence, 1 - e.reward, EXISTS (SELECT 1 FROM slates s WHERE s.episode_key = e.key) FROM episodes e"
        " WHERE e.task_hash IN (SELECT value FROM json_each(?)) AND e.reward < 1"
    )
    totals = [0.0, 0.0]
    for evidence, lost, shown in fetch_all(db, sql, (json.dumps([task_hash(name, task) for name in namespaces]),)):
        totals[shown] += Evidence(evidence).weight * lost
    return totals[0], totals[1]


def with_prefix(db: apsw.Connection, prefix: str, limit: int) -> list[str]:
    """Plan ids that begin like this, newest first."""
    literal = "".join(f"[{c}]" if c in "*?[" else c for c in prefix)
    sql = "SELECT plan_id FROM episodes WHERE plan_id GLOB ? ORDER BY key DESC LIMIT ?"
    return [plan_id for (plan_id,) in fetch_all(db, sql, (literal + "*", limit))]
