"""Slates drawn case by case without replacement, and how likely each of them was.

At every place the next case is drawn from those still allowed and the void case, with probabilities proportional to
exp(logit). Drawing the void case ends the slate, so an empty slate is a draw like any other. Adding Gumbel noise to
the logits and walking down the sorted list draws from the same distribution (Plackett-Luce; the Gumbel top-k trick,
Kool, van Hoof and Welling, arXiv 1903.06059).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]
ALTERNATIVES = 2  # cases of one task on one slate
Allows = Callable[[Sequence[int], int], bool]
"""Whether a case may follow those already drawn. What it refuses once, it must refuse for every longer slate."""


def allow_all(_drawn: Sequence[int], _case: int) -> bool:
    """Nothing but a repeat is refused."""
    return True


@dataclass(frozen=True, slots=True)
class Quotas:
    """The rule that a slate holds no plan twice and at most two cases of one task.

    Attributes:
        plan_group, task_group: equal numbers for equal plans and for equal tasks, shape (n,).
    """

    plan_group: Groups
    task_group: Groups

    def open(self, drawn: Sequence[int]) -> NDArray[np.bool_]:
        """Which cases may follow those drawn, shape (n,)."""
        allowed = np.ones(len(self.plan_group), np.bool_)
        for place, i in enumerate(drawn):
            allowed &= self.plan_group != self.plan_group[i]
            if np.count_nonzero(self.task_group[list(drawn[:place])] == self.task_group[i]) == ALTERNATIVES - 1:
                allowed &= self.task_group != self.task_group[i]
        allowed[list(drawn)] = False
        return allowed


def draw(
    logits: Floats,
    void: float,
    k: int,
    rng: np.random.Generator,
    allows: Allows = allow_all,
) -> tuple[list[int], list[float]]:
    """Draw a slate of at most k cases.

    Args:
        logits: unnormalised log-probabilities of the cases, shape (n,).
        void: that of the void case; minus infinity where a slate must be full.

    Returns:
        The drawn indices, best place first, and the log-probability of each step. Where the slate ended by drawing
        the void case there is one step more than there are cases: the steps sum to the slate's log-propensity.
    """
    slate = sample(logits, void, k, rng, allows)
    return slate, steps(logits, void, slate, k, allows)


def sample(logits: Floats, void: float, k: int, rng: np.random.Generator, allows: Allows = allow_all) -> list[int]:
    """Draw a slate of at most k cases, without saying how likely it was."""
    noisy = logits + rng.gumbel(size=logits.shape)
    end = void + float(rng.gumbel())
    slate: list[int] = []
    for i in np.argsort(-noisy, kind="stable").tolist():
        if len(slate) == k or noisy[i] < end:
            break
        if allows(slate, i):
            slate.append(i)
    return slate


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


def log_probability(logits: Floats, void: float, slate: Sequence[int], k: int, allows: Allows = allow_all) -> float:
    """Log-probability of a slate drawn in this very order, at most 0."""
    return sum(steps(logits, void, slate, k, allows))


def set_log_probability(
    logits: Floats, void: float, slate: Sequence[int], k: int, quotas: Quotas, forced: int = 0
) -> float:
    """Log-probability of a slate's cases in whatever order they are drawn, at most 0.

    The chance of every subset is summed up from those one case smaller, 2^k terms in place of k!: what may still
    follow depends on which cases are drawn, not on their order.

    Args:
        forced: how many cases at the front of the slate are there before anything is drawn.
    """
    if len(slate) > k or len(set(slate)) < len(slate):
        return -math.inf
    first, rest = tuple(slate[:forced]), tuple(slate[forced:])
    reached = np.full(2 ** len(rest), -math.inf)
    reached[0] = 0.0
    for mask in _by_size(len(rest)):
        drawn = [*first, *(case for bit, case in enumerate(rest) if mask >> bit & 1)]
        if len(drawn) == k or not math.isfinite(reached[mask]):
            continue
        allowed = quotas.open(drawn)
        total = float(np.logaddexp.reduce(np.append(logits[allowed], void)))
        if len(drawn) == len(slate):
            return min(float(reached[mask]) + void - total, 0.0) if math.isfinite(total) else float(reached[mask])
        for bit, case in enumerate(rest):
            if not mask >> bit & 1 and allowed[case]:
                after = mask | 1 << bit
                reached[after] = np.logaddexp(reached[after], reached[mask] + logits[case] - total)
    return min(float(reached[-1]), 0.0)


@lru_cache(maxsize=32)
def _by_size(count: int) -> tuple[int, ...]:
    """All subsets of so many things as bit masks, smaller ones first."""
    return tuple(
        sum(1 << bit for bit in bits) for size in range(count + 1) for bits in combinations(range(count), size)
    )


def mixed(
    log_sampled: float, *, is_greedy: bool, is_void: bool, explore: float, holdout: float, is_similar: bool = False
) -> float:
    """Log-propensity of a slate under hold-out, exploration and greedy selection together, at most 0.

    With probability `holdout` no case is shown; otherwise with probability `explore` the slate explores (see
    `exploring`), and in all other episodes it is the greedy one. What counts is how likely the slate was, not which of
    these made it.

    Args:
        log_sampled: its log-probability when drawn.
        is_greedy, is_similar: whether it equals the greedy slate, and that of the most similar cases.
        is_void: whether it is empty.
        explore, holdout: shares in [0, 1].
    """
    drawn, similar = exploring(explore)
    chosen = drawn * math.exp(log_sampled) + similar * is_similar + (1 - explore) * is_greedy
    probability = holdout * is_void + (1 - holdout) * chosen
    return min(math.log(probability), 0.0) if probability > 0 else -math.inf


def exploring(explore: float) -> tuple[float, float]:
    """Shares of the episodes whose slate is drawn, and that show the most similar cases: half of the exploration each.

    Without the second, a slate of several cases that similarity would have shown hardly ever comes up, and what it
    would have earned could never be told. Where all is drawn, that is the policy itself, and no exploration.
    """
    return (1.0, 0.0) if explore == 1 else (explore / 2, explore / 2)
