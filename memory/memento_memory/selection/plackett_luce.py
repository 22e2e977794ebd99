"""Slates drawn case by case without replacement, and how likely each of them was.

At every place the next case is drawn from those still allowed and the void case, with probabilities proportional to
exp(logit). Drawing the void case ends the slate, so an empty slate is a draw like any other. Adding Gumbel noise to
the logits and walking down the sorted list draws from the same distribution (Plackett-Luce; the Gumbel top-k trick,
Kool, van Hoof and Welling, arXiv 1903.06059).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Allows = Callable[[Sequence[int], int], bool]
"""Whether a case may follow those already drawn. What it refuses once, it must refuse for every longer slate."""


def allow_all(_drawn: Sequence[int], _case: int) -> bool:
    """Nothing but a repeat is refused."""
    return True


def draw(
    logits: Floats, void: float, k: int, rng: np.random.Generator, allows: Allows = allow_all
) -> tuple[list[int], list[float]]:
    """Draw a slate of at most k cases.

    Args:
        logits: unnormalised log-probabilities of the cases, shape (n,).
        void: that of the void case; minus infinity where a slate must be full.

    Returns:
        The drawn indices, best place first, and the log-probability of each step. Where the slate ended by drawing
        the void case there is one step more than there are cases: the steps sum to the slate's log-propensity.
    """
    noisy = logits + rng.gumbel(size=logits.shape)
    end = void + float(rng.gumbel())
    slate: list[int] = []
    for i in np.argsort(-noisy, kind="stable").tolist():
        if len(slate) == k or noisy[i] < end:
            break
        if allows(slate, i):
            slate.append(i)
    return slate, steps(logits, void, slate, k, allows)


def steps(logits: Floats, void: float, slate: Sequence[int], k: int, allows: Allows = allow_all) -> list[float]:
    """Log-probability of every draw that made the slate, at most 0 each; minus infinity where it cannot be drawn.

    Raises:
        ValueError: if the slate repeats a case or is longer than k.
    """
    if len(slate) > k or len(set(slate)) < len(slate):
        raise ValueError(f"slate {list(slate)} repeats a case or has more than {k}: it cannot have been drawn")
    found: list[float] = []
    for place in range(min(len(slate) + 1, k)):
        drawn = slate[:place]
        allowed = [i for i in range(len(logits)) if i not in drawn and allows(drawn, i)]
        total = float(np.logaddexp.reduce(np.append(logits[allowed], void)))
        if place == len(slate):
            found.append(void - total if math.isfinite(total) else 0.0)
        else:
            found.append(float(logits[slate[place]]) - total if slate[place] in allowed else -math.inf)
    return found


def log_probability(
    logits: Floats, void: float, slate: Sequence[int], k: int, allows: Allows = allow_all, *, ordered: bool = True
) -> float:
    """Log-probability of a slate, at most 0.

    Args:
        ordered: False sums over all orders of the same cases. Where the order does not matter to the outcome, weights
            made of these have the smaller variance.
    """
    if ordered:
        return sum(steps(logits, void, slate, k, allows))
    orders = [sum(steps(logits, void, order, k, allows)) for order in permutations(slate)]
    return float(np.logaddexp.reduce(orders))


def mixed(log_sampled: float, *, is_greedy: bool, is_void: bool, explore: float, holdout: float) -> float:
    """Log-propensity of a slate under hold-out, exploration and greedy selection together, at most 0.

    With probability `holdout` no case is shown; otherwise with probability `explore` the slate is drawn, and in all
    other episodes it is the greedy one. What counts is how likely the slate was, not which of the three made it.

    Args:
        log_sampled: its log-probability when drawn.
        is_greedy: whether it equals the greedy slate.
        is_void: whether it is empty.
        explore, holdout: shares in [0, 1].
    """
    chosen = explore * math.exp(log_sampled) + (1 - explore) * is_greedy
    probability = holdout * is_void + (1 - holdout) * chosen
    return min(math.log(probability), 0.0) if probability > 0 else -math.inf
