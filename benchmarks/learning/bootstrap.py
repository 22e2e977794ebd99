"""Intervals of paired differences, by resampling tasks or whole groups of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 4_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its central 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def over_tasks(differences: Floats, *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The mean of one number a task, shape (n,), and how it varies with the draw of the tasks."""
    rng = np.random.default_rng(seed)
    n = len(differences)
    means = np.concatenate([differences[rng.integers(0, n, (100, n))].mean(1) for _ in range(-(-resamples // 100))])
    return _interval(differences, means)


def over_groups(differences: Floats, groups: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The same, with whole groups of tasks (databases, kinds) drawn together."""
    rng = np.random.default_rng(seed)
    _, owner = np.unique(np.asarray(groups), return_inverse=True)
    sums, sizes = np.bincount(owner, differences), np.bincount(owner)
    drawn = rng.integers(0, len(sizes), (resamples, len(sizes)))
    return _interval(differences, sums[drawn].sum(1) / sizes[drawn].sum(1))


def of_runs(values: Floats) -> Interval:
    """The mean over repeated runs, shape (n,), n at least 2, and its interval by the standard error (z = 1.96)."""
    error = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values))
    mean = float(values.mean())
    return Interval(mean, mean - error, mean + error)


def by_group(differences: Floats, groups: Sequence[str]) -> dict[str, float]:
    """The mean of each group, in alphabetical order."""
    names = np.asarray(groups)
    return {str(name): float(differences[names == name].mean()) for name in np.unique(names)}


def calibration_error(chances: Floats, outcomes: Floats, *, bins: int = 10) -> float:
    """Expected calibration error over bins of equal count, in [0, 1]."""
    order = np.argsort(chances, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(float(chances[part].mean() - outcomes[part].mean())) * len(part) for part in parts]
    return sum(gaps) / len(chances)


def _interval(values: Floats, means: Floats) -> Interval:
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))
