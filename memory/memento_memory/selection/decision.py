"""What a policy saw and did for one episode: everything needed to learn from it and to judge other policies by it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]


class Arm(StrEnum):
    """How the slate of an episode came about."""

    GREEDY = "greedy"
    DRAWN = "drawn"
    HELD_OUT = "held_out"


@dataclass(frozen=True, slots=True)
class Decision:
    """A draw from n candidates, none of them a warning.

    Attributes:
        version: of the value model in force; 0 is the prior.
        k: most examples that could be drawn.
        alpha: temperature of the drawn slates.
        explore, holdout: shares of episodes drawn, and held out from memory.
        log_propensity: of the slate under the mixture of all arms, at most 0; nan where the policy cannot tell.
        threshold: the similarity at which a case is as good as none.
        void_value: Q of showing none, in [0, 1].
        case_ids: the candidates, n names.
        drawn: indices of the examples shown, in order; warnings are not among them.
        forced: how many of those were not drawn but belong on the slate whatever the policy.
        similarity, value: of the candidates, in [0, 1], shape (n,).
        plan_group, task_group: equal numbers for equal plans and equal tasks, shape (n,); a slate never holds a plan
            twice, nor more than two plans of one task.
        pair: phi(s, c), shape (n, d).
        task: psi(s), shape (m,).
        vector: embedding of the task, shape (e,), empty where there is none.
    """

    version: int
    arm: Arm
    k: int
    alpha: float
    explore: float
    holdout: float
    log_propensity: float
    threshold: float
    void_value: float
    case_ids: tuple[str, ...]
    drawn: tuple[int, ...]
    forced: int
    similarity: Floats
    value: Floats
    plan_group: NDArray[np.int64]
    task_group: NDArray[np.int64]
    pair: Floats
    task: Floats
    vector: Vectors

    def to_bytes(self) -> bytes:
        """The candidates, compactly: what does not go into columns of its own."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            ids=np.array(self.case_ids, dtype=np.str_),
            drawn=np.array(self.drawn, np.int16),
            similarity=self.similarity.astype(np.float32),
            value=self.value.astype(np.float32),
            groups=np.stack([self.plan_group, self.task_group]).astype(np.int16),
            pair=self.pair.astype(np.float32),
            task=self.task.astype(np.float32),
            vector=self.vector.astype(np.float16),
        )
        return buffer.getvalue()
