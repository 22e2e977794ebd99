"""The additive slate model: one design row for a whole slate, so that credit goes to the cases that earned it.

    logit P(r = 1 | s, slate) = b(s) + sum_c w_c A(s, c),      b(s) = u . psi(s),      A(s, c) = v . phi(s, c)

Both parts are linear, so a logistic last layer over the row [psi(s), sum_c w_c phi(s, c)] learns u and v together.
Slates with no case tell b(s) apart from A.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def credit(used: Sequence[bool | None]) -> Floats:
    """The weights w_c of a slate's cases, shape (k,), at least 0.

    Where something was said of any of them, those that were used share one; if none was, all weigh nothing and the
    outcome only tells of the task. Where nothing was said, all share one.
    """
    if not used:
        return np.zeros(0)
    if all(flag is None for flag in used):
        return np.full(len(used), 1 / len(used))
    flags = np.array([bool(flag) for flag in used], np.float64)
    return flags / max(float(flags.sum()), 1.0)


def slate_row(task: Floats, cases: Floats, weights: Floats) -> Floats:
    """The design row of a slate.

    Args:
        task: psi(s), shape (p,).
        cases: phi(s, c) of the cases shown, shape (k, q); k may be 0.
        weights: w_c, shape (k,).

    Returns:
        Shape (p + q,).
    """
    return np.concatenate([task, weights @ cases])


def case_rows(task: Floats, cases: Floats) -> Floats:
    """The rows of slates that show one case each, whose probability is Q(s, c): shape (n, p + q)."""
    return np.concatenate([np.broadcast_to(task, (len(cases), len(task))), cases], axis=1)
