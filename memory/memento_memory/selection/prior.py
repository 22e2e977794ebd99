"""The retrieval prior: how much each candidate, and showing nothing at all, deserve to be chosen before any learning.

A Parzen window over the candidates with a void case of constant kernel mass (Memento 2, arXiv 2512.22716, eq. 5-7):

    mu0(c | s) = k(s, c) / (k_void + sum_c' k(s, c')),      k(s, c) = exp((similarity(s, c) - threshold) / bandwidth)

so that k_void = 1, the kernel of a case exactly at the threshold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BANDWIDTH = 0.1


def log_prior(
    similarity: NDArray[np.float64], *, threshold: float, bandwidth: float = BANDWIDTH
) -> tuple[NDArray[np.float64], float]:
    """Log-probabilities of the candidates and of the void case; together they sum to one.

    Args:
        similarity: fused similarity of each candidate, in [0, 1], shape (n,).
        threshold: the similarity at which a case is as good as none.
        bandwidth: above 0; the step in similarity that is worth one nat.

    Returns:
        log mu0 of the candidates, shape (n,), and log mu0 of the void case.

    Raises:
        ValueError: if the bandwidth is not positive.
    """
    if bandwidth <= 0:
        raise ValueError(f"bandwidth is {bandwidth}: it must be above 0")
    kernel = (similarity - threshold) / bandwidth
    total = float(np.logaddexp.reduce(np.append(kernel, 0.0)))
    return kernel - total, -total
