"""The policies that the log is asked about, and what each would have done for a logged decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.decision import Decision
from memento_memory.errors import InputError
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.plackett_luce import Quotas, sample, set_log_probability
from memento_memory.selection.policy import Pool, greedy, softmax_logits
from memento_memory.selection.value import values_of
from memento_memory.store.decisions import Logged
from memento_memory.store.versions import Version

Floats = NDArray[np.float64]
Examples = tuple[int, ...]

SIMILARITY = "similarity"
GREEDY = "greedy"
FORMS = "greedy, similarity, softmax:ALPHA or version:N"


@dataclass(frozen=True, slots=True)
class Scores:
    """What a policy chooses by.

    Attributes:
        values: of the candidates, shape (n,).
        void: of showing none.
        alpha: temperature of the softmax it draws from; None takes the best while they are worth more than none.
        best: the best examples, where they are known; else they follow from the values.
    """

    values: Floats
    void: float
    alpha: float | None = None
    best: Examples | None = None


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """A policy to be judged.

    Attributes:
        name: as it is asked for.
        words: what it does, in a few plain words.
        scores: what it would have chosen by; None where that is not known for an episode.
    """

    name: str
    words: str
    scores: Callable[[Logged], Scores | None]


def named(name: str, version: Callable[[int], Version]) -> TargetPolicy:
    """A policy by its name: greedy, similarity, softmax:ALPHA or version:N.

    Args:
        version: finds a version of the value model.

    Raises:
        InputError: if it is none of these.
        NotFoundError: if there is no such version.
    """
    kind, _, number = name.partition(":")
    if name == GREEDY:
        return TargetPolicy(GREEDY, "the highest learned values first", lambda it: learned(it.decision))
    if name == SIMILARITY:
        return TargetPolicy(SIMILARITY, "the most similar tasks first", lambda it: similar(it.decision))
    if kind == "softmax" and (alpha := _positive(number)):
        words = f"drawn by learned values at temperature {alpha:g}"
        return TargetPolicy(name, words, lambda it: learned(it.decision, alpha))
    if kind == "version" and number.isdigit():
        found = version(int(number))
        words = f"the highest values of version {number} first"
        return TargetPolicy(name, words, lambda it: _of_version(it, found))
    raise InputError("policy", f"is {name!r}; {FORMS} is expected, with ALPHA a number above 0")


def pool_of(decision: Decision) -> Pool:
    """The examples there were to choose from, with those that were not up to any policy."""
    found = decision.candidates
    return Pool(found.similarity, found.plan_group, found.task_group, decision.drawn[: decision.forced])


def logits_of(decision: Decision, values: Floats, void: float, alpha: float) -> tuple[Floats, float]:
    """The softmax over a decision's candidates under some values."""
    return softmax_logits(decision.candidates.similarity, decision.threshold, values, void, alpha)


def similar(decision: Decision) -> Scores:
    """By similarity alone."""
    return Scores(decision.candidates.similarity, decision.threshold)


def best(decision: Decision, scores: Scores) -> Examples:
    """The examples that greedy selection shows under some values: the highest first, while they exceed the void's."""
    if scores.best is not None:
        return scores.best
    pool, chosen = pool_of(decision), list[int]()
    left = max(decision.k - decision.forced, 0)
    for i in np.argsort(-scores.values, kind="stable").tolist():
        if len(chosen) == left or scores.values[i] <= scores.void:
            break
        if pool.allows(chosen, i):
            chosen.append(i)
    return (*pool.forced, *chosen)


def log_chance(decision: Decision, scores: Scores) -> float:
    """Log-probability that a policy shows the logged examples, in any order; at most 0."""
    if scores.alpha is None:
        return 0.0 if set(best(decision, scores)) == set(decision.drawn) else -np.inf
    logits, void = logits_of(decision, scores.values, scores.void, scores.alpha)
    quotas = Quotas(decision.candidates.plan_group, decision.candidates.task_group)
    return set_log_probability(logits, void, decision.drawn, decision.k, quotas, decision.forced)


def slates(decision: Decision, scores: Scores, rng: np.random.Generator, count: int) -> list[Examples]:
    """Equally likely examples that a policy shows: the one slate of a greedy policy, else so many draws."""
    if scores.alpha is None:
        return [best(decision, scores)]
    pool = pool_of(decision)
    logits, void = logits_of(decision, scores.values, scores.void, scores.alpha)
    left = max(decision.k - decision.forced, 0)
    return [(*pool.forced, *sample(logits, void, left, rng, pool.allows)) for _ in range(count)]


def learned(decision: Decision, alpha: float | None = None) -> Scores:
    """By the values as they had been learned when the decision was made: no outcome judges what it taught itself."""
    return Scores(decision.candidates.value, decision.void_value, alpha, decision.best)


def _of_version(logged: Logged, version: Version) -> Scores | None:
    """By the values of one version, on the episodes since it was made; by what it was then, where it was in force."""
    decision = logged.decision
    if decision.version == version.version:
        return learned(decision)
    is_known = version.network is None and decision.candidates.schema == version.schema
    if not is_known or logged.created_at < version.created_at:
        return None
    return _under(decision, version.layer)


def _under(decision: Decision, layer: LastLayer) -> Scores:
    task, pair = decision.candidates.task, decision.candidates.pair.copy()
    if pair.size:
        pair[:, -1] = 0.0  # the last feature is the trained network's, and this version has none
    values, pool = values_of(layer, task, pair), pool_of(decision)
    chosen = greedy(values, max(decision.k - decision.forced, 0), pool.allows)
    return Scores(values.mean, values.void, best=(*pool.forced, *chosen))


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < np.inf else None
