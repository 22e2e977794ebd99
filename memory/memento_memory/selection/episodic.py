"""What became of a case on tasks like this one.

    Q_EC(s, c) = sum_i k(s, s_i) Q_i / sum_i k(s, s_i)      over the episodes i that showed c

(Memento, arXiv 2508.16153, eq. 9). The kernel masses are read as pseudo-counts on top of the case's Beta posterior,
which is what remains where no neighbouring task is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.errors import InputError

Floats = NDArray[np.float64]

BANDWIDTH = 0.15
STRENGTH = 2.0
SHRINKAGE = 4.0


@dataclass(frozen=True, slots=True)
class History:
    """The past showings of the candidates; arrays of shape (m,).

    Attributes:
        owner: which candidate was shown, an index from 0.
        similarity: of that episode's task with the present one, at most 1.
        value: what it earned, Q_i in [0, 1].
        evidence: how much that counts, at least 0; credit and age go in here.
    """

    owner: NDArray[np.int64]
    similarity: Floats
    value: Floats
    evidence: Floats


@dataclass(frozen=True, slots=True)
class Episodic:
    """Estimates for n candidates, arrays of shape (n,).

    Attributes:
        mean, variance: of Q(s, c), in [0, 1].
        support: kernel mass of the case's own history around this task, in episodes.
    """

    mean: Floats
    variance: Floats
    support: Floats


def kernel(similarity: Floats, *, bandwidth: float = BANDWIDTH) -> Floats:
    """k(s, s') = exp((similarity - 1) / bandwidth), in (0, 1]; 1 for the same task.

    Raises:
        InputError: if the bandwidth is not above 0.
    """
    if bandwidth <= 0:
        raise InputError("bandwidth", f"is {bandwidth}; it must be above 0")
    return np.exp((np.minimum(similarity, 1.0) - 1) / bandwidth)


def decayed(evidence: Floats, age: Floats, *, half_life: float) -> Floats:
    """Evidence that halves with every half-life of age, in the same unit; shapes alike."""
    return evidence * np.exp2(-np.maximum(age, 0.0) / half_life)


def episodic(
    history: History,
    successes: Floats,
    failures: Floats,
    *,
    bandwidth: float = BANDWIDTH,
    strength: float = STRENGTH,
) -> Episodic:
    """Estimate Q for every candidate from the outcomes it had on tasks near this one.

    With M the case's Beta(1 + successes, 1 + failures) posterior mean and K the kernel mass, the estimate is
    (strength M + sum k Q_i) / (strength + K): M for K = 0, eq. 9 as K grows. The variance is that of the Beta posterior
    with these counts, and what the uncertainty of M itself adds.

    Args:
        successes, failures: pseudo-counts of the candidates, at least 0, shape (n,).
        strength: how many neighbouring episodes the case's overall record counts as, above 0.

    Raises:
        InputError: if strength or bandwidth is not above 0, or a value lies outside [0, 1].
    """
    if strength <= 0:
        raise InputError("strength", f"is {strength}; it must be above 0")
    _check(history)
    support, earned = _near(history, len(successes), bandwidth)
    overall, doubt = _beta(1 + successes, 1 + failures)
    mean, local = _beta(strength * overall + earned, strength * (1 - overall) + support - earned)
    return Episodic(mean, local + (strength / (strength + support)) ** 2 * doubt, support)


def outcomes_of_reuse(
    history: History,
    n: int,
    *,
    bandwidth: float = BANDWIDTH,
    strength: float = STRENGTH,
    shrinkage: float = SHRINKAGE,
) -> tuple[Floats, Floats]:
    """What reusing each of n candidates led to, as log-odds beside what was to be expected.

    A hierarchy of Beta means, each the prior of the next: m, of all showings of all candidates; m_c, of the case's own
    showings whatever the task; m_cs, of those near the present task, where a showing counts k(s, s_i):

        m    = (1 + sum w_i Q_i)              / (2 + sum w_i)
        m_c  = (shrinkage m + sum_c w_i Q_i)  / (shrinkage + sum_c w_i)
        m_cs = (strength m_c + sum_c k w_i Q_i) / (strength + sum_c k w_i)

    A case that was never shown has 0 in both, so it looks neither better nor worse than those that were.

    Args:
        shrinkage: how many showings of the case what is usual counts as, above 0.
        strength: how many neighbouring showings the case's overall record counts as, above 0.

    Returns:
        logit m_c - logit m and logit m_cs - logit m_c, shape (n,) each.

    Raises:
        InputError: if the bandwidth is not above 0, or a value lies outside [0, 1].
    """
    if not len(history.owner):
        return np.zeros(n), np.zeros(n)
    _check(history)
    shown, won = _sums(history.owner, history.evidence, history.value, n)
    usual = (1 + float(won.sum())) / (2 + float(shown.sum()))
    overall = (shrinkage * usual + won) / (shrinkage + shown)
    support, earned = _near(history, n, bandwidth)
    here = (strength * overall + earned) / (strength + support)
    level = np.log(overall / (1 - overall))
    return level - np.log(usual / (1 - usual)), np.log(here / (1 - here)) - level


def _near(history: History, n: int, bandwidth: float) -> tuple[Floats, Floats]:
    """Of each candidate's showings around the present task, the kernel mass and what it earned."""
    return _sums(history.owner, kernel(history.similarity, bandwidth=bandwidth) * history.evidence, history.value, n)


def _sums(owner: NDArray[np.int64], mass: Floats, value: Floats, n: int) -> tuple[Floats, Floats]:
    """By owner, the mass and the part of it that was earned."""
    return np.bincount(owner, mass, n).astype(np.float64), np.bincount(owner, mass * value, n).astype(np.float64)


def _check(history: History) -> None:
    if len(history.value) and not (history.value.min() >= 0 and history.value.max() <= 1):
        raise InputError("value", "has values outside [0, 1]")


def _beta(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of Beta(a, b)."""
    total = a + b
    mean = a / total
    return mean, mean * (1 - mean) / (total + 1)
