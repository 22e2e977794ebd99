"""Taking cases out of every search, and bringing them back; what instructs its reader never gets into one."""

from __future__ import annotations

from dataclasses import replace

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.curation import merging
from memento_memory.curation.injection import suspicion
from memento_memory.errors import InputError
from memento_memory.retention import Retained
from memento_memory.store import cases, vectors

Vector = NDArray[np.float32]


def screened(db: apsw.Connection, retained: Retained, now: float) -> Retained:
    """Put the case of a new outcome in quarantine where its texts instruct the reader, in the same transaction.

    A case that was confirmed stays, unless what speaks to the reader came in since.
    """
    case, before = retained.case, retained.before
    if case is None:
        return retained
    if case.forgotten_at is None:
        words = suspicion(case)
        known = case.confirmed and before is not None and words == suspicion(before)
        if not words or known:
            return retained
        quarantine(db, case.id, words, now)
        case = cases.named(db, case.id)[1]
    elif case.quarantined_at is None:
        return retained
    why = case.forgotten_reason.removeprefix("quarantined: ")
    note = f"kept in quarantine until `memento confirm {case.id}`: {why}"
    return replace(retained, case=case, note="; ".join(filter(None, (retained.note, note))))


def quarantine(db: apsw.Connection, case_id: str, words: str, now: float) -> None:
    """Take a suspicious case out of every search until it is confirmed; run it inside a write transaction."""
    cases.quarantine(db, cases.named(db, case_id)[0], now, f"quarantined: {words}")


def forget(db: apsw.Connection, case_id: str, now: float) -> None:
    """Take a case out of every search, or a case in quarantine out for good; run it inside a write transaction.

    Raises:
        NotFoundError: if there is none of this name.
    """
    key, case = cases.named(db, case_id)
    if case.forgotten_at is None or case.quarantined_at is not None:
        cases.set_forgotten(db, key, now)


def restore(db: apsw.Connection, case_id: str, vector: Vector | None, plan: Vector | None) -> None:
    """Bring a forgotten case back; run it inside a write transaction.

    One in quarantine comes back as confirmed. One that was forgotten by hand, and instructs its reader, goes into
    quarantine instead.

    Args:
        vector, plan: embeddings of its task and plan, where a model that suits the bank is at hand.

    Raises:
        NotFoundError: if there is none of this name.
        InputError: if an equal case has been retained since.
    """
    key, case = cases.named(db, case_id)
    if case.forgotten_at is None:
        return
    if equal := cases.by_content(db, case.content_hash):
        raise InputError("case_id", f"{case_id} was learned again since, as {equal[1].id}; nothing to restore")
    if case.quarantined_at is None and not case.confirmed and (words := suspicion(case)):
        quarantine(db, case_id, words, case.forgotten_at)
        return
    merging.unmerge(db, key)
    cases.set_forgotten(db, key, None)
    if vector is not None:
        vectors.put(db, key, vector, plan)
