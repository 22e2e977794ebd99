"""What plan each namespace's successes lead to expect: kept in the bank, brought up to date by every process.

A fit of the newest successes is stored now and then; a process adds what has come since, as the vector log tells.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.errors import BankError
from memento_memory.selection.expected_plan import Expectation, ExpectedPlan
from memento_memory.store import meta, vectors
from memento_memory.store.query import fetch_all, fetch_number, fetch_one

Vectors = NDArray[np.float32]

_MOST = 20_000  # successes in one fit, the newest: 60 MB to read, a second to fit
_STALE_SHARE, _STALE_FROM = 0.05, 32  # how many may have come since the stored fit
_CATCH_UP = 64  # most successes that are added one by one; upkeep brings in what came before them

_log = logging.getLogger(__name__)


class Expectations:
    """One process's regressions, by namespace; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[int, ExpectedPlan]] = {}
        self._model = ""

    def of(self, db: apsw.Connection, namespaces: Sequence[str], vector: Vectors | None) -> Expectation | None:
        """What to expect for a task in these namespaces; None while too little is known.

        Where several are asked for, the one with the most successes answers.
        """
        if vector is None:
            return None
        with self._lock:
            if (model := meta.get(db, "weights_hash")) != self._model:
                self._held, self._model = {}, model  # embeddings of two models do not mix
            last = _last(db)
            found = [plan for name in namespaces if (plan := self._current(db, name, last)) is not None]
        best = max(found, key=lambda plan: plan.count, default=None)
        if best is None or len(best.task_mean) != len(vector):
            return None
        return best.predict(vector)

    def _current(self, db: apsw.Connection, namespace: str, last: int) -> ExpectedPlan | None:
        held = self._held.get(namespace)
        if held is not None and held[0] >= last:
            return held[1]
        # SQLite reads all of the row to find it, so it is looked for only where the log has moved on.
        row = fetch_one(db, "SELECT seq FROM expectations WHERE namespace = ?", (namespace,))
        if held is None or (row is not None and row[0] > held[0]):
            held = (_stored(db, namespace) if row is not None else None) or _fitted(db, namespace, _STALE_FROM)
        if held is not None:
            self._held[namespace] = held = _caught_up(db, namespace, *held)
        return held[1] if held else None


def stale(db: apsw.Connection) -> list[str]:
    """Namespaces whose stored fit is damaged, or lacks many of the cases by now."""
    counts = fetch_all(db, "SELECT namespace, count(*), max(case_key) FROM case_vectors GROUP BY namespace")
    seqs = dict(fetch_all(db, "SELECT namespace, seq FROM expectations"))
    return [
        name
        for name, count, _ in counts
        if (name in seqs and _stored(db, name) is None)
        or _since(db, name, seqs.get(name, 0)) >= max(_STALE_FROM, _STALE_SHARE * min(count, _MOST))
    ]


def fit(db: apsw.Connection, namespace: str) -> tuple[int, bytes] | None:
    """Fit a namespace anew; returns the entry of the vector log it is good for, and what to store."""
    found = _fitted(db, namespace, _MOST)
    return (found[0], found[1].to_bytes()) if found else None


def put(db: apsw.Connection, namespace: str, seq: int, state: bytes) -> None:
    """Store a fit, unless another embedding model came into use since it was made."""
    if seq < int(meta.get(db, "bound_at") or 0):
        return
    db.execute("INSERT OR REPLACE INTO expectations (namespace, seq, state) VALUES (?, ?, ?)", (namespace, seq, state))


def _fitted(db: apsw.Connection, namespace: str, most: int) -> tuple[int, ExpectedPlan] | None:
    tasks, plans = vectors.successes(db, namespace, most)
    return (_last(db), ExpectedPlan.fit(tasks, plans)) if len(tasks) else None


def _stored(db: apsw.Connection, namespace: str) -> tuple[int, ExpectedPlan] | None:
    """What is stored; None where that is nothing, or cannot be used, which is logged."""
    row = fetch_one(db, "SELECT seq, state FROM expectations WHERE namespace = ?", (namespace,))
    if row is None:
        return None
    try:
        plan = ExpectedPlan.from_bytes(row[1])
    except BankError as error:
        _log.warning("namespace %s: %s; upkeep does so", namespace, error)
        return None
    sound = all(np.isfinite(part).all() for part in (plan.task_mean, plan.plan_mean, plan.inverse, plan.weights))
    if not sound or len(plan.task_mean) != int(meta.get(db, "dimension") or 0):
        _log.warning("namespace %s: the stored expectation of plans is damaged; upkeep fits it again", namespace)
        return None
    return row[0], plan


def _caught_up(db: apsw.Connection, namespace: str, seq: int, plan: ExpectedPlan) -> tuple[int, ExpectedPlan]:
    last = _last(db)
    if last <= seq:
        return seq, plan
    tasks, plans = vectors.successes(db, namespace, _CATCH_UP, after=seq)
    for i in range(len(tasks)):
        plan = plan.added(tasks[i], plans[i])
    return last, plan


def _last(db: apsw.Connection) -> int:
    return fetch_number(db, "SELECT coalesce(max(seq), 0) FROM vector_log")


def _since(db: apsw.Connection, namespace: str, seq: int) -> int:
    sql = (
        "SELECT count(DISTINCT case_key) FROM vector_log l JOIN case_vectors v USING (case_key)"
        " WHERE l.seq > ? AND v.namespace = ?"
    )
    return fetch_number(db, sql, (seq, namespace))
