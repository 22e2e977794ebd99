"""Q(s, c): the probability that showing case c leads to success on task s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from memento_memory.case import Case, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_MEMORY = 0.5
"""Q of the void case while nothing is known about it: the mean of the uniform prior."""


class ValueModel(Protocol):
    """Anything that estimates Q for the candidates of one task."""

    def values(self, task: Task, cases: Sequence[Case], similarity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Estimate Q(s, c) in [0, 1] for every case, shape (n,); `similarity` in [0, 1] has the same shape."""
        ...


class BetaValue:
    """The mean of each case's own Beta posterior under a uniform prior, whatever the task.

    Q(c) = (1 + successes) / (2 + successes + failures), with evidence-weighted counts: between 0 and 1, increasing
    in successes, decreasing in failures, and 1/2 for a case nothing is known about.
    """

    def values(self, task: Task, cases: Sequence[Case], similarity: NDArray[np.float64]) -> NDArray[np.float64]:
        import numpy as np

        return np.array([posterior_mean(case.successes, case.failures) for case in cases], np.float64)


def posterior_mean(successes: float, failures: float) -> float:
    """Mean of Beta(1 + successes, 1 + failures); counts at least 0."""
    return (1 + successes) / (2 + successes + failures)
