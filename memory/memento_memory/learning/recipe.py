"""How the slow learner learns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one training; with the seed and the log they decide every byte of its result.

    Attributes:
        least: episodes with known outcomes that are needed.
        most: the newest so many are read.
        holdout: share of the tasks, the newest, on which the result is judged.
        members: networks in the committee, each trained without its share of the tasks.
        rank: dimensions the embeddings are projected to.
        hidden: units of the hidden layer.
        epochs: passes over the log at most; training ends earlier when `patience` passes in a row bring nothing.
        batch: slates in one step.
        rate: step size of Adam.
        decay: share of the weights that is given up at every step, in units of the step size.
        alpha: temperature of the soft value of the next attempt, above 0.
        gamma: what success at the next attempt is worth, in [0, 1].
        limit_s: seconds of training after which the best network so far is taken.
    """

    least: int = 200
    most: int = 20_000
    holdout: float = 0.2
    members: int = 4
    rank: int = 16
    hidden: int = 16
    epochs: int = 60
    patience: int = 6
    batch: int = 256
    rate: float = 0.002
    decay: float = 3.0
    alpha: float = 0.1
    gamma: float = 0.5
    limit_s: float = 600.0


DEFAULT = Recipe()
