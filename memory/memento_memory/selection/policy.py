"""Case-selection policies: from prior and values to scores, and from scores to an order.

The retrieval policy of the memory-augmented MDP is a softmax over the bank,

    mu(c | s)  ∝  mu0(c | s) · exp(Q(s, c) / alpha)

(Memento, arXiv 2508.16153, eq. 7, with the prior mu0 of Memento 2, arXiv 2512.22716, eq. 10).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.5


def logits(prior: NDArray[np.float64], values: NDArray[np.float64], *, alpha: float = ALPHA) -> NDArray[np.float64]:
    """Combine prior and values into the policy's unnormalised log-probabilities.

    Args:
        prior: log mu0(c | s), shape (n,).
        values: Q(s, c) in [0, 1], shape (n,).
        alpha: temperature above 0; small values trust Q, large ones the prior.

    Raises:
        ValueError: if the shapes differ or alpha is not positive.
    """
    if prior.shape != values.shape:
        raise ValueError(f"prior has shape {prior.shape}, values {values.shape}: they must match")
    if alpha <= 0:
        raise ValueError(f"alpha is {alpha}: the temperature must be above 0")
    return prior + values / alpha


def greedy(scores: NDArray[np.float64]) -> list[int]:
    """Indices from best to worst; ties go to the earlier candidate, so equal inputs give equal slates.

    Every slate that follows this order has propensity one.
    """
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return order
