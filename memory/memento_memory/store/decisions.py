"""What policies decided, in the bank file: the log that the learners and the off-policy evaluation read."""

from __future__ import annotations

import json
import logging
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np

from memento_memory.case import Evidence, Outcome, Result, Task
from memento_memory.decision import Arm, Candidates, Decision
from memento_memory.errors import BankError
from memento_memory.selection.episodic import History
from memento_memory.selection.features import PAIR, TASK
from memento_memory.selection.lastlayer import Site
from memento_memory.selection.value import SCHEMA
from memento_memory.store.query import fetch_all, fetch_number, fetch_one

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Vectors = NDArray[np.float32]

_HISTORY = 256  # showings of the candidates that are looked at, the newest
_COLUMNS = (
    "d.version, d.arm, d.k, d.alpha, d.explore, d.holdout, d.log_propensity, d.threshold, d.void_value, d.forced, "
    "d.vector, d.candidates"
)
_LEARNED = struct.Struct("<qdddd")
_UNTOLD = -1  # no version's number: a fit to the whole log takes the place of what cannot be taken out
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Logged:
    """One episode with what its policy decided.

    Attributes:
        key: row key of the episode; later episodes have larger ones.
        outcome: the strongest recorded, or None while it is open.
        used: aligned with `decision.drawn`; None where nothing was said of a case.
        previous: row key of the attempt at the same task that this one follows.
        only_warned: whether failures were shown as warnings, and nothing to follow: neither with a case nor without.
    """

    key: int
    plan_id: str
    namespace: str
    task: Task
    decision: Decision
    outcome: Result | None
    used: tuple[bool | None, ...]
    previous: int | None
    created_at: float
    recorded_at: float | None
    only_warned: bool = False


@dataclass(frozen=True, slots=True)
class Learned:
    """What an outcome put into a version of the value model.

    Attributes:
        row: the design row it was learned with, shape (m + d,).
        site, reference: what it put into the layer, and into the layer's reference.
    """

    version: int
    row: Floats
    site: Site
    reference: Site


def put(db: apsw.Connection, episode_key: int, decision: Decision) -> None:
    """Write down the decision of an episode."""
    d = decision
    db.execute(
        "INSERT INTO decisions (episode_key, version, arm, k, alpha, explore, holdout, log_propensity, threshold,"
        " void_value, forced, vector, candidates) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(episode_key, d.version, d.arm.value, d.k, d.alpha, d.explore, d.holdout, d.log_propensity),
            *(d.threshold, d.void_value, d.forced),
            *(d.vector.astype("<f2").tobytes(), _packed(d)),
        ),
    )


def of(db: apsw.Connection, episode_key: int) -> Decision | None:
    """The decision of an episode, or None where there was none, or it cannot be read, which is logged."""
    row = fetch_one(db, f"SELECT {_COLUMNS} FROM decisions d WHERE episode_key = ?", (episode_key,))
    return _readable(row, episode_key) if row else None


def logged(
    db: apsw.Connection, *, after: int = 0, newest: int | None = None, until: float = math.inf
) -> Iterator[Logged]:
    """All episodes with a decision that can be read, oldest first.

    Args:
        after: only those with a larger row key.
        newest: only so many, the newest.
        until: only those begun by then, in seconds since the epoch.
    """
    if newest is not None:
        after = max(after, _before_newest(db, newest, until))
    sql = (
        f"SELECT e.key, e.plan_id, e.namespace, e.task, e.context, e.outcome, e.reward, e.evidence, e.notes,"
        f" e.previous, e.created_at, e.recorded_at, (SELECT json_group_object(case_id, used) FROM slates s WHERE"
        f" s.episode_key = e.key), {_COLUMNS} FROM episodes e JOIN decisions d ON d.episode_key = e.key"
        f" WHERE e.key > ? AND e.created_at <= ? ORDER BY e.key"
    )
    for row in db.execute(sql, (after, until)):
        key, plan_id, namespace, task, context, outcome, reward, evidence, notes = row[:9]
        previous, created_at, recorded_at, used, *rest = row[9:]
        decision = _readable(rest, key)
        if decision is None:
            continue
        said = json.loads(used)
        yield Logged(
            key,
            plan_id,
            namespace,
            Task(task, context),
            decision,
            Result(Outcome(outcome), reward, Evidence(evidence), notes) if outcome else None,
            tuple(_flag(said.get(decision.candidates.case_ids[i])) for i in decision.drawn),
            previous,
            created_at,
            recorded_at,
            bool(said) and not decision.drawn,
        )


def only_warned(db: apsw.Connection, episode_key: int, decision: Decision) -> bool:
    """Whether failures were shown as warnings for an episode, and nothing to follow."""
    sql = "SELECT EXISTS (SELECT 1 FROM slates WHERE episode_key = ?)"
    return not decision.drawn and bool(fetch_number(db, sql, (episode_key,)))


def used_of(db: apsw.Connection, episode_key: int, decision: Decision) -> tuple[bool | None, ...]:
    """Which of the examples shown were said to have helped, aligned with `decision.drawn`."""
    rows = fetch_all(db, "SELECT case_id, used FROM slates WHERE episode_key = ?", (episode_key,))
    said = {case_id: _flag(used) for case_id, used in rows}
    return tuple(said.get(decision.candidates.case_ids[i]) for i in decision.drawn)


def learned(db: apsw.Connection, episode_key: int) -> Learned | None:
    """What the outcome of an episode put into the value model, or None."""
    row = fetch_one(db, "SELECT learned FROM decisions WHERE episode_key = ?", (episode_key,))
    if row is None or row[0] is None:
        return None
    blob = row[0]
    if len(blob) < _LEARNED.size or len(blob) % 8:
        return Learned(_UNTOLD, np.empty(0), Site(0, 0), Site(0, 0))
    version, *numbers = _LEARNED.unpack_from(blob)
    return Learned(version, np.frombuffer(blob, "<f8", offset=_LEARNED.size), Site(*numbers[:2]), Site(*numbers[2:]))


def put_learned(db: apsw.Connection, episode_key: int, learned: Learned | None) -> None:
    """Write down what the outcome of an episode put into the value model; None where it is out again."""
    blob = None
    if learned is not None:
        sites = (learned.site, learned.reference)
        head = _LEARNED.pack(learned.version, *(number for site in sites for number in (site.strength, site.shift)))
        blob = head + learned.row.astype("<f8").tobytes()
    db.execute("UPDATE decisions SET learned = ? WHERE episode_key = ?", (blob, episode_key))


def note_watched(db: apsw.Connection, episode_key: int, version: int) -> bool:
    """Note that a version's watch counts the outcome of an episode; returns whether it did not do so before."""
    sql = "UPDATE decisions SET watched = ? WHERE episode_key = ? AND watched IS NOT ?"
    db.execute(sql, (version, episode_key, version))
    return db.changes() > 0


def forget_learned(db: apsw.Connection) -> None:
    """Note that no outcome is in the value model in force."""
    db.execute("UPDATE decisions SET learned = NULL WHERE learned IS NOT NULL")


def history(db: apsw.Connection, case_keys: Sequence[int], vector: Vectors | None) -> History:
    """What became of these cases when they were shown before, newest first, at most 256 showings.

    Args:
        vector: embedding of the present task; without one nothing is known of the similarity, and nothing is found.
    """
    nothing = History(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))
    if vector is None or not case_keys:
        return nothing
    # A case may have been shown thousands of times: an index alone sorts the showings, and few of them are looked at.
    rows = fetch_all(
        db,
        "WITH newest AS MATERIALIZED (SELECT case_key, episode_key, position FROM slates"
        " WHERE case_key IN (SELECT value FROM json_each(?)) ORDER BY episode_key DESC)"
        " SELECT n.case_key, d.vector, e.reward, e.evidence FROM newest n"
        " CROSS JOIN slates s ON s.episode_key = n.episode_key AND s.position = n.position"
        " CROSS JOIN episodes e ON e.key = n.episode_key CROSS JOIN decisions d ON d.episode_key = n.episode_key"
        " WHERE s.used IS NOT 0 AND e.reward IS NOT NULL AND length(d.vector) = ? LIMIT ?",
        (json.dumps(list(case_keys)), 2 * len(vector), _HISTORY),
    )
    if not rows:
        return nothing
    place = {key: i for i, key in enumerate(case_keys)}
    tasks = np.frombuffer(b"".join(row[1] for row in rows), "<f2").reshape(len(rows), -1).astype(np.float32)
    return History(
        np.array([place[row[0]] for row in rows], np.int64),
        (tasks @ vector).astype(np.float64),
        np.array([row[2] for row in rows], np.float64),
        np.array([Evidence(row[3]).weight for row in rows], np.float64),
    )


def _flag(used: int | None) -> bool | None:
    return None if used is None else bool(used)


def _packed(decision: Decision) -> bytes:
    drawn, best = decision.drawn, decision.best
    head = struct.pack(f"<2h{len(drawn) + len(best)}h", len(drawn), len(best), *drawn, *best)
    return head + decision.candidates.to_bytes()


def _before_newest(db: apsw.Connection, newest: int, until: float) -> int:
    """Row key of the last episode before the newest ones; 0 where there is none."""
    sql = (
        "SELECT episode_key FROM decisions JOIN episodes ON key = episode_key WHERE created_at <= ?"
        " ORDER BY episode_key DESC LIMIT 1 OFFSET ?"
    )
    row = fetch_one(db, sql, (until, newest))
    return int(row[0]) if row else 0


def _readable(row: Sequence[Any], episode_key: int) -> Decision | None:
    try:
        decision = _decision(row)
        seen = decision.candidates
        if not all(0 <= i < len(seen.case_ids) for i in (*decision.drawn, *decision.best)):
            raise BankError("it names candidates that are not there")
        if seen.schema == SCHEMA and (len(seen.task), seen.pair.shape[1]) != (len(TASK), len(PAIR)):
            raise BankError("its features are not as many as their names")
    except (BankError, struct.error, ValueError) as error:
        _log.warning("the decision of episode %d is left out, for it cannot be read: %s", episode_key, error)
        return None
    return decision


def _decision(row: Sequence[Any]) -> Decision:
    version, arm, k, alpha, explore, holdout, log_propensity, threshold, void_value, forced, vector, blob = row
    shown, most = struct.unpack_from("<2h", blob)
    indices = struct.unpack_from(f"<{shown + most}h", blob, 4)
    return Decision(
        version,
        Arm(arm),
        k,
        alpha,
        explore,
        holdout,
        log_propensity,
        threshold,
        void_value,
        indices[:shown],
        indices[shown:],
        forced,
        Candidates.from_bytes(blob[4 + 2 * len(indices) :]),
        np.frombuffer(vector, "<f2").astype(np.float32),
    )
