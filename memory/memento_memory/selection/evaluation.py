"""Off-policy evaluation: what another policy would have earned on the tasks of the log.

Every episode weighs w = pi(slate | s) / mu(slate | s), the target's probability of the logged slate over that of the
policy that drew it. From these weights come three estimates of the target's mean reward:

    IPS    mean(w r)                         (Horvitz and Thompson 1952)
    SNIPS  sum(w r) / sum(w)                 (Swaminathan and Joachims 2015)
    DR     mean(m_pi + w (r - m))            (Dudik, Langford and Li, arXiv 1103.4601)

where m predicts the reward of the logged slate and m_pi its mean over the target's slates. Intervals come from the
bootstrap over tasks, since episodes of one task are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.errors import InputError
from memento_memory.selection.overlap import Lack, Overlap, refused

Floats = NDArray[np.float64]

RESAMPLES = 2000
_CHUNK = 4_000_000  # resampled counts held at once
_CERTAIN = -1e-9
_SUSPECT = 0.998  # level of the mean weight's interval: wide, so that sound logs are hardly ever refused


@dataclass(frozen=True, slots=True)
class Log:
    """Episodes with a known outcome; all arrays have shape (n,).

    Attributes:
        task: a number for each task; episodes of equal tasks are resampled together.
        reward: r in [0, 1].
        propensity: log-probability of the whole slate, its end included, under the policy that drew it, at most 0.
    """

    task: NDArray[np.int64]
    reward: Floats
    propensity: Floats

    def __post_init__(self) -> None:
        for name in ("reward", "propensity"):
            if getattr(self, name).shape != self.task.shape:
                raise InputError(
                    name, f"has shape {getattr(self, name).shape}, task {self.task.shape}; they must match"
                )
        if not np.all((self.reward >= 0) & (self.reward <= 1)):
            raise InputError("reward", "has values outside [0, 1]; leave episodes without a known outcome out")
        if not np.all(np.isfinite(self.propensity) & (self.propensity <= 0)):
            raise InputError("propensity", "must be finite log-probabilities of at most 0; leave other episodes out")

    def __len__(self) -> int:
        return len(self.task)


@dataclass(frozen=True, slots=True)
class Target:
    """A policy to be judged, as it bears on every logged episode; arrays of shape (n,).

    Attributes:
        probability: its log-probability of the logged slate; minus infinity where it would never show it.
        predicted: m(s, slate) in [0, 1], a model's reward for the logged slate. Fit it on other tasks.
        expected: the mean of m(s, .) over the slates the target would show; None, with `predicted`, for no model.
    """

    probability: Floats
    predicted: Floats | None = None
    expected: Floats | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean reward, or a difference of two, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answer for one target policy, or for the difference of two.

    Attributes:
        ips, snips, dr: estimates; None where refused, and dr also where no reward model was given.
        above: of a difference, the share of resamples in which it is above 0; by dr, or snips without it.
        refusal: why the log cannot answer and what is missing, in words; empty where it can.
        lack: the same as a kind; None where it can.
    """

    overlap: Overlap
    ips: Estimate | None = None
    snips: Estimate | None = None
    dr: Estimate | None = None
    above: float | None = None
    refusal: str = ""
    lack: Lack | None = None

    @property
    def best(self) -> Estimate | None:
        """The doubly robust estimate, or SNIPS where there was no reward model; None where refused."""
        return self.dr or self.snips


def evaluate(log: Log, target: Target, *, level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES) -> Evaluation:
    """Estimate the target's mean reward, or say why the log cannot tell.

    Args:
        level: of the two-sided percentile interval, in (0, 1).
    """
    sums = _Sums.of(log, target)
    totals = _resampled([sums.by_task], seed, resamples)[0]
    overlap = _overlap(log, sums, totals)
    refusal = refused(overlap)
    if refusal:
        return Evaluation(overlap, refusal=refusal.reason, lack=refusal.lack)
    at, spread = _ratios(sums.by_task.sum(0)[None]), _ratios(totals)
    return Evaluation(overlap, *_estimates(at, spread, level, target.expected is not None))


def contrast(
    log: Log, target: Target, other: Target, *, level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Evaluation:
    """Estimate by how much the target's mean reward exceeds the other's, on the same resampled tasks.

    The overlap shown is that of the policy with the smaller effective number of tasks.
    """
    both = [_Sums.of(log, target), _Sums.of(log, other)]
    totals = _resampled([sums.by_task for sums in both], seed, resamples)
    overlaps = [_overlap(log, sums, total) for sums, total in zip(both, totals, strict=True)]
    refusals = [refused(overlap) for overlap in overlaps]
    weaker = min(overlaps, key=lambda overlap: overlap.effective)
    found = [(side, why) for side, why in zip(("first policy", "second policy"), refusals, strict=True) if why]
    if found:
        words = "; ".join(f"{side}: {why.reason}" for side, why in found)
        return Evaluation(weaker, refusal=words, lack=found[0][1].lack)
    first, second = (_ratios(sums.by_task.sum(0)[None]) for sums in both)
    spread = _ratios(totals[0]) - _ratios(totals[1])
    modelled = target.expected is not None and other.expected is not None
    column = spread[:, 2 if modelled else 1]
    above = float(np.mean(column > 0) + np.mean(column == 0) / 2)
    return Evaluation(weaker, *_estimates(first - second, spread, level, modelled), above)


def logged_target(log: Log, predicted: Floats | None = None, expected: Floats | None = None) -> Target:
    """The very policy that wrote the log: all weights are one."""
    return Target(log.propensity, predicted, expected)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums over the episodes of each task, shape (tasks, 4): episodes, w, w r, and the terms of DR."""

    by_task: Floats

    @classmethod
    def of(cls, log: Log, target: Target) -> _Sums:
        if (target.predicted is None) != (target.expected is None):
            raise InputError("target", "has one of predicted and expected; give both or neither")
        weight = np.exp(target.probability - log.propensity)
        robust = np.zeros(len(log))
        if target.predicted is not None and target.expected is not None:
            robust = target.expected + weight * (log.reward - target.predicted)
        tasks, row = np.unique(log.task, return_inverse=True)
        columns = (np.ones(len(log)), weight, weight * log.reward, robust)
        return cls(np.stack([np.bincount(row, column, len(tasks)) for column in columns], axis=1))


def _resampled(by_task: list[Floats], seed: int, resamples: int) -> list[Floats]:
    """Totals of each table over the same tasks drawn with replacement, shape (resamples, 4) each."""
    rng = np.random.default_rng(seed)
    tasks = len(by_task[0])
    if tasks == 0:
        return [np.zeros((resamples, 4)) for _ in by_task]
    parts: list[Floats] = []
    step = max(_CHUNK // tasks, 1)
    for start in range(0, resamples, step):
        counts = rng.multinomial(tasks, np.full(tasks, 1 / tasks), size=min(step, resamples - start))
        parts.append(counts.astype(np.float64) @ np.concatenate(by_task, axis=1))
    return np.split(np.concatenate(parts), len(by_task), axis=1)


def _ratios(totals: Floats) -> Floats:
    """IPS, SNIPS and DR of totals of shape (b, 4), as shape (b, 3); SNIPS is 0 where nothing weighs."""
    episodes, weight, weighted, robust = totals.T
    snips = np.divide(weighted, weight, out=np.zeros_like(weighted), where=weight > 0)
    return np.stack([weighted / episodes, snips, robust / episodes], axis=1)


def _estimates(at: Floats, spread: Floats, level: float, modelled: bool) -> tuple[Estimate, Estimate, Estimate | None]:
    low, high = np.quantile(spread, [(1 - level) / 2, (1 + level) / 2], axis=0)
    ips, snips, dr = (Estimate(float(at[0, j]), float(low[j]), float(high[j])) for j in range(3))
    return ips, snips, dr if modelled else None


def _overlap(log: Log, sums: _Sums, totals: Floats) -> Overlap:
    weight = sums.by_task[:, 1]
    total, squares = float(weight.sum()), float((weight**2).sum())
    if len(log) == 0:
        return Overlap(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    low, high = np.quantile(totals[:, 1] / totals[:, 0], [(1 - _SUSPECT) / 2, (1 + _SUSPECT) / 2])
    return Overlap(
        episodes=len(log),
        tasks=len(weight),
        effective=total**2 / squares if squares else 0.0,
        mean_weight=total / len(log),
        mean_weight_low=float(low),
        mean_weight_high=float(high),
        largest=float(weight.max()) / total if total else 0.0,
        certain=float(np.mean(log.propensity >= _CERTAIN)),
    )
