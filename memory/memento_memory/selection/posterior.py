"""A chance of success with how sure it is, from counts of successes and failures."""

from __future__ import annotations

import numpy as np

_EDGES = np.arange(4_001) / 4_000
_GRID = (_EDGES[1:] + _EDGES[:-1]) / 2
_TAIL = 0.025


def interval(won: float, lost: float) -> tuple[float, float, float]:
    """Mean and 95 % interval of the Beta(1 + won, 1 + lost) posterior, for counts of at least 0."""
    density = won * np.log(_GRID) + lost * np.log1p(-_GRID)
    share = np.cumsum(np.concatenate(([0.0], np.exp(density - density.max()))))
    low, high = np.interp([_TAIL * share[-1], (1 - _TAIL) * share[-1]], share, _EDGES)
    return (1 + won) / (2 + won + lost), float(low), float(high)
