"""The features of a task, psi(s), and of a pair of task and case, phi(s, c), that the value of a case rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memento_memory.selection.sight import Sight

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature and what is believed of its weight before any outcome.

    Attributes:
        name: short and stable; stored with every version of the value model.
        more, less: what a large and a small value say, in plain words, for `explain`.
        prior_mean, prior_sd: of its weight.
    """

    name: str
    more: str
    less: str
    prior_mean: float = 0.0
    prior_sd: float = 0.15


TASK = (Feature("bias", "tasks like this succeed", "tasks like this fail", 0.0, 1.0),)
PAIR = (
    Feature("similarity", "the tasks are alike", "the tasks differ", 1.5, 0.15),
    Feature("network", "the trained network values it", "the trained network does not", 0.0, 0.3),
)


def task_features(sight: Sight) -> Floats:
    """psi(s), shape (m,); the first is 1."""
    return np.ones(1)


def pair_features(sight: Sight) -> Floats:
    """phi(s, c), shape (n, d), on scales where 1 is a usual difference; the last column is the network's place."""
    similarity = (sight.similarity - sight.threshold) / 0.1
    return np.stack([similarity, np.zeros(len(sight.cases))], axis=1)
