"""What a policy saw and did for one episode: everything needed to learn from it and to judge other policies by it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from memento_memory.errors import BankError

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]
Vectors = NDArray[np.float32]

_LOST = "check the bank with `memento doctor`, or restore it from a backup"


class Arm(StrEnum):
    """How the slate of an episode came about."""

    GREEDY = "greedy"
    DRAWN = "drawn"
    HELD_OUT = "held_out"


@dataclass(frozen=True, slots=True)
class Candidates:
    """The n cases a slate's examples were chosen from; failures, which are only ever warnings, are not among them.

    Attributes:
        schema: names of the features, in order.
        case_ids: n names.
        similarity: with the task, in [0, 1], shape (n,).
        value: Q(s, c) in [0, 1], shape (n,).
        plan_group, task_group: equal numbers for equal plans and for equal tasks, shape (n,); a slate never holds a
            plan twice, nor more than two plans of one task.
        pair: phi(s, c), shape (n, d).
        task: psi(s), shape (m,).
        weights: of the last layer when the values were made, shape (m + d,).
    """

    schema: str
    case_ids: tuple[str, ...]
    similarity: Floats
    value: Floats
    plan_group: Groups
    task_group: Groups
    pair: Floats
    task: Floats
    weights: Floats

    def to_bytes(self) -> bytes:
        """A JSON line with names and groups, then the numbers as little-endian float32."""
        groups = [self.plan_group.tolist(), self.task_group.tolist()]
        head = {"schema": self.schema, "ids": self.case_ids, "groups": groups, "task": len(self.task)}
        numbers = np.concatenate([self.similarity, self.value, self.task, self.weights, self.pair.ravel()])
        return json.dumps(head, separators=(",", ":")).encode() + b"\n" + numbers.astype("<f4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Candidates:
        """Read what `to_bytes` wrote.

        Raises:
            BankError: if it is something else.
        """
        line, _, rest = data.partition(b"\n")
        try:
            head = json.loads(line)
            ids, m, schema = tuple(head["ids"]), int(head["task"]), str(head["schema"])
            plans, tasks = (np.array(group, np.int64) for group in head["groups"])
            numbers = np.frombuffer(rest, "<f4").astype(np.float64)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise BankError(f"the stored candidates of a slate cannot be read ({error}); {_LOST}") from error
        n = len(ids)
        d, over = divmod(len(numbers) - 2 * n - 2 * m, n + 1)
        if min(d, m) < 0 or over or not plans.shape == tasks.shape == (n,) or not np.all(np.isfinite(numbers)):
            raise BankError(f"the stored candidates of a slate are cut short or damaged ({len(data)} bytes); {_LOST}")
        similarity, value, task, weights, pair = np.split(numbers, np.cumsum([n, n, m, m + d]))
        return cls(schema, ids, similarity, value, plans, tasks, pair.reshape(n, d), task, weights)


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice of a slate.

    Attributes:
        version: of the value model in force; 0 is the prior.
        k: most examples that could be shown.
        alpha: temperature of drawn slates.
        explore, holdout: shares of episodes whose slate is drawn, and that are held out from memory.
        log_propensity: of the slate under all arms together, at most 0; None where the policy cannot tell.
        threshold: the similarity at which a case is as good as none.
        void_value: Q of showing none, in [0, 1].
        drawn: indices of the candidates that were shown, in order.
        best: those the value model found worth the most, in order.
        forced: how many of those, at the front, belong on the slate whatever the policy.
        vector: embedding of the task, shape (e,), empty where there is none.
    """

    version: int
    arm: Arm
    k: int
    alpha: float
    explore: float
    holdout: float
    log_propensity: float | None
    threshold: float
    void_value: float
    drawn: tuple[int, ...]
    best: tuple[int, ...]
    forced: int
    candidates: Candidates
    vector: Vectors
