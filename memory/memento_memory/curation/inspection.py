"""What of the cases that came in or changed lately is suspicious, or a near-duplicate of an older one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw
import numpy as np

from memento_memory.case import Case, Outcome
from memento_memory.curation.injection import suspicion
from memento_memory.curation.outliers import ALIKE_TASK, contradiction
from memento_memory.duplicates import SAME_TASK
from memento_memory.selection.fusion import plan_agreement
from memento_memory.store import cases, vectors
from memento_memory.store.query import fetch_all
from memento_memory.text import digits_in

if TYPE_CHECKING:
    from memento_memory.store.codes import CodeCopy

_NEIGHBOURS = 32


@dataclass(frozen=True, slots=True)
class Mark:
    """How far cases have been inspected: the time of their last change, and their row key where times are equal."""

    updated_at: float = -1.0
    key: int = 0


def changed_since(db: apsw.Connection, mark: Mark, limit: int) -> list[tuple[int, Case]]:
    """Active cases that were made or changed after the mark, in that order."""
    sql = (
        "SELECT key FROM cases WHERE forgotten_at IS NULL AND updated_at >= ? AND (updated_at, key) > (?, ?)"
        " ORDER BY updated_at, key LIMIT ?"
    )
    keys = [key for (key,) in fetch_all(db, sql, (mark.updated_at, mark.updated_at, mark.key, limit))]
    found = cases.by_keys(db, keys)
    return [(key, found[key]) for key in keys]


def duplicate(db: apsw.Connection, key: int, case: Case) -> tuple[int, Case] | None:
    """The older case that this one is a near-duplicate of, by the rules of retain; None without vectors."""
    if case.confirmed:
        return None
    older = [
        (other, found)
        for other, found in cases.with_plan(db, case.namespace, case.plan)
        if other < key and digits_in(found.task.state) == digits_in(case.task.state)
    ]
    if not older:
        return None
    keys, matrix = vectors.of_cases(db, [key, *(other for other, _ in older)])
    if key not in keys:
        return None
    cosines = dict(zip(keys, (matrix @ matrix[keys.index(key)]).tolist(), strict=True))
    best = max(older, key=lambda item: cosines.get(item[0], 0.0))
    return best if cosines.get(best[0], 0.0) >= SAME_TASK else None


def suspects(db: apsw.Connection, key: int, case: Case, copy: CodeCopy | None = None) -> dict[int, tuple[Case, str]]:
    """The case, and those of its neighbours that it speaks against, with the reason why each is suspicious."""
    if not case.confirmed and (words := suspicion(case)):
        return {key: (case, words)}
    found = {}
    near = _near(db, key, case, copy)
    opposed = [
        (other, theirs)
        for other, (theirs, cosine) in near.items()
        if cosine >= ALIKE_TASK and theirs.result.outcome is not case.result.outcome
    ]
    for one, theirs in [(key, case), *opposed[:8]]:
        if not theirs.confirmed and (reason := _contradicted(db, one, theirs, near if one == key else None, copy)):
            found[one] = theirs, reason
    return found


def _near(db: apsw.Connection, key: int, case: Case, copy: CodeCopy | None) -> dict[int, tuple[Case, float]]:
    if case.result.outcome is Outcome.UNKNOWN:
        return {}
    keys, matrix = vectors.of_cases(db, [key])
    if not keys:
        return {}
    hits = dict(vectors.nearest(db, matrix[0], (case.namespace,), _NEIGHBOURS, copy))
    hits.pop(key, None)
    return {other: (found, hits[other]) for other, found in cases.by_keys(db, list(hits)).items()}


def _contradicted(
    db: apsw.Connection, key: int, case: Case, near: dict[int, tuple[Case, float]] | None, copy: CodeCopy | None
) -> str:
    near = _near(db, key, case, copy) if near is None else near
    if not near:
        return ""
    others = [other for other, _ in near.values()]
    found = contradiction(
        case.decay * case.successes,
        case.decay * case.failures,
        np.array([cosine for _, cosine in near.values()], np.float64),
        plan_agreement(case.plan.text(), [other.plan.text() for other in others]),
        np.array([other.decay * other.successes for other in others], np.float64),
        np.array([other.decay * other.failures for other in others], np.float64),
    )
    if found is None:
        return ""
    claim = "success" if case.successes > case.failures else "failure"
    return f"its {claim} contradicts {found.neighbours} much like it, which leave it a chance of {found.chance:.2f}"
