"""Curation of a bank in one pass: quarantine, merging, drift and the bounds, each action with its reason.

A pass reads in short transactions, decides outside of any, and writes in small batches, each looking again at what it
changes; so it may run beside other processes, be interrupted at any time, and never holds up a call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from memento_memory.case import Case
from memento_memory.curation import drift, holding, merging
from memento_memory.curation.bounds import Bounds, Eviction, evict
from memento_memory.curation.inspection import Mark, changed_since, duplicate, suspects
from memento_memory.store import cases, meta, vectors
from memento_memory.store.database import Database
from memento_memory.store.query import fetch_all

if TYPE_CHECKING:
    import apsw

    from memento_memory.store.codes import CodeCopy

INSPECTED = 200  # cases looked at between two writes, and in one pass of upkeep
_WRITTEN = 100  # actions in one write transaction
_SLACK = 0.02  # a namespace over its bound goes this far below it, so that not every new case asks for a pass
_MARK = "curated_until"
_UNSEEN = "curated_before_vectors"  # from where on cases were inspected while some waited for their vectors


class Kind(StrEnum):
    """What curation does to a case."""

    QUARANTINE = "quarantine"
    MERGE = "merge"
    EVICT = "evict"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that curation does, or would do.

    Attributes:
        reason: why, in plain words.
        key, updated_at: the case as it was when this was decided; it is left alone where it changed since.
        into: for a merge, the id and row key of the case that takes the other in.
    """

    kind: Kind
    case_id: str
    namespace: str
    task: str
    reason: str
    key: int
    updated_at: float
    into: tuple[str, int] = ("", 0)


def curate(
    database: Database,
    *,
    now: float,
    bounds: Bounds | None = None,
    namespaces: Sequence[str] = (),
    everything: bool = False,
    dry_run: bool = False,
    copy: CodeCopy | None = None,
) -> tuple[Action, ...]:
    """Bring a bank in order, and say what was done and why.

    Args:
        now: seconds since the epoch.
        bounds: of each namespace; None is no bound.
        namespaces: only these; all when left out.
        everything: inspect all cases, not only some of those that changed since the last pass.
        dry_run: decide and say, but change nothing.
        copy: the caller's copy of the codes, which makes finding neighbours quicker in large banks.
    """
    done = _inspect(database, now, namespaces, everything, dry_run, copy)
    if not dry_run:
        with database.reading() as db:
            decayed = bool(fetch_all(db, "SELECT 1 FROM cases WHERE decay < 1 LIMIT 1"))
        if decayed:
            with database.writing() as db:
                drift.refresh(db)
    if bounds is not None and (bounds.cases is not None or bounds.size is not None):
        taken = {action.key for action in done}
        for namespace in namespaces or _namespaces(database):
            evictions = _evictions(database, namespace, bounds, taken if dry_run else set())
            done += evictions if dry_run else _apply(database, evictions, now)
    return tuple(done)


def _inspect(
    database: Database, now: float, namespaces: Sequence[str], everything: bool, dry_run: bool, copy: CodeCopy | None
) -> list[Action]:
    if everything and copy is None:
        from memento_memory.store.codes import CodeCopy

        copy = CodeCopy()
    with database.reading() as db:
        mark = Mark() if everything else _mark(db)
    done: list[Action] = []
    while True:
        with database.reading() as db:
            changed = changed_since(db, mark, INSPECTED)
            if changed and copy is not None:
                copy.refresh(db)
            proposed = _suspicious(
                db, [item for item in changed if not namespaces or item[1].namespace in namespaces], copy
            )
        done += proposed if dry_run else _apply(database, proposed, now)
        if changed:
            before, (key, last) = mark, changed[-1]
            mark = Mark(last.updated_at, key)
            if not dry_run and not namespaces:
                with database.writing() as db:
                    meta.put(db, _MARK, f"{mark.updated_at!r} {mark.key}")
                    _note_unseen(db, before)
        if len(changed) < INSPECTED or not everything:
            return list({(action.kind, action.key): action for action in done}.values())


def _suspicious(db: apsw.Connection, changed: Sequence[tuple[int, Case]], copy: CodeCopy | None) -> list[Action]:
    found: dict[int, Action] = {}
    for key, case in changed:
        for other, (suspect, reason) in suspects(db, key, case, copy).items():
            found.setdefault(other, _action(Kind.QUARANTINE, other, suspect, reason))
        if key not in found and (older := duplicate(db, key, case)) and older[0] not in found:
            reason = f"the same plan for the same task as {older[1].id}; their counts are added"
            found[key] = replace(_action(Kind.MERGE, key, case, reason), into=(older[1].id, older[0]))
    return list(found.values())


def _evictions(database: Database, namespace: str, bounds: Bounds, taken: set[int]) -> list[Action]:
    with database.reading() as db:
        if not holding.exceeds(db, namespace, bounds):
            return []
        keys, held = holding.read(db, namespace, bounds.cases, without=taken)
        if not any(bounds.excess(held)):
            return []
        gone = evict(held, holding.neighbours(db, namespace, keys), _below(bounds))
        found = cases.by_keys(db, [keys[eviction.row] for eviction in gone])
    proposed = []
    for eviction in gone:
        key = keys[eviction.row]
        if key in found:
            proposed.append(_action(Kind.EVICT, key, found[key], why_evicted(eviction)))
    return proposed


def _below(bounds: Bounds) -> Bounds:
    return Bounds(
        None if bounds.cases is None else math.ceil(bounds.cases * (1 - _SLACK)),
        None if bounds.size is None else math.ceil(bounds.size * (1 - _SLACK)),
    )


def why_evicted(eviction: Eviction) -> str:
    """The reason in plain words."""
    alone = "nothing else was left" if eviction.last else "least useful here"
    like = f"one {eviction.nearest:.2f} like it is kept" if eviction.nearest > 0 else "none like it is known"
    return f"{alone}: value {eviction.value:.2f}, asked for {eviction.demand:.2f} times lately, {like}"


def _apply(database: Database, actions: Sequence[Action], now: float) -> list[Action]:
    """Carry out what was proposed, except where a case changed or went meanwhile; return what was done."""
    done = []
    for first in range(0, len(actions), _WRITTEN):
        with database.writing() as db:
            part = actions[first : first + _WRITTEN]
            there = cases.by_keys(db, [key for action in part for key in (action.key, action.into[1])])
            for action in part:
                case = there.get(action.key)
                if case is None or case.updated_at != action.updated_at:
                    continue
                if _carried_out(db, action, now, there):
                    done.append(action)
    return done


def _carried_out(db: apsw.Connection, action: Action, now: float, there: dict[int, Case]) -> bool:
    if action.kind is Kind.QUARANTINE:
        cases.quarantine(db, action.key, now, f"quarantined: {action.reason}")
    elif action.kind is Kind.EVICT:
        if there[action.key].pinned:
            return False
        cases.set_forgotten(db, action.key, now, f"evicted: {action.reason}")
    else:
        if len(cases.by_keys(db, [action.key, action.into[1]])) < 2:
            return False
        merging.merge(db, action.into[1], action.key, now)
    return True


def _action(kind: Kind, key: int, case: Case, reason: str) -> Action:
    return Action(kind, case.id, case.namespace, case.task.text, reason, key, case.updated_at)


def _mark(db: apsw.Connection) -> Mark:
    unseen = "" if vectors.without_vector(db, 1) else meta.get(db, _UNSEEN)
    text = unseen or meta.get(db, _MARK)
    if not text:
        return Mark()
    updated_at, key = text.split()
    return Mark(float(updated_at), int(key))


def _note_unseen(db: apsw.Connection, before: Mark) -> None:
    """Remember where to look again once all vectors are there; forget it when that was where this pass began."""
    began, known = f"{before.updated_at!r} {before.key}", meta.get(db, _UNSEEN)
    if vectors.without_vector(db, 1):
        if not known:
            meta.put(db, _UNSEEN, began)
    elif known == began:
        meta.put(db, _UNSEEN, "")


def _namespaces(database: Database) -> list[str]:
    with database.reading() as db:
        return [name for (name,) in fetch_all(db, "SELECT DISTINCT namespace FROM cases WHERE forgotten_at IS NULL")]
