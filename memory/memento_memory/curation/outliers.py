"""Cases whose recorded outcome contradicts what their neighbours with much the same plan led to.

The neighbours' counts, weighted by how alike tasks and plans are, give a Beta posterior for the case's own chance of
success (the kernel estimate of Memento's eq. 9, arXiv 2508.16153, without the case itself). A case is an outlier when
that posterior leaves less than a small probability for what it claims, while it stands on less evidence than they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALIKE_TASK = 0.75  # cosine of two states from which a neighbour says anything
ALIKE_PLAN = 0.5  # agreement of two plans (squared Jaccard index of their words) from which it does
_FEWEST = 3  # neighbours
_MOST_DOUBT = 0.2  # mean chance of what is claimed, by the neighbours
_OUTWEIGHED = 2.0  # times the case's own evidence that theirs must be


@dataclass(frozen=True, slots=True)
class Contradiction:
    """How many neighbours contradict a case, and the chance they leave for what it claims."""

    neighbours: int
    chance: float


def contradiction(
    successes: float,
    failures: float,
    cosine: Floats,
    agreement: Floats,
    their_successes: Floats,
    their_failures: Floats,
) -> Contradiction | None:
    """Whether the neighbours of a case contradict it.

    Args:
        successes, failures: the case's own counts.
        cosine: of its state and theirs, shape (n,).
        agreement: of its plan and theirs, shape (n,), in [0, 1].
        their_successes, their_failures: shape (n,).
    """
    own = successes + failures
    known = their_successes + their_failures > 0
    near = known & (cosine >= ALIKE_TASK) & (agreement >= ALIKE_PLAN)
    if own <= 0 or successes == failures or int(near.sum()) < _FEWEST:
        return None
    weight = cosine[near] * np.sqrt(agreement[near])
    won, lost = float(weight @ their_successes[near]), float(weight @ their_failures[near])
    if won + lost < _OUTWEIGHED * own:
        return None
    claimed, other = (won, lost) if successes > failures else (lost, won)
    chance = (1 + claimed) / (2 + claimed + other)
    return Contradiction(int(near.sum()), chance) if chance <= _MOST_DOUBT else None
