"""The gate: a new version is used only where it is better, beyond noise, than similarity and than the version in force.

Judged are tasks that were not learned from, and are newer than all that were, by two figures:

- cross-entropy of what became of the slates that were shown;
- ranking: how often the case shown in an episode that succeeded stood higher among the candidates there, by the
  model's advantage, than the one shown in an episode that failed. Where a case stands is its advantage less the mean
  of the candidates of the same task, so that knowing which tasks are easy brings nothing.

Intervals come from a bootstrap over tasks, for episodes of one task share their luck.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memento_memory.dataset import Episodes
from memento_memory.learning.calibration import cross_entropy

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

RESAMPLES = 1000
LEVEL = 0.9  # of the two-sided intervals: "better" is wrong at most one time in twenty
_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one model says of n slates.

    Attributes:
        logit: of success, shape (n,).
        standing: of the cases shown among the candidates; nan where there was no choice, shape (n,).
    """

    logit: Floats
    standing: Floats

    @classmethod
    def of(
        cls, episodes: Episodes, judged: Flags, weights: Floats, column: Floats | None = None, at: int = -1
    ) -> Opinion:
        """The opinion of a last layer on the judged episodes.

        Args:
            judged: shape (all episodes,), n of them true.
            weights: of the last layer, shape (m + d,).
            column: the trained network's feature for every candidate; None leaves it 0.
            at: its place among the pair features.
        """
        logit = episodes.design(column, at) @ weights
        advantage = episodes.candidates(column, at) @ weights[episodes.task.shape[1] :]
        size = len(episodes.keys)
        count = np.bincount(episodes.owner, minlength=size)
        credit = np.bincount(episodes.owner, episodes.credit, size)
        with np.errstate(invalid="ignore", divide="ignore"):
            shown = np.bincount(episodes.owner, episodes.credit * advantage, size) / credit
            standing = shown - np.bincount(episodes.owner, advantage, size) / count
        standing = np.where((count > 1) & (credit > 0), standing, np.nan)
        return cls(logit[judged], standing[judged])


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the n slates: reward in [0, 1], weight of the evidence and number of the task, shape (n,) each."""

    reward: Floats
    weight: Floats
    task: Numbers


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better, with the interval over tasks; above 0 is better."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version may be used, and why.

    Attributes:
        reason: one sentence.
        gains: by rival, the gains in cross-entropy (nats per episode) and in ranking (share of pairs in order).
    """

    promoted: bool
    reason: str
    gains: dict[str, dict[str, Gain]]

    def report(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def judge(candidate: Opinion, rivals: Mapping[str, Opinion], outcomes: Outcomes, *, seed: int = 0) -> Verdict:
    """Compare a candidate with its rivals on the same held-out slates.

    Args:
        rivals: by the name under which they appear in the reason.
    """
    good, bad = _classes(candidate, outcomes)
    if min(good, bad) < 5:
        lack = "successes" if good < bad else "failures"
        return Verdict(False, f"the newest tasks, held out to judge it, show too few {lack} to tell", {})
    counts = _resampled(outcomes.task, seed)
    ours = cross_entropy(candidate.logit, outcomes.reward)
    ranking = _ranking(candidate.standing, outcomes, counts)
    gains: dict[str, dict[str, Gain]] = {}
    for name, rival in rivals.items():
        saved = _means(cross_entropy(rival.logit, outcomes.reward) - ours, outcomes.weight, counts)
        better = ranking - _ranking(rival.standing, outcomes, counts)
        gains[name] = {"log_loss": _gain(saved), "ranking": _gain(better)}
    lost = [(name, figure) for name, pair in gains.items() for figure, gain in pair.items() if not gain.low > 0]
    return Verdict(not lost, _reason(lost, list(rivals)), gains)


def weighted_auc(score: Floats, good: Floats, bad: Floats) -> Floats:
    """Chance that a score drawn from the good is above one drawn from the bad, ties counting half.

    Args:
        score: shape (n,).
        good, bad: weights of each as one and the other, shape (..., n).

    Returns:
        Shape (...,); nan where there is nothing to compare.
    """
    levels, level = np.unique(score, return_inverse=True)
    order = np.argsort(level, kind="stable")
    starts = np.searchsorted(level[order], np.arange(len(levels)))
    good, bad = (np.add.reduceat(weights[..., order], starts, axis=-1) for weights in (good, bad))
    below = np.cumsum(bad, axis=-1) - bad
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((good * (below + bad / 2)).sum(-1) / (good.sum(-1) * bad.sum(-1)))


def _classes(candidate: Opinion, outcomes: Outcomes) -> tuple[float, float]:
    there = ~np.isnan(candidate.standing)
    return float(outcomes.reward[there].sum()), float((1 - outcomes.reward[there]).sum())


def _resampled(task: Numbers, seed: int) -> Floats:
    """How often each episode is in each of the resamples, the first being the data as they are; (1 + resamples, n)."""
    _, number = np.unique(task, return_inverse=True)
    tasks = int(number.max(initial=-1)) + 1
    rng = np.random.default_rng([seed, tasks])
    draws = rng.multinomial(tasks, np.full(tasks, 1 / tasks), RESAMPLES)
    return np.concatenate([np.ones((1, tasks)), draws])[:, number]


def _means(values: Floats, weight: Floats, counts: Floats) -> Floats:
    return np.asarray((counts @ (values * weight)) / np.maximum(counts @ weight, 1e-12))


def _ranking(standing: Floats, outcomes: Outcomes, counts: Floats) -> Floats:
    there = ~np.isnan(standing)
    weight, reward = outcomes.weight[there], outcomes.reward[there]
    parts = []
    for i in range(0, len(counts), _CHUNK):
        here = counts[i : i + _CHUNK, there] * weight
        parts.append(weighted_auc(standing[there], here * reward, here * (1 - reward)))
    return np.concatenate(parts)


def _gain(values: Floats) -> Gain:
    low, high = np.nanquantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Gain(float(values[0]), float(low), float(high))


def _reason(lost: list[tuple[str, str]], rivals: list[str]) -> str:
    if not lost:
        return f"it predicts and ranks better than {' and '.join(rivals)} on tasks it had not seen, beyond noise"
    words = {"log_loss": "predict", "ranking": "rank"}
    parts = [f"{words[figure]} better than {name}" for name, figure in lost]
    return f"on tasks it had not seen, it does not {', nor '.join(parts)}, beyond noise"
