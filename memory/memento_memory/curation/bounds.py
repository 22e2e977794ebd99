"""The bound on a namespace, by number and by bytes, kept by evicting what is least useful first.

Eviction is greedy and lazy: the case whose usefulness is smallest goes, which may leave a neighbour of it as the only
one of its region, so a usefulness is worked out anew against the cases still kept before it decides. As usefulness
only grows while others go, the smallest that is up to date is the smallest of all.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.curation.usefulness import Flags, Floats, Holding, coverage, value
from memento_memory.selection.fusion import USEFUL_FROM

SAME_TASK = 0.95  # cosine from which on two states are one task
CANDIDATES = 2_000  # looked at in one go; those with the least value and demand
NEIGHBOURS = 16

Neighbours = tuple[NDArray[np.int64], NDArray[np.float32]]
Near = Callable[[NDArray[np.int64], int], Neighbours]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a namespace may hold; None is no bound."""

    cases: int | None = None
    size: int | None = None

    def excess(self, holding: Holding) -> tuple[int, int]:
        """How many cases and how many bytes are too many."""
        number = 0 if self.cases is None else len(holding) - self.cases
        size = 0 if self.size is None else int(holding.size.sum()) - self.size
        return max(number, 0), max(size, 0)


@dataclass(frozen=True, slots=True)
class Eviction:
    """One case to evict, and what it was judged by.

    Attributes:
        row: in the holding.
        last: whether it was the only one of its region, and went because nothing else was left.
    """

    row: int
    usefulness: float
    value: float
    demand: float
    nearest: float
    last: bool


def evict(holding: Holding, near: Near, bounds: Bounds) -> list[Eviction]:
    """Choose what goes until the bounds hold, least useful first; pinned cases stay even if the bounds do not hold.

    The only success of its region (none other as similar as a case must be to be shown), and the only warning of a
    region whose task has no success, go after everything else.

    Args:
        near: for rows of the holding, shape (m,), the k nearest other rows and their cosines, shapes (m, k), in any
            order; row -1 where there are fewer.
    """
    number, size = bounds.excess(holding)
    if not number and not size:
        return []
    worth = value(holding)
    rows = _candidates(holding, worth * holding.demand, number)
    region = _Region(holding, rows, *near(rows, min(NEIGHBOURS, len(holding) - 1)))
    heap = [(*region.rank(i, worth), i) for i in range(len(rows))]
    heapq.heapify(heap)
    gone: list[Eviction] = []
    while heap and (number > 0 or size > 0):
        last, useful, i = heapq.heappop(heap)
        now = region.rank(i, worth)
        if now > (last, useful):
            heapq.heappush(heap, (*now, i))
            continue
        row = int(rows[i])
        gone.append(Eviction(row, useful, float(worth[row]), float(holding.demand[row]), region.nearest(i)[0], last))
        region.kept[row] = False
        number, size = number - 1, size - int(holding.size[row])
    return gone


def _candidates(holding: Holding, worth: Floats, number: int) -> NDArray[np.int64]:
    free = np.flatnonzero(~holding.pinned)
    most = max(CANDIDATES, 2 * number)
    return free if len(free) <= most else free[np.argpartition(worth[free], most)[:most]]


class _Region:
    """Who is still there around each candidate."""

    def __init__(
        self, holding: Holding, rows: NDArray[np.int64], others: NDArray[np.int64], cosines: NDArray[np.float32]
    ) -> None:
        self.kept: Flags = np.ones(len(holding), np.bool_)
        self._holding, self._rows, self._others, self._cosines = holding, rows, others, cosines

    def nearest(self, i: int) -> tuple[float, bool]:
        """Cosine to the nearest kept case of the same kind, 0 where none is near; whether a success shadows it."""
        others, cosines, warns = self._others[i], self._cosines[i], self._holding.warns
        there = (others >= 0) & self.kept[others]
        own = bool(warns[self._rows[i]])
        alike = cosines[there & (warns[others] == own)]
        shadow = own and bool((there & ~warns[others] & (cosines >= SAME_TASK)).any())
        return (float(alike.max()) if alike.size else 0.0), shadow

    def rank(self, i: int, worth: Floats) -> tuple[bool, float]:
        """Whether the case is the last of its region, and its usefulness: what is smallest goes first."""
        nearest, shadowed = self.nearest(i)
        row = self._rows[i]
        alone = float(coverage(np.array(nearest), np.array(shadowed)))
        return nearest < USEFUL_FROM and not shadowed, float(worth[row] * self._holding.demand[row]) * alone
