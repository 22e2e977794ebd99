"""What plan the bank's successes lead to expect for a task.

Multivariate ridge regression from the embedding of a task to that of the plan that solved it, around both means:

    plan(s) = y_mean + W' (s - x_mean),      W = (X'X + ridge I)^-1 X'Y      (rows of X and Y centred)

The same as the mean of a Gaussian process with a linear kernel (Rasmussen and Williams 2006, section 2.1). It needs no
outcome beyond the successes themselves. A case whose plan lies close to the expectation fits the task in a way that
the likeness of the two tasks does not show. One case more or less changes the centred sums by a rank-1 term, so the
inverse follows by the formula of Sherman and Morrison.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.errors import BankError, InputError

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

RIDGE = 0.05

_HEAD = struct.Struct("<4sIQd")
_MAGIC = b"MEP1"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What plan to expect for one task; vectors of shape (d,), not of unit length.

    Attributes:
        plan: the expected embedding of the plan.
        usual: the mean embedding of all plans, which is what is expected of a task nothing is known about.
        known: share of the task's distance from the mean task that the bank's tasks span, in [0, 1].
    """

    plan: Floats
    usual: Floats
    known: float


@dataclass(frozen=True, slots=True)
class ExpectedPlan:
    """The regression; never changed in place.

    Attributes:
        count: n, the number of successes in it.
        task_mean, plan_mean: shape (d,).
        inverse: of the centred X'X + ridge I, shape (d, d).
        weights: W, shape (d, d).
        ridge: above 0.
    """

    count: int
    task_mean: Floats
    plan_mean: Floats
    inverse: Floats
    weights: Floats
    ridge: float = RIDGE

    @classmethod
    def empty(cls, d: int, *, ridge: float = RIDGE) -> ExpectedPlan:
        """Nothing seen yet, for embeddings of d numbers.

        Raises:
            InputError: if the ridge is not above 0.
        """
        if not ridge > 0:
            raise InputError("ridge", f"is {ridge}; it must be above 0")
        return cls(0, np.zeros(d), np.zeros(d), np.eye(d) / ridge, np.zeros((d, d)), ridge)

    @classmethod
    def fit(cls, tasks: Vectors, plans: Vectors, *, ridge: float = RIDGE) -> ExpectedPlan:
        """The regression over n successes at once.

        Args:
            tasks, plans: their embeddings, shape (n, d) each.

        Raises:
            InputError: if the shapes differ or the ridge is not above 0.
        """
        if tasks.ndim != 2 or tasks.shape != plans.shape:
            raise InputError("plans", f"have shape {plans.shape}, the tasks {tasks.shape}")
        count, d = tasks.shape
        none = cls.empty(d, ridge=ridge)
        if count == 0:
            return none
        x, y = tasks.astype(np.float64), plans.astype(np.float64)
        task_mean, plan_mean = x.mean(0), y.mean(0)
        x, y = x - task_mean, y - plan_mean
        inverse = np.linalg.inv(x.T @ x + ridge * np.eye(d))
        return cls(count, task_mean, plan_mean, (inverse + inverse.T) / 2, inverse @ (x.T @ y), ridge)

    def added(self, task: Vectors, plan: Vectors) -> ExpectedPlan:
        """With one success more; both embeddings have shape (d,)."""
        count = self.count + 1
        return self._changed(task, plan, count, self.count / count)

    def removed(self, task: Vectors, plan: Vectors) -> ExpectedPlan:
        """Without one of its successes; nothing at all is left without the last one.

        Raises:
            InputError: if it cannot be one of them; fit all again then.
        """
        if self.count <= 1:
            return ExpectedPlan.empty(len(self.task_mean), ridge=self.ridge)
        return self._changed(task, plan, self.count - 1, -self.count / (self.count - 1))

    def predict(self, task: Vectors) -> Expectation | None:
        """What to expect for a task of shape (d,), or None while fewer than two successes are known."""
        if self.count < 2:
            return None
        x = task - self.task_mean
        size = float(x @ x)
        known = 1 - self.ridge * float(x @ self.inverse @ x) / size if size > 0 else 1.0
        return Expectation(self.plan_mean + x @ self.weights, self.plan_mean, min(max(known, 0.0), 1.0))

    def to_bytes(self) -> bytes:
        """All of it in single precision, little-endian: 1.2 MB for 384 numbers."""
        head = _HEAD.pack(_MAGIC, len(self.task_mean), self.count, self.ridge)
        parts = (self.task_mean, self.plan_mean, self.inverse, self.weights)
        return head + b"".join(part.astype("<f4").tobytes() for part in parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> ExpectedPlan:
        """Read what `to_bytes` wrote.

        Raises:
            BankError: if it is something else.
        """
        if len(data) < _HEAD.size or data[:4] != _MAGIC:
            raise BankError("the stored expectation of plans is not in a format this version reads; fit it again")
        _, d, count, ridge = _HEAD.unpack_from(data)
        if len(data) != _HEAD.size + 8 * d * (d + 1):
            raise BankError(f"the stored expectation of plans is cut short ({len(data)} bytes); fit it again")
        values = np.frombuffer(data, "<f4", offset=_HEAD.size).astype(np.float64)
        means, matrices = values[: 2 * d].reshape(2, d), values[2 * d :].reshape(2, d, d)
        return cls(count, means[0], means[1], matrices[0], matrices[1], ridge)

    def _changed(self, task: Vectors, plan: Vectors, count: int, share: float) -> ExpectedPlan:
        """With `share` times the outer products of a case's distances from the means put to the centred sums."""
        x, y = task.astype(np.float64) - self.task_mean, plan.astype(np.float64) - self.plan_mean
        along = self.inverse @ x
        left = 1 + share * float(x @ along)
        if not left > 0:
            raise InputError("task", "was never part of this regression; fit it again")
        weights = self.weights + np.outer(along, (share / left) * (y - x @ self.weights))
        inverse = self.inverse - np.outer(along, (share / left) * along)
        step = (count - self.count) / count
        return ExpectedPlan(count, self.task_mean + step * x, self.plan_mean + step * y, inverse, weights, self.ridge)
