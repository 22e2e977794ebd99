"""Case-selection policies: from values to the examples that are shown.

The retrieval policy of the memory-augmented MDP is a softmax over the bank,

    mu(c | s)  ∝  mu0(c | s) · exp(Q(s, c) / alpha)

(Memento, arXiv 2508.16153, eq. 7, with the prior mu0 of Memento 2, arXiv 2512.22716, eq. 10). `greedy` is its limit for
alpha towards 0: the cases of the highest value, as long as they are worth more than showing none. `softmax` draws from
it without replacement, `thompson` is greedy under values drawn from their posterior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from memento_memory.decision import Arm
from memento_memory.errors import InputError
from memento_memory.selection.plackett_luce import Allows, draw, exploring, log_probability, mixed
from memento_memory.selection.prior import log_prior
from memento_memory.selection.value import QFunction, Values

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

ALPHA = 0.1
_PLANS_OF_ONE_TASK = 2


class PolicyName(StrEnum):
    """How examples are chosen where they are not drawn to explore."""

    GREEDY = "greedy"
    SOFTMAX = "softmax"
    THOMPSON = "thompson"


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings of the choice.

    Attributes:
        alpha: temperature of the softmax, above 0; small values trust Q, large ones similarity.
        explore: share of episodes, in [0, 1], whose slate is drawn from the softmax or, half of the time, holds the
            most similar cases; 1 draws always.
        holdout: share of episodes in which nothing is shown, in [0, 1), to learn whether memory helps at all.
        caution: how many standard deviations the advantage of a case must be above 0 to be shown, at least 0. Readers
            who judge the cases need none: then a case that similarity would show is withheld only where outcomes say
            that it does not help, beyond one standard deviation. Where drafts are carried out unread, 1 keeps bad
            neighbours away.

    Raises:
        InputError: if a number is out of its range.
    """

    name: PolicyName = PolicyName.GREEDY
    alpha: float = ALPHA
    explore: float = 0.0
    holdout: float = 0.0
    caution: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < np.inf:
            raise InputError("alpha", f"is {self.alpha}; the temperature must be above 0")
        if not 0 <= self.explore <= 1:
            raise InputError("explore", f"is {self.explore}; give a share of the episodes between 0 and 1")
        if not 0 <= self.holdout < 1:
            raise InputError("holdout", f"is {self.holdout}; give a share of the episodes from 0 to below 1")
        if not 0 <= self.caution < np.inf:
            raise InputError("caution", f"is {self.caution}; give a number of standard deviations, 0 or more")

    @property
    def drawn_share(self) -> float:
        """Share of the episodes that are not held out whose slate is drawn from the softmax."""
        return 1.0 if self.name is PolicyName.SOFTMAX else self.explore

    @property
    def label(self) -> str:
        """Its name, and what else there is to know."""
        text = f"softmax, alpha {self.alpha:g}" if self.name is PolicyName.SOFTMAX else str(self.name)
        text += f", explores {self.explore:.0%}" if self.explore and self.name is not PolicyName.SOFTMAX else ""
        return text + (f", holds out {self.holdout:.0%}" if self.holdout else "")


@dataclass(frozen=True, slots=True)
class Pool:
    """The n examples there are to choose from.

    Attributes:
        similarity: with the task, in [0, 1], shape (n,).
        plan_group, task_group: equal numbers for equal plans and for equal tasks, shape (n,).
        forced: indices of those that belong on every slate that shows anything, in order.
    """

    similarity: Floats
    plan_group: Groups
    task_group: Groups
    forced: tuple[int, ...] = ()

    def allows(self, drawn: Sequence[int], case: int) -> bool:
        """No plan twice, no more than two plans of one task, and nothing that is there already."""
        before = [*self.forced, *drawn]
        if case in before or any(self.plan_group[i] == self.plan_group[case] for i in before):
            return False
        return sum(bool(self.task_group[i] == self.task_group[case]) for i in before) < _PLANS_OF_ONE_TASK


@dataclass(frozen=True, slots=True)
class Choice:
    """What a policy chose.

    Attributes:
        drawn: indices of the examples in order, the forced ones first.
        best: those that are worth the most, likewise, whether they were chosen or not.
        log_propensity: of this slate under all arms together, at most 0; None where the policy cannot tell.
    """

    arm: Arm
    drawn: tuple[int, ...]
    best: tuple[int, ...]
    log_propensity: float | None


def choose_examples(
    pool: Pool,
    values: Values,
    k: int,
    *,
    policy: Policy,
    threshold: float,
    q: QFunction,
    rng: np.random.Generator,
    warned: bool = False,
) -> Choice:
    """Choose at most k examples, forced ones included.

    Args:
        values: of the pool's cases.
        threshold: the similarity at which a case is as good as none.
        q: draws the values anew for Thompson sampling.
        warned: whether the slate holds warnings besides, so that it is not empty without examples.
    """
    left = max(k - len(pool.forced), 0)
    ranked = q.sampled(values, rng) if policy.name is PolicyName.THOMPSON else values
    best = greedy(ranked, left, pool.allows, policy.caution)
    logits, void = softmax_logits(pool.similarity, threshold, values.mean, values.void, policy.alpha)
    similar = greedy(_by_similarity(values, pool.similarity - threshold), left, pool.allows)
    share = policy.drawn_share
    if rng.random() < policy.holdout:
        arm, chosen = Arm.HELD_OUT, []
    elif rng.random() < share:
        is_drawn = rng.random() < exploring(share)[0] / share
        arm, chosen = Arm.DRAWN, draw(logits, void, left, rng, pool.allows)[0] if is_drawn else similar
    else:
        arm, chosen = Arm.GREEDY, best
    if arm is Arm.HELD_OUT:
        nothing_else = not pool.forced and not warned
        sampled = log_probability(logits, void, [], left, pool.allows) if nothing_else else -np.inf
        is_greedy, is_similar = nothing_else and not best, nothing_else and not similar
    else:
        sampled = log_probability(logits, void, chosen, left, pool.allows) if share else -np.inf
        is_greedy, is_similar = chosen == best, chosen == similar
    drawn = () if arm is Arm.HELD_OUT else (*pool.forced, *chosen)
    is_void = not drawn and (arm is Arm.HELD_OUT or not warned)
    shares = {"explore": share, "holdout": policy.holdout}
    propensity = mixed(sampled, is_greedy=is_greedy, is_void=is_void, is_similar=is_similar, **shares)
    return Choice(arm, drawn, (*pool.forced, *best), None if policy.name is PolicyName.THOMPSON else propensity)


def greedy(values: Values, k: int, allows: Allows, caution: float = 0.0) -> list[int]:
    """At most k cases worth more than showing none, best first; ties go to the earlier candidate.

    Q(s, c) > Q(s, void) just where A(s, c) > 0, whatever the difficulty of the task.
    """
    chosen: list[int] = []
    worth = values.advantage - caution * values.doubt > 0
    if not caution:
        worth |= (values.at_first > 0) & (values.advantage + values.doubt > 0)
    for i in np.argsort(-values.advantage, kind="stable").tolist():
        if len(chosen) == k:
            break
        if worth[i] and allows(chosen, i):
            chosen.append(i)
    return chosen


def _by_similarity(values: Values, over_threshold: Floats) -> Values:
    """Values whose advantage is what similarity says, without doubt."""
    return replace(values, advantage=over_threshold, doubt=np.zeros_like(over_threshold))


def softmax_logits(
    similarity: Floats, threshold: float, values: Floats, void_value: float, alpha: float
) -> tuple[Floats, float]:
    """Unnormalised log-probabilities of the candidates and of the void case under the softmax policy.

    Args:
        similarity: of the candidates, in [0, 1], shape (n,).
        threshold: the similarity at which a case is as good as none.
        values: Q(s, c) in [0, 1], shape (n,).
        void_value: Q of showing none, in [0, 1].
        alpha: temperature above 0.

    Returns:
        log mu0(c | s) + Q(s, c) / alpha, shape (n,), and the same of the void case.

    Raises:
        ValueError: if the shapes differ or alpha is not positive.
    """
    if similarity.shape != values.shape:
        raise ValueError(f"similarity has shape {similarity.shape}, values {values.shape}: they must match")
    if alpha <= 0:
        raise ValueError(f"alpha is {alpha}: the temperature must be above 0")
    prior, void = log_prior(similarity, threshold=threshold)
    return prior + values / alpha, void + void_value / alpha


def numbered(labels: Sequence[object]) -> Groups:
    """Equal numbers for equal labels, in the order in which they are first seen; shape (n,)."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(label, len(known)) for label in labels], np.int64)
