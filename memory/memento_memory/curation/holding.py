"""The cases of a namespace as the bound sees them, read from the bank file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.curation.bounds import Bounds, Near, Neighbours
from memento_memory.curation.usefulness import HALF_LIFE, Holding, demand
from memento_memory.store.query import fetch_all, fetch_number

_REMEMBERED = 6.0  # half-lives; what is older hardly counts
_LONGEST = 200_000  # episodes looked back upon
_BLOCK = 2_048  # vectors compared at a time
_SIZE = (
    "octet_length(task) + octet_length(context) + octet_length(state) + octet_length(plan) + octet_length(notes)"
    " + coalesce((SELECT octet_length(embedding) FROM case_vectors WHERE case_key = cases.key), 0)"
    " + coalesce((SELECT octet_length(embedding) FROM plan_vectors WHERE case_key = cases.key), 0)"
)


def exceeds(db: apsw.Connection, namespace: str, bounds: Bounds) -> bool:
    """Whether a namespace holds more than it may; quick where only a number is set."""
    where = "FROM cases WHERE forgotten_at IS NULL AND namespace = ?"
    if bounds.cases is not None and fetch_number(db, f"SELECT count(*) {where}", (namespace,)) > bounds.cases:
        return True
    return bounds.size is not None and (
        fetch_number(db, f"SELECT coalesce(sum({_SIZE}), 0) {where}", (namespace,)) > bounds.size
    )


def read(
    db: apsw.Connection, namespace: str, room: int | None, *, without: Collection[int] = ()
) -> tuple[list[int], Holding]:
    """Row keys of the active cases of a namespace, and what is known of their use.

    Args:
        room: the number of cases there is room for, which sets the half-life of a use; None is as many as there are.
        without: row keys of cases to leave out.
    """
    rows = fetch_all(
        db,
        f"SELECT key, outcome <> 'success', successes * decay, failures * decay, pinned, {_SIZE}, created_at"
        " FROM cases WHERE forgotten_at IS NULL AND namespace = ? ORDER BY key",
        (namespace,),
    )
    rows = [row for row in rows if row[0] not in without]
    if not rows:
        nothing = np.zeros(0)
        return [], Holding(nothing, nothing, nothing > 0, nothing, nothing > 0, nothing.astype(np.int64))
    keys, warns, successes, failures, pinned, size, made = (np.array(column) for column in zip(*rows, strict=True))
    failing = warns.astype(np.bool_)
    half_life = HALF_LIFE * max(room or len(rows), 1)
    asked = _demand(db, namespace, keys.astype(np.int64), made.astype(np.float64), failing, half_life)
    holding = Holding(
        successes.astype(np.float64), failures.astype(np.float64), failing, asked, pinned.astype(np.bool_), size
    )
    return keys.tolist(), holding


def _demand(
    db: apsw.Connection,
    namespace: str,
    keys: NDArray[np.int64],
    made: NDArray[np.float64],
    warns: NDArray[np.bool_],
    half_life: float,
) -> NDArray[np.float64]:
    """Uses on slates and outcomes that came to the cases, each aged by the episodes of the namespace since."""
    look_back = min(int(_REMEMBERED * half_life) + 1, _LONGEST)
    latest = fetch_all(
        db,
        "SELECT created_at, key FROM episodes WHERE namespace = ? ORDER BY created_at DESC, key DESC LIMIT ?",
        (namespace, look_back),
    )
    times = np.array([at for at, _ in latest[::-1]], np.float64)
    order = np.sort(np.array([key for _, key in latest], np.int64))
    first = int(order[0]) if len(order) else 0
    shown = fetch_all(
        db, "SELECT case_key, episode_key, 1.0 FROM slates WHERE episode_key >= ? AND case_key NOT NULL", (first,)
    )
    ended = fetch_all(db, "SELECT case_key, key, 0.0 FROM episodes WHERE case_key NOT NULL AND key >= ?", (first,))
    uses = np.array([*shown, *ended], np.float64).reshape(-1, 3)
    at = np.minimum(np.searchsorted(keys, uses[:, 0].astype(np.int64)), len(keys) - 1)
    ours = keys[at] == uses[:, 0]
    at, age = at[ours], len(order) - np.searchsorted(order, uses[ours, 1].astype(np.int64), side="right")
    showing = uses[ours, 2] > 0
    came = np.flatnonzero(np.bincount(at[~showing], minlength=len(keys)) == 0)  # imported, or made long ago
    births = len(times) - np.searchsorted(times, made[came], side="right")
    return demand(
        np.concatenate([age, births]).astype(np.float64),
        np.concatenate([at, came]),
        np.concatenate([showing, np.zeros(len(came), np.bool_)]),
        warns,
        half_life,
    )


def neighbours(db: apsw.Connection, namespace: str, keys: Sequence[int]) -> Near:
    """The nearest cases by their vectors, read block by block; cases without a vector are near to none."""
    row_of = {key: row for row, key in enumerate(keys)}

    def near(rows: NDArray[np.int64], k: int) -> Neighbours:
        from memento_memory.store import vectors

        found, matrix = vectors.of_cases(db, [keys[row] for row in rows])
        others, cosines = np.full((len(rows), k), -1, np.int64), np.full((len(rows), k), -1, np.float32)
        if not found or not k:
            return others, cosines
        at = {row_of[key]: i for i, key in enumerate(found)}
        mine = np.array([i for i, row in enumerate(rows) if row in at], np.int64)
        asked = matrix[[at[row] for row in rows[mine]]]
        best_rows, best = others[mine], cosines[mine]
        cursor = db.execute("SELECT case_key, embedding FROM case_vectors WHERE namespace = ?", (namespace,))
        while block := list(islice(cursor, _BLOCK)):
            theirs = np.array([row_of.get(int(key), -1) for key, _ in block], np.int64)
            held = np.frombuffer(b"".join(vector for _, vector in block), np.float32).reshape(len(block), -1)
            cosine = asked @ held.T
            cosine[(rows[mine][:, None] == theirs[None]) | (theirs[None] < 0)] = -1
            both = np.concatenate([best, cosine], axis=1)
            names = np.concatenate([best_rows, np.broadcast_to(theirs, cosine.shape)], axis=1)
            pick = np.argpartition(-both, k - 1, axis=1)[:, :k]
            best, best_rows = np.take_along_axis(both, pick, 1), np.take_along_axis(names, pick, 1)
        best_rows[best <= -1] = -1
        others[mine], cosines[mine] = best_rows, best
        return others, cosines

    return near
