"""Merging near-duplicates that were not merged when they came in: imported, or recorded before they had vectors.

The older case keeps its name and takes over the other's counts, tags and episodes; the other is forgotten, and
restoring it takes them back.
"""

from __future__ import annotations

from dataclasses import replace

import apsw

from memento_memory.case import Case, Outcome, Result
from memento_memory.errors import NotFoundError
from memento_memory.store import cases
from memento_memory.store.query import fetch_one


def merged(keeper: Case, other: Case) -> Case:
    """The case that stands for both: their counts added, the label that weighs more, the stronger evidence."""
    successes, failures = keeper.successes + other.successes, keeper.failures + other.failures
    heavier = max(keeper, other, key=lambda case: case.successes + case.failures)
    label = heavier.result.outcome
    known = {case.result.outcome for case in (keeper, other)} - {Outcome.UNKNOWN}
    if len(known) > 1:
        label = Outcome.SUCCESS if successes >= failures else Outcome.FAILURE
    total = successes + failures
    evidence = min(keeper.result.evidence, other.result.evidence, key=lambda evidence: evidence.rank)
    reward = None if label is Outcome.UNKNOWN else successes / total if total > 0 else heavier.result.reward
    return replace(
        keeper,
        result=Result(label, reward, evidence, keeper.result.notes or other.result.notes),
        tags=tuple(sorted({*keeper.tags, *other.tags})),
        successes=successes,
        failures=failures,
        updated_at=max(keeper.updated_at, other.updated_at),
    )


def _graded(case: Case) -> Result:
    total = case.successes + case.failures
    if total <= 0:
        return case.result
    label = Outcome.SUCCESS if case.successes >= case.failures else Outcome.FAILURE
    return replace(case.result, outcome=label, reward=case.successes / total)


def merge(db: apsw.Connection, keeper_key: int, other_key: int, now: float) -> None:
    """Merge one active case into another; run it inside a write transaction.

    Raises:
        NotFoundError: if either is gone.
    """
    found = cases.by_keys(db, [keeper_key, other_key])
    if len(found) < 2:
        raise NotFoundError("case_id", "one of the two cases is gone; run `memento curate` again")
    keeper, other = found[keeper_key], found[other_key]
    cases.update(db, keeper_key, merged(keeper, other))
    db.execute(
        "UPDATE cases SET shown = shown + ?, used = used + ? WHERE key = ?", (other.shown, other.used, keeper_key)
    )
    db.execute("UPDATE cases SET pinned = 1 WHERE key = ? AND ?", (keeper_key, other.pinned))
    db.execute("INSERT INTO merges (case_key, into_key) VALUES (?, ?)", (other_key, keeper_key))
    db.execute(
        "INSERT OR REPLACE INTO merged_episodes SELECT key, case_key FROM episodes WHERE case_key = ?", (other_key,)
    )
    db.execute("UPDATE episodes SET case_key = ? WHERE case_key = ?", (keeper_key, other_key))
    cases.set_forgotten(db, other_key, now, f"merged into {keeper.id}, which has the same plan for the same task")


def unmerge(db: apsw.Connection, case_key: int) -> None:
    """Give a case that was merged its counts and episodes back; nothing where it was not. Run it before restoring.

    From then on it counts as confirmed: as a case of its own.
    """
    row = fetch_one(db, "SELECT into_key FROM merges WHERE case_key = ?", (case_key,))
    if row is None:
        return
    db.execute(
        "UPDATE cases SET successes = max(cases.successes - other.successes, 0),"
        " failures = max(cases.failures - other.failures, 0), shown = max(cases.shown - other.shown, 0),"
        " used = max(cases.used - other.used, 0)"
        " FROM cases AS other WHERE cases.key = ? AND other.key = ?",
        (row[0], case_key),
    )
    for keeper_key, keeper in cases.by_keys(db, [row[0]]).items():
        cases.update(db, keeper_key, replace(keeper, result=_graded(keeper)))
    db.execute(
        "UPDATE episodes SET case_key = :key"
        " WHERE key IN (SELECT episode_key FROM merged_episodes WHERE case_key = :key)",
        {"key": case_key},
    )
    db.execute("UPDATE cases SET confirmed = 1 WHERE key = ?", (case_key,))
    db.execute("DELETE FROM merged_episodes WHERE case_key = ?", (case_key,))
    db.execute("DELETE FROM merges WHERE case_key = ?", (case_key,))
