"""What became of cases when they were tried, and what a task may know of it: everything but its own outcomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from benchmarks.learning.data import history_of
from benchmarks.learning.tables import Table
from numpy.typing import NDArray

from memento_memory.selection.episodic import History

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class Past:
    """Outcomes of trying cases of a table on its tasks.

    As in the product, they change what is known of showing a case, and not the case's own record.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._tried: dict[int, list[tuple[int, int, float]]] = defaultdict(list)

    def note(self, task: int, cases: Sequence[int] | Indices, rewards: Sequence[float] | Floats) -> None:
        """Cases were tried on a task."""
        for case, reward in zip(cases, rewards, strict=True):
            self._tried[int(case)].append((task, int(case), float(reward)))

    def of(self, task: int, cases: Indices) -> History:
        """What became of these cases on other tasks."""
        tried = [one for case in cases for one in self._tried.get(int(case), ()) if one[0] != task]
        return history_of(self.table, task, cases, tried)
