"""Taking cases out of every search, and bringing them back."""

from __future__ import annotations

import apsw
import numpy as np
from numpy.typing import NDArray

from memento_memory.curation import merging
from memento_memory.errors import InputError
from memento_memory.store import cases, vectors

Vector = NDArray[np.float32]


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
    merging.unmerge(db, key)
    cases.set_forgotten(db, key, None)
    if vector is not None:
        vectors.put(db, key, vector, plan)
