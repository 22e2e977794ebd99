"""Which case a new one is a near-duplicate of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import apsw

from memento_memory.case import Case, Task, content_hash
from memento_memory.plan import Plan
from memento_memory.store import cases
from memento_memory.text import digits_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAME_TASK = 0.95  # cosine of two states from which on, with the same plan, they are one case

Cosines = Callable[[apsw.Connection, Sequence[int]], dict[int, float]]


def equal_case(
    db: apsw.Connection, namespace: str, task: Task, plan: Plan, cosines: Cosines
) -> tuple[int, Case] | None:
    """The case this one is a near-duplicate of: the same plan skeleton, and the same task up to a threshold.

    Tasks whose numbers differ are different tasks, however close their embeddings.
    """
    if exact := cases.by_content(db, content_hash(namespace, task, plan)):
        return exact
    alike = [
        (key, case)
        for key, case in cases.with_plan(db, namespace, plan)
        if digits_in(case.task.state) == digits_in(task.state)
    ]
    if not alike:
        return None
    near = cosines(db, [key for key, _ in alike])
    best = max(alike, key=lambda item: near.get(item[0], 0.0))
    return best if near.get(best[0], 0.0) >= SAME_TASK else None


def state_cosines(vector: NDArray[np.float32] | None) -> Cosines:
    """Cosines of one embedded state to stored cases; none at all without a vector."""

    def cosines(db: apsw.Connection, keys: Sequence[int]) -> dict[int, float]:
        from memento_memory.store import vectors

        if vector is None:
            return {}
        found, matrix = vectors.of_cases(db, keys)
        return dict(zip(found, (matrix @ vector).tolist(), strict=True)) if found else {}

    return cosines
