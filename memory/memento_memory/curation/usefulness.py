"""How useful it is to keep a case: posterior value x demand x coverage.

    usefulness(c) = value(c) * demand(c) * coverage(c)

value is the mean of the Beta posterior over what the case led to; of a failure it is the probability that the plan
fails, for that is what makes it a warning worth showing. demand is the number of times the case was shown, merged or
made, each halved for every half-life that has passed since: the combined recency and frequency of LRFU (Lee et al.,
IEEE Transactions on Computers 50(12), 2001), which is LRU at one end and LFU at the other. coverage is what only this
case offers: one minus the similarity to its nearest neighbour of the same kind among those that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.selection.fusion import USEFUL_FROM

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HALF_LIFE = 4.0  # in episodes, for each case that the bound leaves room for
WARNING = 0.5  # a warning keeps from one plan, an example leads to one
SHADOWED = 0.2  # a warning beside a success of the very task: that success is shown first
UNSHOWN = 0.1  # a warning that was recorded, as against one that was shown
_LEAST = 1e-9
SHARPNESS = 8.0
_LEAST_COVERAGE = 0.02  # two cases that are all but equal still differ in value and demand


@dataclass(frozen=True, slots=True)
class Holding:
    """The cases of one namespace as curation sees them; all arrays have shape (n,).

    Attributes:
        successes, failures: weighted counts of what each case led to, at least 0.
        warns: whether the case is a failure, kept as a warning.
        demand: times it was asked for, discounted by age; above 0.
        pinned: cases that are never evicted.
        size: bytes.
    """

    successes: Floats
    failures: Floats
    warns: Flags
    demand: Floats
    pinned: Flags
    size: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.size)


def value(holding: Holding) -> Floats:
    """Posterior probability that an example succeeds, or a warning's plan fails (times its worth), in (0, 1)."""
    mean = (1 + holding.successes) / (2 + holding.successes + holding.failures)
    return np.where(holding.warns, WARNING * (1 - mean), mean)


def demand(ages: Floats, owners: NDArray[np.int64], showing: Flags, warns: Flags, half_life: float) -> Floats:
    """Sum the uses of each case, halved for each half-life since, shape (n,).

    A warning is of use when it is shown; that it was recorded says little about whether it ever will be.

    Args:
        ages: of each use, in episodes, shape (m,), at least 0.
        owners: row of the case that was used, shape (m,).
        showing: whether the case was shown, rather than made or recorded again, shape (m,).
        warns: of the cases, shape (n,).
        half_life: in episodes, above 0.
    """
    weight = np.where(~showing & warns[owners], UNSHOWN, 1.0) * np.exp2(-ages / half_life)
    return np.maximum(np.bincount(owners, weights=weight, minlength=len(warns)), _LEAST)


def coverage(nearest: Floats, shadowed: Flags) -> Floats:
    """What of its region only this case covers, in (0, 1].

    Args:
        nearest: largest similarity to another kept case of the same kind, shape (n,); 0 where there is none.
        shadowed: warnings for whose very task a success is kept.
    """
    replaced = np.clip((nearest - USEFUL_FROM) / (1 - USEFUL_FROM), 0, 1) ** SHARPNESS
    alone = np.maximum(1 - replaced, _LEAST_COVERAGE)
    return np.where(shadowed, SHADOWED * alone, alone)
