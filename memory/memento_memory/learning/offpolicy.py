"""What the log says about policies: what each would have earned, and whether memory helps here at all.

Policies are judged on the episodes that were not held out, where the chance of what was shown is that of exploration
and greedy selection together, and in whatever order the examples were shown. Memory is set against none by the
hold-out alone, which is a randomised experiment. A logistic reward model, fitted on the outcomes of other tasks
(cross-fitting), makes the estimates doubly robust; a wrong one makes them wider, not wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.learning.sample import Counts, Rows, Sample, read
from memento_memory.learning.targets import SIMILARITY, TargetPolicy
from memento_memory.selection.evaluation import RESAMPLES, Evaluation, Log, Target, contrast, evaluate, logged_target
from memento_memory.selection.lastlayer import LastLayer
from memento_memory.selection.overlap import LEAST_EFFECTIVE, LEAST_TASKS
from memento_memory.selection.value import sigmoid
from memento_memory.store.decisions import Logged

Floats = NDArray[np.float64]

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What one policy would have earned.

    Attributes:
        name, words: of the policy.
        earned: its mean reward.
        gain: by how much that exceeds what similarity would have earned on the same episodes; None for similarity.
        exploring: whether only episodes since exploration was switched on were judged by.
        needed: about how many episodes with a tenth of exploration an answer takes; None where there is one.
    """

    name: str
    words: str
    earned: Evaluation
    gain: Evaluation | None
    exploring: bool
    needed: int | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What a log says.

    Attributes:
        tasks: different tasks with a known outcome.
        logged: the mean reward of what was shown.
        answers: one a policy, in the order asked.
        memory: by how much memory as it was used exceeds none, on the episodes since the hold-out was switched on.
        with_memory, without_memory: the two sides of it.
        holdout: mean share held out in those episodes; 0 where there is no such episode.
    """

    counts: Counts
    tasks: int
    logged: Evaluation
    answers: tuple[Answer, ...]
    memory: Evaluation
    with_memory: Evaluation
    without_memory: Evaluation
    holdout: float


def judge(
    log: Iterable[Logged],
    targets: Sequence[TargetPolicy],
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Findings:
    """Judge policies by a log.

    Args:
        targets: similarity among them where the others are to be compared with it.
        level: of the intervals, in (0, 1).
    """
    sample = read(log, targets, seed=seed)
    model = _Model.of(sample)
    how = _Bootstrap(level, seed, resamples)
    judged = _Judge(sample, model, how)
    shown = np.flatnonzero(sample.shown)
    earned = Log(sample.task[shown], sample.reward[shown], np.zeros(len(shown)))
    with_memory, without, memory, share = judged.memory()
    return Findings(
        sample.counts,
        len(np.unique(sample.task)),
        how.evaluate(earned, logged_target(earned)),
        tuple(judged.answer(target) for target in targets),
        memory,
        with_memory,
        without,
        share,
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """The reward model of each fold, fitted on the tasks of all other folds.

    Attributes:
        fold: of each episode, shape (n,).
        weights: shape (folds, d).
    """

    fold: NDArray[np.int64]
    weights: Floats

    @classmethod
    def of(cls, sample: Sample) -> _Model:
        width = sample.rows.shape[1]
        start = LastLayer.fresh(np.zeros(width), np.full(width, 0.25))
        fold = sample.task % _FOLDS
        weights = []
        for held in range(_FOLDS):
            others = fold != held
            rows = sample.rows[others].astype(np.float64)
            weights.append(start.fitted(rows, sample.reward[others], np.ones(len(rows))).mean)
        return cls(fold, np.stack(weights))

    def predicted(self, rows: Rows, episodes: NDArray[np.int64]) -> Floats:
        """m(s, slate) in [0, 1] for one row an episode, shape (n,)."""
        return sigmoid((rows[episodes] * self.weights[self.fold[episodes]]).sum(1))

    def expected(self, plans: Sequence[Rows], episodes: NDArray[np.int64]) -> Floats:
        """The mean of m over what a policy shows in each episode, shape (n,)."""
        return np.array([sigmoid(plans[i] @ self.weights[self.fold[i]]).mean() for i in episodes], np.float64)


@dataclass(frozen=True, slots=True)
class _Bootstrap:
    """How intervals are made, the same for all answers."""

    level: float
    seed: int
    resamples: int

    def evaluate(self, log: Log, target: Target) -> Evaluation:
        return evaluate(log, target, level=self.level, seed=self.seed, resamples=self.resamples)

    def contrast(self, log: Log, target: Target, other: Target) -> Evaluation:
        return contrast(log, target, other, level=self.level, seed=self.seed, resamples=self.resamples)


@dataclass(frozen=True, slots=True)
class _Judge:
    sample: Sample
    model: _Model
    how: _Bootstrap

    def answer(self, target: TargetPolicy) -> Answer:
        """Judge one policy on the episodes for which it is defined and what was shown has a known chance."""
        sample = self.sample
        known = np.isfinite(sample.chance) & ~np.isnan(sample.targets[target.name])
        episodes, exploring = self._telling(np.flatnonzero(known))
        log = self._log(episodes)
        mine = self._target(target.name, episodes)
        earned = self.how.evaluate(log, mine)
        gain = None
        if target.name != SIMILARITY and SIMILARITY in sample.targets:
            other = self._target(SIMILARITY, episodes)
            gain = self.how.contrast(log, mine, other)
        refusal = earned.refusal or (gain.refusal if gain else "")
        cost = sample.cost[target.name]
        needed = int(np.ceil(max(LEAST_EFFECTIVE * cost, LEAST_TASKS))) if refusal and np.isfinite(cost) else None
        return Answer(target.name, target.words, earned, gain, exploring, needed)

    def memory(self) -> tuple[Evaluation, Evaluation, Evaluation, float]:
        """Memory as it was used, none, their difference, and the share held out."""
        sample = self.sample
        episodes = np.flatnonzero(sample.holdout > 0)
        if not len(episodes):
            episodes = np.arange(len(sample))
        shown, share = sample.shown[episodes], sample.holdout[episodes]
        chance = np.log(np.maximum(np.where(shown, 1 - share, share), 1e-300))
        log = Log(sample.task[episodes], sample.reward[episodes], np.minimum(chance, 0.0))
        sides = []
        for takes, rows in ((shown, sample.usual), (~shown, sample.bare)):
            told = self.model.predicted(rows, episodes)
            sides.append(Target(np.where(takes, 0.0, -np.inf), told, told))
        return (
            self.how.evaluate(log, sides[0]),
            self.how.evaluate(log, sides[1]),
            self.how.contrast(log, sides[0], sides[1]),
            float(share.mean()) if len(episodes) else 0.0,
        )

    def _telling(self, episodes: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
        """The episodes since something was drawn, where those are enough; else all."""
        exploring = episodes[self.sample.explore[episodes] > 0]
        enough = len(np.unique(self.sample.task[exploring])) >= LEAST_TASKS
        return (exploring, len(exploring) < len(episodes)) if enough else (episodes, False)

    def _log(self, episodes: NDArray[np.int64]) -> Log:
        sample = self.sample
        return Log(sample.task[episodes], sample.reward[episodes], sample.chance[episodes])

    def _target(self, name: str, episodes: NDArray[np.int64]) -> Target:
        sample = self.sample
        return Target(
            sample.targets[name][episodes],
            self.model.predicted(sample.rows, episodes),
            self.model.expected(sample.plans[name], episodes),
        )
