"""What is known when cases are chosen for one task: everything a feature may look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memento_memory.case import Case, Task
from memento_memory.selection.episodic import History

if TYPE_CHECKING:
    from memento_memory.selection.expected_plan import Expectation

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sight:
    """One task and its n candidates.

    Attributes:
        similarity: fused similarity of the tasks, in [0, 1], shape (n,).
        threshold: the similarity at which a case is as good as none.
        cosine: of the tasks' embeddings, nan where there is no vector, shape (n,).
        vector: unit embedding of the task, shape (d,), or None while there is no embedder.
        vectors, plan_vectors: unit embeddings of the cases' tasks and plans, rows of nan where there is none, (n, d).
        expected: what plan the bank's successes lead to expect, or None where nothing is known about that.
        history: outcomes of earlier episodes that showed these cases.
        rarity: inverse document frequency of a word, at least 0.
        failed_alone, failed_shown: how often this very task failed while nothing, and while some case, was shown;
            weighted by evidence, at least 0.
        tools: of the tools that the cases' plans name, those not known to be missing; None where nothing is known.
        now: seconds since the epoch.
    """

    task: Task
    cases: Sequence[Case]
    similarity: Floats
    threshold: float
    cosine: Floats
    vector: Vectors | None
    vectors: Vectors
    plan_vectors: Vectors
    expected: Expectation | None
    history: History
    rarity: Callable[[str], float]
    failed_alone: float = 0.0
    failed_shown: float = 0.0
    tools: frozenset[str] | None = None
    now: float = 0.0
