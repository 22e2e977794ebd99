"""One similarity from two legs: the cosine of the embeddings and the agreement of the words.

Neither leg is the better one everywhere: embeddings win on paraphrases, words on templated tasks. Which one
to trust is a property of the bank, and the bank shows it without any labels: a leg is good if the cases it
finds for a case have plans like that case's plan.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]

DEFAULT_DENSE_WEIGHT = 0.7
USEFUL_FROM = 0.45  # below this similarity a case has nothing to do with the task
USEFUL_FROM_BY_WORDS = 0.5  # the same where words alone are compared, which tell less

_GRID = np.round(np.arange(0.05, 1.0, 0.05), 2)  # never 0 or 1: each leg keeps a say
_SHOWN = 4  # agreement is wanted among the cases that would be shown
_DISCOUNT = 1 / np.log2(np.arange(2, _SHOWN + 2))
_CAUTION = 0.25  # standard errors a weight must be ahead of the default by
_FEWEST_PROBES = 5
_PLAN_WORD = re.compile(r"-+\w+|[^\W_]+|[|<>;*]")  # options and pipes make a command what it is


@dataclass(frozen=True, slots=True)
class Probe:
    """One case used as a query against the others: what both legs say, and how alike the plans are.

    All arrays have shape (n,), one entry per candidate; the case itself and exact repeats of its task are not
    among the candidates.
    """

    cosine: Scores
    lexical: Scores
    agreement: Scores  # in [0, 1], from plan_agreement


def fuse(cosine: Scores, lexical: Scores, *, dense_weight: float = DEFAULT_DENSE_WEIGHT) -> Scores:
    """Combine both legs into one similarity.

    Args:
        cosine: of task and case, shape (n,), in [-1, 1]; nan where there is no embedding (yet).
        lexical: from lexical_similarity, shape (n,), in [0, 1]; nan where it is not known.
        dense_weight: share of the cosine, in [0, 1]. Where one leg is missing the other counts alone.

    Returns:
        Similarities in [0, 1], shape (n,): about 1 for the same task, under USEFUL_FROM for an unrelated one.

    Raises:
        ValueError: if the shapes differ or the weight is not in [0, 1].
    """
    if cosine.shape != lexical.shape:
        raise ValueError(f"cosine has shape {cosine.shape}, lexical {lexical.shape}: they must match")
    if not 0 <= dense_weight <= 1:
        raise ValueError(f"dense_weight is {dense_weight}: it must be in [0, 1]")
    dense = np.clip(cosine, 0.0, 1.0)
    words = np.clip(lexical, 0.0, 1.0)
    dense, words = np.where(np.isnan(dense), words, dense), np.where(np.isnan(words), dense, words)
    return np.asarray(np.nan_to_num(dense_weight * dense + (1 - dense_weight) * words))


def plan_agreement(plan: str, others: Sequence[str]) -> Scores:
    """Say how alike plans are: the squared Jaccard index of their words, in [0, 1], shape (n,).

    Squared, so that the same plan counts for more than several that merely resemble it.
    """
    own = set(_PLAN_WORD.findall(plan.lower()))
    agreement = np.zeros(len(others))
    for index, other in enumerate(others):
        theirs = set(_PLAN_WORD.findall(other.lower()))
        if own and theirs:
            agreement[index] = (len(own & theirs) / len(own | theirs)) ** 2
    return agreement


def estimate_dense_weight(probes: Sequence[Probe], *, default: float = DEFAULT_DENSE_WEIGHT) -> float:
    """Choose the weight under which similar tasks of this bank have similar plans.

    For each weight on a grid: the agreement of the plans of the best four cases, discounted by rank as in
    DCG, averaged over the probes. A weight is taken for its gain over the default, less a quarter of the
    standard error of that gain, so that noise seldom changes anything.

    Args:
        probes: some hundred randomly chosen cases; fewer than five leave the default.
        default: the weight to fall back on, in [0, 1].

    Returns:
        The dense weight for fuse, in [0, 1].
    """
    usable = [probe for probe in probes if probe.agreement.size >= 2]
    if len(usable) < _FEWEST_PROBES:
        return default
    reference = np.array([_shown_agreement(probe, default) for probe in usable])
    best, best_gain = default, 0.0
    for weight in _GRID:
        gains = np.array([_shown_agreement(probe, float(weight)) for probe in usable]) - reference
        gain = float(gains.mean() - _CAUTION * gains.std() / np.sqrt(gains.size))
        if gain > best_gain + 1e-9:
            best, best_gain = float(weight), gain
    return best


def _shown_agreement(probe: Probe, dense_weight: float) -> float:
    similarity = fuse(probe.cosine, probe.lexical, dense_weight=dense_weight)
    shown = np.argsort(-similarity, kind="stable")[:_SHOWN]
    return float(probe.agreement[shown] @ _DISCOUNT[: shown.size])
